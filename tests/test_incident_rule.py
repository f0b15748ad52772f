"""One answer to "is it over?": for any two events, planner, acknowledgements, world and the planners' marks agree."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from parts.kinds import some_of

from mesh_core.incidents.rule import ends, is_recovery, is_trouble
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.group_commands import Entry
from mesh_core.models.events import Decision, HealthEvent, Trust
from mesh_core.silences.silence import Silence, SilenceKind, ends_with
from mesh_core.testing import RedisServer
from observer.world import HealthState, World, fold
from planner_agent.intake.batch import BatchContext, NextStep, PlanningTask, sort_batch
from planner_agent.proposal_writer import ProposalWriter
from planner_agent.store.planner_store import PlannerStore

NOW = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)
SERVICES = (None, "web")
INCIDENTS = (None, "pi4/web/1", "grafana/1")


def _event(number: int, **fields: Any) -> HealthEvent:
    entry = f"{number}-{0 if fields['trust'] is Trust.NODE else 1}"
    given = {"id": f"pi4/{entry}", "node": "pi4", "severity": "error", "timestamp": "2026-05-05T12:00:00Z"}
    return HealthEvent.model_validate(given | fields)


TROUBLES = [
    _event(1, type=kind, service=service, incident=incident, trust=Trust.OBSERVER)
    for kind, service, incident in product(("disk_full", "node_offline"), SERVICES, INCIDENTS)
]
RECOVERIES = [
    _event(2, type=kind, service=service, incident=incident, trust=trust, payload={"verdict": "proven"})
    for kind, service, incident, trust in product(
        ("service_recovered", "node_online", "node_retired", "remediation_completed", "disk_full", "backup_done"),
        SERVICES,
        INCIDENTS,
        Trust,
    )
]


def world_says(recovery: HealthEvent, trouble: HealthEvent) -> bool:
    world, _ = fold(World(), trouble, NOW)
    world, _ = fold(world, recovery, NOW)
    place = world.places.get(trouble.target_key)
    if place is None:  # a node that is retired is in the world no more
        return True
    if trouble.type == "node_offline" and trouble.service is None:
        return place.state is not HealthState.OFFLINE
    return not place.open


def acknowledgement_says(recovery: HealthEvent, trouble: HealthEvent) -> bool:
    silence = Silence(
        id="acknowledge-0123abcd",
        kind=SilenceKind.ACKNOWLEDGE,
        node=trouble.node,
        service=trouble.service,
        starts_at="2026-05-05T11:00:00Z",
        ends_at="2026-05-06T11:00:00Z",
        by="ann",
        created_at="2026-05-05T11:00:00Z",
    )
    return ends_with(silence, recovery, [trouble])


class Listener:
    """Stands for bus, store and silences of a writer, and keeps what it decided."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.gates = self

    async def settle(self, *given: Any) -> None:
        self.reasons += [one.reason for one in given if isinstance(one, Decision)]

    async def nothing(self, *_: object, **__: object) -> None:
        """Told to nobody."""

    mark_recovered = end_acknowledged = publish = free = nothing


async def planner_says(recovery: HealthEvent, trouble: HealthEvent) -> bool:
    """Is the proposal of that trouble, which waits for a person, withdrawn?"""
    known = BatchContext(frozenset({trouble.target_key}), frozenset(), frozenset(), frozenset(), (), NOW)
    (planned,) = sort_batch([PlanningTask(Entry("s", "2-0", b"", 1), recovery)], known)
    if planned.step is not NextStep.WITHDRAW:
        return False
    proposal = SimpleNamespace(event=trouble, id="x", type="notify", node="pi4", service=None)
    filed = SimpleNamespace(name=SimpleNamespace(id="x"), proposal=proposal)
    actions: Any = SimpleNamespace(pending=lambda: [filed], withdraw=lambda *_: True)
    listener: Any = Listener()
    writer = ProposalWriter(listener, listener, actions, listener, listener, ttl_seconds=60, hold_seconds=60)
    await writer.withdraw(planned.task)
    return listener.reasons == ["withdrew x"]


@pytest.fixture
async def bus(redis_server: RedisServer) -> AsyncIterator[Bus]:
    bus = Bus.connect(redis_server.url, "test")
    yield bus
    await bus.close()


async def test_for_any_two_events_the_four_agree(bus: Bus) -> None:
    store = PlannerStore(bus, cooldown_ms=1000, keep_seconds=60)
    ended = 0
    for recovery in some_of(RECOVERIES):
        await bus.call("FLUSHALL")
        await store.mark_recovered([recovery])
        for trouble in TROUBLES:
            answers = {
                "rule": ends(recovery, trouble),
                "planner": await planner_says(recovery, trouble),
                "acknowledgement": acknowledgement_says(recovery, trouble),
                "marks": await store.recovered_after(trouble),
            }
            if not (is_trouble(recovery) and recovery.target_key == trouble.target_key):  # else that is open as well
                answers["world"] = world_says(recovery, trouble)
            assert len(set(answers.values())) == 1, (recovery, trouble, answers)
            ended += answers["rule"]
    assert ended > len(some_of(RECOVERIES)) / 4
    assert any(not is_recovery(event) for event in RECOVERIES)
