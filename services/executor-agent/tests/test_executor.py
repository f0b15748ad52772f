"""The loop: claim, look, begin, run, conclude, report, finish, of one action and of several at once."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace

import pytest
from executor_rig import (
    DONE,
    QUICK,
    ExecutorHarness,
    event_id_for,
    file_pending,
    move_by_hand,
    proposal_for,
    stand_in,
    undoes_by_itself,
    write_inventory,
)

from executor_agent.admission import precondition
from executor_agent.loop import execution
from executor_agent.loop.bounded_runner import ExecutorLimits
from executor_agent.runner.interface import RunResult, TakenBack
from mesh_core.actions.register import action_type, with_digest
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.incidents.subject import subject_of
from mesh_core.models.events import Trust
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.proposals import Folder, Risk, Undoes
from mesh_core.testing import RedisServer, wait_for


async def test_nothing_runs_until_a_person_moves_the_file(harness: ExecutorHarness) -> None:
    await harness.begin()
    name = file_pending(harness.actions, proposal_for(1))
    await asyncio.sleep(0.5)
    assert not harness.runner.runs()
    assert (harness.folder(Folder.PENDING) / name.file).exists()
    move_by_hand(harness.actions, name)
    await harness.ends_in(Folder.DONE, name)


async def test_an_approved_action_runs_once_and_leaves_its_papers(harness: ExecutorHarness) -> None:
    await harness.begin()
    proposal = proposal_for(1)
    name = harness.approve(proposal)
    outcome = await harness.ends_in(Folder.DONE, name)
    assert (outcome.result, outcome.verdict, outcome.digest) == ("done", "proven", name.digest)
    assert (outcome.event_id, outcome.approved_by, outcome.attempt) == (event_id_for(1), "mv", 1)
    folder = harness.folder(Folder.DONE) / name.id
    assert (folder / "proposal.json").read_bytes() == proposal.wire()
    assert (folder / "claimed.json").read_bytes() == proposal.wire()
    assert (folder / "proposal.json").stat().st_ino != (folder / "claimed.json").stat().st_ino
    intent = json.loads((folder / "intent.json").read_bytes())
    assert intent["digest"] == name.digest
    assert intent["host"] == "tester"
    assert harness.runner.runs() == [name.id]


@pytest.mark.slow
@pytest.mark.parametrize("inotify", [True, False])
async def test_an_approval_is_seen_long_before_the_next_scan(
    without_redis: ExecutorHarness, monkeypatch: pytest.MonkeyPatch, inotify: bool
) -> None:
    def deaf(*_: object) -> None:
        raise OSError(24, "no inotify left")

    if not inotify:
        monkeypatch.setattr("mesh_core.runtime.path_watch.FolderWatch", deaf)
    without_redis.limits = replace(QUICK, scan_seconds=3600)
    await without_redis.begin()
    for number in (1, 2):  # the first may be found as what lay there at the start
        await without_redis.ends_in(Folder.DONE, without_redis.approve(proposal_for(number)), 60)


async def test_it_is_told_in_order_and_as_health_events(harness: ExecutorHarness) -> None:
    await harness.begin()
    name = file_pending(harness.actions, proposal_for(1))
    assert harness.actions.approve(name, "anna")
    await harness.ends_in(Folder.DONE, name)
    await wait_for(lambda: harness.has_told(3, 2), 10, "everything is told")
    assert await harness.moves() == [
        (name.id, "pending", "approved"),
        (name.id, "approved", "running"),
        (name.id, "running", "done"),
    ]
    updates = await harness.updates()
    assert updates[0]["by"] == f"anna (uid {os.getuid()})"
    assert updates[2]["by"] == "executor@tester"
    assert updates[2]["reason"] == "the probe is green again"
    events = await harness.events()
    assert [event["type"] for event in events] == ["remediation_started", "remediation_completed"]
    assert 0 <= events[1]["payload"].pop("seconds") < 60
    assert events[1]["payload"] == {
        "action_id": name.id,
        "action": "restart",
        "type": "container_restart",
        "verdict": "proven",
        "reason": "the probe is green again",
        "attempt": 1,
        "event_id": proposal_for(1).event.id,
        "subject": subject_of(proposal_for(1).event),
    }
    assert events[1]["trust"] == "mesh"
    assert events[1]["incident"] == "here/1"
    assert harness.outcome(Folder.DONE, name.id).approved_by == f"anna (uid {os.getuid()})"


DID_NOT_HELP = replace(DONE, result="failed", verdict=OutcomeVerdict.NOT_HELPED, reason="sick", did_not_help=True)
MEASURED = TargetState(TargetStatus.UNHEALTHY, "it does not answer", {"answers": 0, "exists": True})


@pytest.mark.parametrize(
    ("result", "look", "back", "undone", "words"),
    [
        (DONE, MEASURED, None, None, "the probe is green again"),
        (DID_NOT_HELP, MEASURED, None, True, "sick; it was taken back, and all is as before"),
        (DID_NOT_HELP, MEASURED, TakenBack("failed", "it could not"), "failed", "sick; it could not"),
        (DID_NOT_HELP, replace(MEASURED, facts={}), None, False, "for what was there before was not measured; `mend"),
        (replace(DID_NOT_HELP, did_not_help=False), MEASURED, None, False, "for nobody could see whether it helped"),
        (replace(DID_NOT_HELP, did_not_help=False, verdict=OutcomeVerdict.NOT_RUN), MEASURED, None, None, "sick"),
        (replace(DID_NOT_HELP, did_not_help=False, result="interrupted"), MEASURED, None, False, "it was cut short;"),
    ],
)
async def test_what_did_not_help_is_taken_back_once_where_its_card_said_so(
    without_redis: ExecutorHarness,
    monkeypatch: pytest.MonkeyPatch,
    result: RunResult,
    look: TargetState,
    back: TakenBack | None,
    undone: bool | str | None,
    words: str,
) -> None:
    undoes_by_itself(monkeypatch.setitem)
    harness = without_redis
    harness.runner.result, harness.runner.looks = result, (look,)
    harness.runner.back = back or harness.runner.back
    await harness.begin()
    name = harness.approve(proposal_for(1))
    outcome = await harness.ends_in(Folder(result.result), name)
    assert outcome.undone == undone
    assert words in outcome.reason
    taken = undone in (True, "failed")
    assert harness.runner.runs() == [name.id, *([f"undo:{name.id}"] if taken else [])]
    assert harness.runner.known == ([{"answers": 0}] if taken else [])


async def test_what_began_as_often_on_its_target_as_its_limit_says_does_not_begin_again(
    without_redis: ExecutorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    restart = action_type("container_restart")
    assert restart.choice is not None
    stand_in(replace(restart, choice=replace(restart.choice, per_hour=2)), monkeypatch.setitem)
    await without_redis.begin()
    for number in (1, 2):
        await without_redis.ends_in(Folder.DONE, without_redis.approve(proposal_for(number)))
    elsewhere = without_redis.approve(proposal_for(3, node="there"))
    third = without_redis.approve(proposal_for(4))
    await without_redis.ends_in(Folder.DONE, elsewhere)
    assert "restart began 2 times on here/web within the hour, its limit is 2" in await without_redis.put_back(third)
    assert third.id not in without_redis.runner.runs()


async def test_an_undo_tells_nobody_of_a_repair_and_begins_only_after_what_it_takes_back(
    harness: ExecutorHarness,
) -> None:
    """That all is as before is no recovery: it would end the incident."""
    payload = {"runtime": "systemd", "investigation": {"unit": {"enabled": True}}}
    event = proposal_for(1).event.model_copy(update={"type": "unit_failed", "payload": payload, "trust": Trust.NODE})
    remedy = {"action": "unit_start", "type": "unit_start", "risk_level": "low"}
    ran = proposal_for(1, **remedy, event=event)
    undo = {"action": "undo_unit_start", "type": "undo_unit_start", "risk_level": Risk.GUARDED}
    made = ran.model_copy(update={**undo, "undoes": Undoes(action_id=ran.id, before={"is_running": 0, "restarts": 0})})
    made = with_digest(made.model_copy(update={"id": made.id_by_its_parts}))
    await harness.begin()
    never = harness.approve(made)
    assert "did not run here" in await harness.put_back(never)
    (harness.folder(Folder.DONE) / ran.id).mkdir()
    (harness.folder(Folder.DONE) / ran.id / "proposal.json").write_bytes(ran.wire())
    (harness.folder(Folder.QUARANTINE) / never.file).rename(harness.folder(Folder.APPROVED) / never.file)
    await harness.ends_in(Folder.DONE, never)

    async def told() -> bool:
        return (never.id, "running", "done") in await harness.moves()

    await wait_for(told, 10, "it is told")
    assert await harness.events() == []


async def test_a_run_that_did_not_help_fails_and_says_so(harness: ExecutorHarness) -> None:
    harness.runner.result = RunResult("failed", "not_helped", "still unhealthy after 30 s", after={"health": "bad"})
    await harness.begin()
    name = harness.approve(proposal_for(1))
    outcome = await harness.ends_in(Folder.FAILED, name)
    assert outcome.after == {"health": "bad"}
    await wait_for(lambda: harness.has_told(3, 2), 10, "everything is told")
    assert (await harness.events())[-1]["type"] == "remediation_failed"


async def test_a_runner_that_raises_fails_its_action_and_nothing_else(without_redis: ExecutorHarness) -> None:
    without_redis.runner.raises = RuntimeError("ansible is not installed")
    await without_redis.begin()
    name = without_redis.approve(proposal_for(1))
    outcome = await without_redis.ends_in(Folder.FAILED, name)
    assert "ansible is not installed" in outcome.reason
    without_redis.runner.raises = None
    await without_redis.ends_in(Folder.DONE, without_redis.approve(proposal_for(2)))


async def test_what_became_well_by_itself_is_not_touched(harness: ExecutorHarness) -> None:
    harness.runner.looks = (TargetState(TargetStatus.HEALTHY, "it answers with 200", {"status": 200}),)
    await harness.begin()
    name = harness.approve(proposal_for(1))
    outcome = await harness.ends_in(Folder.WITHDRAWN, name)
    assert (outcome.result, outcome.verdict, outcome.before) == ("withdrawn", "not_run", {"status": 200})
    assert not harness.runner.runs()
    assert not (harness.folder(Folder.WITHDRAWN) / name.id / "started").exists()
    await wait_for(lambda: harness.has_told(3, 0), 10, "it is told")
    assert await harness.events() == []


async def test_what_an_alert_saw_before_the_containers_own_check_did_is_waited_for(
    without_redis: ExecutorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "LOOK_AGAIN_SECONDS", 0.01)
    facts = {"containers": [{"health": "healthy"}], "checked": True, "start_period_seconds": 60.0}
    well = TargetState(TargetStatus.HEALTHY, "running, health healthy", facts)
    alert = proposal_for(1).event.model_copy(update={"type": "container_unhealthy", "payload": {"runtime": "docker"}})
    without_redis.runner.looks = (well, well, TargetState(TargetStatus.UNHEALTHY, "running, health unhealthy"))
    await without_redis.begin()
    await without_redis.ends_in(Folder.DONE, without_redis.approve(proposal_for(1, event=alert)))
    # and where that check goes on saying that all is well, nothing is touched, and the card says whose word it was
    monkeypatch.setattr(precondition, "MAX_WAIT_SECONDS", 0.0)
    without_redis.runner.looks = (well,)
    later = alert.model_copy(update={"id": event_id_for(2), "incident": "here/2"})
    outcome = await without_redis.ends_in(Folder.WITHDRAWN, without_redis.approve(proposal_for(2, event=later)))
    assert "its own health check says that it is healthy" in outcome.reason
    assert "mend inject" in outcome.reason


async def test_a_look_that_fails_or_hangs_does_not_decide(
    without_redis: ExecutorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> TargetState:
        raise OSError("no route to host")

    monkeypatch.setattr(without_redis.runner, "look", broken)
    await without_redis.begin()
    await without_redis.ends_in(Folder.DONE, without_redis.approve(proposal_for(1)))
    await without_redis.end()

    async def hangs(*_: object) -> TargetState:
        await asyncio.sleep(60)
        raise AssertionError

    monkeypatch.setattr(without_redis.runner, "look", hangs)
    without_redis.limits = ExecutorLimits(look_seconds=0.2, scan_seconds=0.2)
    await without_redis.begin()
    await without_redis.ends_in(Folder.DONE, without_redis.approve(proposal_for(2)))


async def test_a_notification_is_no_remediation(harness: ExecutorHarness) -> None:
    await harness.begin()
    name = harness.approve(proposal_for(1, action="notify", type="notify"))
    await harness.ends_in(Folder.DONE, name)
    await wait_for(lambda: harness.has_told(3, 0), 10, "it is told")
    assert await harness.events() == []


async def test_one_target_is_touched_by_one_action_at_a_time(without_redis: ExecutorHarness) -> None:
    without_redis.runner.seconds, without_redis.runner.together = 0.15, 2
    names = [without_redis.approve(proposal_for(number, service="web")) for number in range(1, 4)]
    names += [without_redis.approve(proposal_for(number, service=f"other-{number}")) for number in range(4, 7)]
    await without_redis.begin()
    for name in names:
        await without_redis.ends_in(Folder.DONE, name)
    assert without_redis.runner.most_busy == 1
    assert sorted(without_redis.runner.runs()) == sorted(name.id for name in names)


async def test_no_more_than_the_allowed_number_run_at_once(without_redis: ExecutorHarness) -> None:
    without_redis.limits = ExecutorLimits(parallel=2, scan_seconds=0.2)
    without_redis.runner.seconds, without_redis.runner.together = 0.1, 2
    names = [without_redis.approve(proposal_for(number, service=f"web-{number}")) for number in range(1, 8)]
    await without_redis.begin()
    for name in names:
        await without_redis.ends_in(Folder.DONE, name)
    assert without_redis.runner.most_at_once == 2


def test_a_run_may_last_as_long_as_its_type_says_and_never_longer_than_any() -> None:
    for most, type_name, seconds in (
        (600, "package_cache_clean", 120),
        (60, "package_cache_clean", 60),
        (600, "redeploy", 600),
    ):
        assert ExecutorLimits(run_seconds=most).seconds_of(type_name) == seconds


async def test_an_action_that_takes_too_long_is_ended_and_failed(without_redis: ExecutorHarness) -> None:
    without_redis.limits = ExecutorLimits(run_seconds=0.3, scan_seconds=0.2)
    without_redis.runner.seconds = 60
    await without_redis.begin()
    outcome = await without_redis.ends_in(Folder.FAILED, without_redis.approve(proposal_for(1)))
    assert "longer than 0.3 s" in outcome.reason


async def test_without_redis_work_goes_on_and_is_told_in_order_when_it_is_back(
    harness: ExecutorHarness, redis_server: RedisServer
) -> None:
    redis_server.stop()
    await harness.begin()
    names = []
    for number in range(1, 6):
        names.append(harness.approve(proposal_for(number, service=f"web-{number}")))
        await harness.ends_in(Folder.DONE, names[-1])
    await harness.end()
    await harness.begin()  # not even a restart loses a report
    redis_server.start()
    await wait_for(lambda: harness.has_told(15, 10), 15, "all of it is told")
    expected = [
        (name.id, *step)
        for name in names
        for step in (("pending", "approved"), ("approved", "running"), ("running", "done"))
    ]
    assert await harness.moves() == expected
    outbox = harness.runtime / "state" / "executor" / "outbox"
    await wait_for(lambda: not list(outbox.glob("*.json")), 30, "it is kept no longer than needed")


async def test_a_rule_changed_while_an_action_waits_is_obeyed(without_redis: ExecutorHarness) -> None:
    without_redis.runner.until = asyncio.Event()
    await without_redis.begin()
    first = without_redis.approve(proposal_for(1))
    await wait_for(lambda: without_redis.runner.runs(), 10, "the first runs")
    waits = without_redis.approve(proposal_for(2))
    await wait_for((without_redis.folder(Folder.RUNNING) / waits.id / "claimed.json").exists, 10, "both are claimed")
    write_inventory(without_redis.runtime, "there")
    without_redis.runner.until.set()
    await without_redis.ends_in(Folder.DONE, first)
    assert "not in config/inventory.yml" in await without_redis.put_back(waits)
    assert without_redis.runner.runs() == [first.id]
