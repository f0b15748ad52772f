"""How an executor starts, stands by and ends: what it refuses, what becomes of a run that is going on."""

from __future__ import annotations

import asyncio
import os

import pytest
from executor_rig import ExecutorHarness, ScriptedRunner, proposal_for

from executor_agent.admission.permissions import reasons_to_refuse
from executor_agent.loop.bounded_runner import ExecutorLimits
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.proposals import Folder
from mesh_core.testing import wait_for, within


async def test_stopping_lets_a_short_run_end_and_claims_nothing_new(without_redis: ExecutorHarness) -> None:
    without_redis.runner.seconds = 0.6
    await without_redis.begin()
    name = without_redis.approve(proposal_for(1))
    await wait_for(lambda: without_redis.runner.runs(), 10, "it runs")
    without_redis.stop.set()
    later = without_redis.approve(proposal_for(2))
    await without_redis.end()
    assert without_redis.outcome(Folder.DONE, name.id).result == "done"
    assert (without_redis.folder(Folder.APPROVED) / later.file).exists()


async def test_stopping_interrupts_a_long_run_and_says_what_was_seen(harness: ExecutorHarness) -> None:
    harness.limits = ExecutorLimits(stop_seconds=0.2, scan_seconds=0.2)
    harness.runner.seconds = 60
    harness.runner.looks = (
        TargetState(TargetStatus.UNHEALTHY, "down"),
        TargetState(TargetStatus.HEALTHY, "it is up already", {"up": True}),
    )
    await harness.begin()
    name = harness.approve(proposal_for(1))
    await wait_for(lambda: harness.runner.runs(), 10, "it runs")
    waits = harness.approve(proposal_for(2))
    await wait_for((harness.folder(Folder.RUNNING) / waits.id / "claimed.json").exists, 10, "the second is claimed")
    with within(30, "an end that does not wait for the run"):
        await harness.end()
    outcome = harness.outcome(Folder.INTERRUPTED, name.id)
    assert outcome.verdict == "inconclusive"
    assert "healthy: it is up already" in outcome.reason
    assert outcome.after == {"up": True}
    # the one that waited for the same target is claimed, has not begun, and goes on at the next start
    assert not (harness.folder(Folder.RUNNING) / waits.id / "started").exists()
    harness.runner.seconds, harness.runner.looked = 0, 0
    await harness.begin()
    await harness.ends_in(Folder.DONE, waits)
    assert harness.runner.runs() == [name.id, waits.id]


async def test_a_runner_deaf_to_cancelling_does_not_hold_up_the_end(
    without_redis: ExecutorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executor_agent.loop.bounded_runner.CANCEL_SECONDS", 0.2)
    without_redis.limits = ExecutorLimits(stop_seconds=0.1, scan_seconds=0.2)
    without_redis.runner.seconds, without_redis.runner.deaf = 60, True
    await without_redis.begin()
    name = without_redis.approve(proposal_for(1))
    await wait_for(lambda: without_redis.runner.runs(), 10, "it runs")
    await without_redis.end()
    assert without_redis.outcome(Folder.INTERRUPTED, name.id).result == "interrupted"


def test_it_refuses_to_start_where_others_could_approve(without_redis: ExecutorHarness) -> None:
    assert reasons_to_refuse(without_redis.actions, None) == []
    approved = without_redis.folder(Folder.APPROVED)
    approved.chmod(0o777)
    assert "chmod o-w" in reasons_to_refuse(without_redis.actions, None)[0]
    approved.chmod(0o770)
    assert reasons_to_refuse(without_redis.actions, 54321) == []
    assert "approve its own" in reasons_to_refuse(without_redis.actions, os.getuid())[0]
    without_redis.actions.root.chmod(0o777)
    assert str(without_redis.actions.root) in reasons_to_refuse(without_redis.actions, None)[0]


def test_it_refuses_to_start_where_others_could_put_another_folder_in_place_of_approved(
    without_redis: ExecutorHarness,
) -> None:
    runtime = without_redis.actions.root.parent
    runtime.chmod(0o777)
    assert f"anybody can write {runtime}" in reasons_to_refuse(without_redis.actions, None)[0]
    runtime.chmod(0o1777)  # as /tmp: a name may be made there, none that is another's be taken away
    assert reasons_to_refuse(without_redis.actions, None) == []
    runtime.chmod(0o755)
    without_redis.folder(Folder.RUNNING).chmod(0o777)
    assert "running" in reasons_to_refuse(without_redis.actions, None)[0]


async def test_a_second_executor_stands_by_and_takes_over(without_redis: ExecutorHarness) -> None:
    await without_redis.begin()
    without_redis.runner.until = asyncio.Event()
    name = without_redis.approve(proposal_for(1))
    await wait_for(lambda: without_redis.runner.runs(), 10, "the first runs it")
    second = ExecutorHarness(without_redis.runtime, without_redis.redis_url)
    second.runner = ScriptedRunner(without_redis.runtime / "runs-of-the-second")
    await second.begin()
    try:
        await asyncio.sleep(0.5)
        assert (without_redis.folder(Folder.RUNNING) / name.id).exists()
        without_redis.runner.until.set()
        await without_redis.ends_in(Folder.DONE, name)
        await without_redis.end()
        other = without_redis.approve(proposal_for(2))
        await second.ends_in(Folder.DONE, other)
        assert second.runner.runs() == [other.id]
    finally:
        await second.end()
