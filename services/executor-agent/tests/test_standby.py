"""Killed between fork and exec, with SIGHUP ignored as under nohup: what is left keeps nobody from working."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from executor_rig import ExecutorHarness, proposal_for

from executor_agent.processes.orphans import OrphanState, end_orphans
from mesh_core.models.proposals import Folder
from mesh_core.runtime.heartbeats import heartbeat_file, what_is_stuck
from mesh_core.runtime.leader_lock import LeaderLock
from mesh_core.runtime.pulse import Pulse
from mesh_core.storage.file_lock import FileLock
from mesh_core.storage.lock_note import started_at
from mesh_core.testing import wait_for

CRASHING = Path(__file__).with_name("crashing.py")


class Nohup:
    """Executors that ignore SIGHUP, and all that is left of them, ended with the test."""

    def __init__(self, harness: ExecutorHarness):
        # The same words for all: a copy is known by the words of the executor that it was.
        self.command = [sys.executable, str(CRASHING), str(harness.runtime), harness.redis_url, "none"]
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, step: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "DIES_AT": step}
        self.processes.append(subprocess.Popen(["nohup", *self.command], stdout=subprocess.DEVNULL, env=environment))
        return self.processes[-1]

    def copies(self) -> list[int]:
        """What runs as one of them and was not started by us."""
        started = {process.pid for process in self.processes}
        return [
            pid
            for pid in _pids()
            if pid not in started and str(CRASHING) in _words(pid) and self.command[2] in _words(pid)
        ]


@pytest.fixture
def nohup(without_redis: ExecutorHarness) -> Iterator[Nohup]:
    made = Nohup(without_redis)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()
    for pid in made.copies():
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("step", ["a copy", "a copy with the lock"])
async def test_the_next_executor_works_whatever_is_left_of_the_one_before(
    without_redis: ExecutorHarness, nohup: Nohup, step: str
) -> None:
    first = without_redis.approve(proposal_for(1))
    assert await asyncio.to_thread(nohup.start(step).wait, 300) == -signal.SIGKILL
    left = 0 if step == "a copy" else 1
    await wait_for(lambda: len(nohup.copies()) == left, 10, f"{left} left of it")
    second = without_redis.approve(proposal_for(2))
    nohup.start("none")
    await without_redis.ends_in(Folder.DONE, second, 20)
    await without_redis.ends_in(Folder.INTERRUPTED, first, 20)
    if step == "a copy with the lock":
        await wait_for(lambda: nohup.copies() == [], 10, "the end of what stood in the way")


async def test_only_a_proven_leftover_is_ended(tmp_path: Path) -> None:
    """The holder is a copy of this test; what it is judged by is the note of who took the lock."""
    lock = tmp_path / "executor.lock"
    holder = FileLock(lock)
    assert holder.take()
    copy = os.fork()  # closes its own: it has to open it as a stranger would
    if copy == 0:
        os.open(lock, os.O_RDONLY)
        signal.pause()
    try:
        await wait_for(lambda: _has_open(copy, lock), 10, "it has the file open")
        here, gone = os.uname().nodename, 2**22 + 1
        for note in (
            f"pid {os.getpid()} started {started_at(os.getpid())} on {here}\n",  # who took it lives
            f"pid {os.getpid()} on {here}\n",
            f"pid {gone} started 7 on another-machine\n",
            "",
        ):
            holder.note(note)
            found = end_orphans(lock, None)
            assert (found.state, found.suspected) == (OrphanState.NONE, None), note
            assert f"process {copy} (" in found.described
        holder.note(f"pid {os.getpid()} started 7 on {here}\n")  # the number is another process's now
        assert end_orphans(lock, None).state is OrphanState.SUSPECTED
        holder.note(f"pid {gone} started 7 on {here}\n")
        once = end_orphans(lock, None)
        assert (once.state, once.pids) == (OrphanState.SUSPECTED, {copy})
        assert end_orphans(lock, ("another note", frozenset({copy}))).state is OrphanState.SUSPECTED
        assert os.waitpid(copy, os.WNOHANG) == (0, 0), "nobody has touched it yet"  # noqa: ASYNC222
        assert end_orphans(lock, once.suspected).state is OrphanState.KILLED
        _, status = await asyncio.to_thread(os.waitpid, copy, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    except BaseException:
        with suppress(OSError):  # it has ended
            os.kill(copy, signal.SIGKILL)
            os.waitpid(copy, 0)  # noqa: ASYNC222
        raise
    finally:
        holder.release()


async def test_standing_by_without_one_that_works_is_not_ready_and_named(
    without_redis: ExecutorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh_core.runtime.leader_lock.IDLE_SECONDS", 1.0)
    monkeypatch.setattr("mesh_core.runtime.leader_lock.INSPECT_SECONDS", 0.1)
    beat = heartbeat_file(without_redis.runtime, "executor-agent")
    pulse = Pulse()
    holder = FileLock(without_redis.runtime / "state" / "executor.lock")
    beat.parent.mkdir(exist_ok=True)
    assert holder.take()
    holder.note(f"pid {os.getpid()} on {os.uname().nodename}\n")
    leader_lock = LeaderLock("executor", holder.path, beat, pulse)
    stop = asyncio.Event()

    async def live() -> None:
        async with leader_lock.hold(stop) as leading:
            assert leading == (not stop.is_set())

    fresh, old = time.time() + 3600, time.time() - 3600
    beat.touch()
    os.utime(beat, (fresh, fresh))
    waiting = asyncio.create_task(live())
    try:
        await asyncio.sleep(0.3)
        assert leader_lock.ready().ready, "another works"
        assert "standing by" in leader_lock.ready().detail
        os.utime(beat, (old, old))
        await wait_for(lambda: not leader_lock.ready().ready, 10, "its heartbeat is old")
        assert "no executor works" in leader_lock.ready().detail
        assert f"pid {os.getpid()}" in pulse.tick()
        os.utime(beat, (fresh, fresh))
        await wait_for(lambda: leader_lock.ready().ready, 10, "it works again")
        holder.release()
        await asyncio.wait_for(waiting, 60)
        assert (pulse.standing_by, pulse.tick()) == (False, "")
    finally:
        stop.set()
        holder.release()
        await waiting


async def test_a_scan_that_stands_still_stops_the_heartbeat_and_is_named(
    without_redis: ExecutorHarness, nohup: Nohup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop turns, Redis answers or not, lines are sent: and nobody looks into approved/."""
    beat = heartbeat_file(without_redis.runtime, "executor-agent")
    process = nohup.start("a scan that hangs")
    await wait_for(lambda: "the scan of approved/ has not got on" in what_is_stuck(beat), 30, "it is named")
    assert process.poll() is None
    before = beat.stat().st_mtime
    said = what_is_stuck(beat)
    await wait_for(lambda: what_is_stuck(beat) != said, 10, "it is said again")
    assert beat.stat().st_mtime == before


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def _has_open(pid: int, path: Path) -> bool:
    """A process closes files while it is looked at."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if entry.samefile(path):
                return True
    return False
