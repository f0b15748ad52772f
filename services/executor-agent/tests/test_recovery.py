"""kill -9 at each arrow of the protocol: after a restart the action ran at most once, and has exactly one result."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator

import pytest
from executor_rig import ExecutorHarness, file_pending, move_by_hand, proposal_for, read_record
from parts.forked import Forked

from executor_agent.processes.process_table import descendants
from executor_agent.processes.run_processes import end_processes, processes_of
from mesh_core.models.proposals import EXECUTED, Folder
from mesh_core.testing import RedisServer, until, wait_for

# where it dies -> where the action ends, and how often it ran
ARROWS = {
    "before the claim": (Folder.DONE, 1),
    "after mkdir": (Folder.DONE, 1),
    "after the claim": (Folder.DONE, 1),
    "before the look": (Folder.DONE, 1),
    "before started": (Folder.DONE, 1),
    "between executed and started": (Folder.DONE, 1),
    "after started": (Folder.INTERRUPTED, 0),
    "in the run": (Folder.INTERRUPTED, 1),
    "after the run": (Folder.INTERRUPTED, 1),
    "after outcome": (Folder.DONE, 1),
    "before the report": (Folder.DONE, 1),
    "after the report": (Folder.DONE, 1),
    "after finish": (Folder.DONE, 1),
    "in the middle of telling": (Folder.DONE, 1),
}


class Process:
    """Executor processes on one runtime folder, ended with the test."""

    def __init__(self, harness: ExecutorHarness):
        self.harness = harness
        self.processes: list[Forked] = []

    def start(self, step: str = "none", seconds: float = 0.0) -> Forked:
        words = (str(self.harness.runtime), self.harness.redis_url, step, str(seconds))
        process = Forked("crashing", *words, environ=os.environ)
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def executor(harness: ExecutorHarness) -> Iterator[Process]:
    process = Process(harness)
    yield process
    process.end()


def ends(harness: ExecutorHarness, action_id: str) -> list[Folder]:
    folders = (*EXECUTED, Folder.WITHDRAWN)
    return [folder for folder in folders if (harness.folder(folder) / action_id).is_dir()]


@pytest.mark.parametrize("step", ARROWS)
async def test_killed_at_any_arrow_it_runs_at_most_once_with_exactly_one_result(
    harness: ExecutorHarness, executor: Process, step: str
) -> None:
    folder, runs = ARROWS[step]
    name = harness.approve(proposal_for(1))
    crashed = executor.start(step)
    await wait_for(lambda: crashed.poll() is not None, 15, f"it dies {step}")
    assert crashed.returncode == -signal.SIGKILL
    if step == "in the run":
        assert processes_of(name.id)
    executor.start()
    await wait_for(lambda: ends(harness, name.id), 15, "it comes to an end")
    assert ends(harness, name.id) == [folder]
    assert len(harness.runner.runs()) == runs
    assert not processes_of(name.id)
    assert harness.outcome(folder, name.id).result == folder.value

    async def told() -> bool:
        return len(await harness.moves()) >= 3 and not list((harness.runtime / "state/executor/outbox").glob("*.json"))

    await wait_for(told, 10, "everything is told")
    assert await harness.moves() == [
        (name.id, "pending", "approved"),
        (name.id, "approved", "running"),
        (name.id, "running", folder.value),
    ]
    events = [event["type"] for event in await harness.events()]
    good = folder is Folder.DONE
    assert events == ["remediation_started", "remediation_completed" if good else "remediation_failed"]
    # and once more in approved/: it stays at that
    raw = (harness.folder(folder) / name.id / "proposal.json").read_bytes()
    (harness.folder(Folder.APPROVED) / name.file).write_bytes(raw)
    assert "executed already" in await harness.quarantined(name.file)
    assert len(harness.runner.runs()) == runs


async def test_an_interrupted_run_says_what_was_seen_and_ends_what_was_left(
    harness: ExecutorHarness, executor: Process
) -> None:
    name = harness.approve(proposal_for(1))
    crashed = executor.start("in the run")
    await wait_for(lambda: crashed.poll() is not None, 15, "it dies in the run")
    executor.start()
    await wait_for(lambda: ends(harness, name.id), 15, "it comes to an end")
    outcome = harness.outcome(Folder.INTERRUPTED, name.id)
    assert outcome.verdict == "inconclusive"
    assert "1 processes" in outcome.reason
    assert "unhealthy: it does not answer" in outcome.reason


@pytest.mark.parametrize(
    ("step", "runs", "undone", "words"),
    [
        ("before the undo", 1, False, "it was not taken back, for the executor was killed; `mend undo` asks for that"),
        ("in the undo", 2, "failed", "killed while it took that back, and nobody saw whether all is as before"),
    ],
)
async def test_killed_around_an_undo_nothing_is_taken_back_twice_and_nobody_says_that_it_was(
    harness: ExecutorHarness, executor: Process, step: str, runs: int, undone: bool | str, words: str
) -> None:
    name = harness.approve(proposal_for(1))
    crashed = executor.start(step)
    await wait_for(lambda: crashed.poll() is not None, 60, f"it dies {step}")
    executor.start("undoes")
    await wait_for(lambda: ends(harness, name.id), 60, "it comes to an end")
    outcome = harness.outcome(Folder.INTERRUPTED, name.id)
    assert outcome.undone == undone
    assert words in outcome.reason
    assert harness.runner.runs() == [name.id, f"undo:{name.id}"][:runs]


async def test_papers_that_prove_nothing_are_not_run(without_redis: ExecutorHarness) -> None:
    """Half of intent.json after a power cut, or a proposal.json that somebody changed."""
    for number, (file, change) in enumerate((("intent.json", b""), ("proposal.json", b"x"), ("intent.json", b"{}")), 1):
        proposal = proposal_for(number)
        folder = without_redis.folder(Folder.RUNNING) / proposal.id
        folder.mkdir()
        for paper in ("claimed.json", "proposal.json", "intent.json"):
            (folder / paper).write_bytes(proposal.wire())
        (folder / file).write_bytes(change)
        await without_redis.begin()
        assert "inject the event again" in await without_redis.quarantined(proposal.id)
        await without_redis.end()
    assert not without_redis.runner.runs()


async def test_what_expired_while_the_executor_was_down_does_not_run(
    harness: ExecutorHarness, executor: Process
) -> None:
    name = harness.approve(proposal_for(1))
    crashed = executor.start("after the claim")
    await wait_for(lambda: crashed.poll() is not None, 15, "it dies after the claim")
    executor.start("two hours later")
    await wait_for((harness.folder(Folder.EXPIRED) / name.file).exists, 10, "it lies in expired/")
    await wait_for(lambda: not (harness.folder(Folder.RUNNING) / name.id).exists(), 10, "nothing of it in running/")
    assert not harness.runner.runs()


async def test_two_executors_and_kills_at_random_run_each_of_two_hundred_files_once(
    harness: ExecutorHarness, executor: Process, redis_server: RedisServer
) -> None:
    """Both live on the same folder; one is killed every now and then and started again, Redis as well. Seeded."""
    chance = random.Random(7)
    names = [file_pending(harness.actions, proposal_for(n, service=f"web-{n % 40}")) for n in range(1, 201)]
    pair = [executor.start(), executor.start()]
    kills = 0

    def all_ended() -> bool:
        return all(ends(harness, name.id) for name in names)

    for number, name in enumerate(names):
        move_by_hand(harness.actions, name)
        if number % 40 == 20:
            victim = chance.randrange(2)
            pair[victim].kill()
            pair[victim].wait()
            pair[victim] = executor.start()
            kills += 1
            redis_server.kill()
            await asyncio.sleep(0.2)  # the one that stands by takes over in about that time
            redis_server.start()
    await wait_for(all_ended, 60, "all two hundred have ended")
    counts = Counter(read_record(harness.runtime / "runs"))
    assert not [run for run, count in counts.items() if count > 1]
    results = {name.id: ends(harness, name.id) for name in names}
    assert all(len(found) == 1 for found in results.values())
    assert all(counts[action_id] == 1 for action_id, found in results.items() if found == [Folder.DONE])

    async def told() -> bool:
        return len([1 for move in await harness.moves() if move[1] == "running"]) >= len(names)

    await wait_for(told, 20, "each result is told")
    last = Counter(action_id for action_id, source, _ in await harness.moves() if source == "running")
    assert set(last.values()) == {1}
    interrupted = sum(found == [Folder.INTERRUPTED] for found in results.values())
    print(f"{len(names)} files, {kills} kills: {interrupted} interrupted, 0 twice, 0 lost")


def test_only_what_carries_the_marker_is_ended() -> None:
    run = f"plan-x-{os.getpid()}"  # it is looked for on the whole machine
    marked = {"PATH": "/usr/bin:/bin", "MEND_RUN": run}
    mine = subprocess.Popen(["sh", "-c", "sleep 60 & echo; wait"], env=marked, stdout=subprocess.PIPE)
    stubborn = subprocess.Popen(["sh", "-c", "trap '' TERM; echo; exec sleep 60"], env=marked, stdout=subprocess.PIPE)
    other = subprocess.Popen(["sleep", "60"], env={**marked, "MEND_RUN": f"{run}1"})
    try:
        for process in (mine, stubborn):
            assert process.stdout is not None
            assert process.stdout.readline() == b"\n"
            process.stdout.close()
        assert end_processes(run) == 3
        assert not processes_of(run)
        assert other.poll() is None
        assert mine.wait(300) != 0
        assert stubborn.wait(300) == -signal.SIGKILL
    finally:
        for process in (mine, stubborn, other):
            process.kill()
            process.wait()


TREE = f"plan-tree-{os.getpid()}"


@pytest.fixture
def tree() -> Iterator[tuple[int, int]]:
    """A shell and its command, by numbers that a set would hand out the other way round."""
    for turn in range(500):
        if turn % 3 == 0:  # or every pair would begin with an even number
            subprocess.run(["true"], check=True)
        words = ["sh", "-c", "sleep 60 & echo $!; wait; echo late"]
        with subprocess.Popen(words, env={"PATH": "/usr/bin:/bin", "MEND_RUN": TREE}, stdout=-1) as shell:
            assert shell.stdout is not None
            child = int(shell.stdout.readline())
            if list({shell.pid, child}) == [child, shell.pid]:
                yield shell.pid, child
                end_processes(TREE)
                return
            os.kill(child, signal.SIGKILL)
            shell.kill()
        until(lambda: not processes_of(TREE), 30, "the pair that was not wanted is gone")
    raise AssertionError("500 pairs of numbers, and none as wanted")


def test_a_parent_is_ended_before_its_child_so_that_a_script_does_not_go_on(tree: tuple[int, int]) -> None:
    assert processes_of(TREE) == list(tree)
    own = descendants(os.getpid())
    assert own.index(tree[0]) < own.index(tree[1])
