"""Where nothing can be run on a host, nobody is asked whether something should be: people are told what is missing."""

from __future__ import annotations

import pytest
from planner_rig import Mesh

from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.policy.inventory import Inventory
from mesh_core.testing import wait_for
from planner_agent.correlation.cause_book import CauseBook, KnownCauses

KNOWN = Inventory.parse(b"all: {hosts: {web01: }}")
KNOWN_ALREADY = ("counted", "suppressed")  # the first, where the one before is settled
ELSEWHERE = Inventory.parse(b"all: {hosts: {nas: }}")


async def test_on_a_host_that_the_inventory_does_not_name_nothing_is_offered_until_it_does(mesh: Mesh) -> None:
    now = [ELSEWHERE]
    await mesh.start(inventory=lambda: now[-1])
    await mesh.happens(incident="web01/nginx/1")
    (told,) = await mesh.proposed()
    assert told.proposal.action == "notify"
    assert "the host web01 is not in config/inventory.yml; add it there" in told.proposal.reason
    assert any(one.choice == "restart" and "inventory.yml" in one.why_not for one in told.proposal.considered)
    assert await mesh.verdict_of(await mesh.happens(incident="web01/nginx/1")) in KNOWN_ALREADY
    now.append(KNOWN)
    await mesh.happens(incident="web01/nginx/1")
    await wait_for(lambda: [f.proposal.action for f in mesh.proposals()] == ["restart"], 20, "its restart waits alone")
    assert mesh.actions.was_withdrawn(told.name.id)
    assert await mesh.verdict_of(await mesh.happens(incident="web01/nginx/1")) in KNOWN_ALREADY


async def test_an_inventory_that_cannot_be_read_says_nothing_of_a_host(mesh: Mesh) -> None:
    await mesh.start()
    await mesh.happens()
    (filed,) = await mesh.proposed()
    assert filed.proposal.action == "restart"


async def from_the_observer(mesh: Mesh, kind: str, **payload: object) -> str:
    event = HealthEvent(type=kind, node="web01", severity=Severity.CRITICAL, payload=payload, trust=Trust.OBSERVER)
    entered = await mesh.bus.enter(event, Trust.OBSERVER)
    assert entered is not None
    return str(entered.id)


async def from_outside(mesh: Mesh, service: str) -> str:
    """An older alert, of a kind that the silence of its node does not explain."""
    event = HealthEvent(
        type="worker_stuck",
        node="web01",
        service=service,
        severity=Severity.ERROR,
        timestamp="2026-01-01T00:00:00Z",
        payload={"summary": "the worker is stuck"},
        trust=Trust.FOREIGN,
    )
    entered = await mesh.bus.enter(event, Trust.FOREIGN)
    assert entered is not None
    return str(entered.id)


async def test_on_a_node_that_is_known_to_be_offline_nothing_is_offered_until_it_is_back(mesh: Mesh) -> None:
    await mesh.start(inventory=lambda: KNOWN)
    gone = await from_the_observer(mesh, "node_offline", last_heard="2026-01-02T00:00:00Z")
    assert await mesh.verdict_of(gone) == "proposed"
    assert await mesh.verdict_of(await from_outside(mesh, "mailer")) == "proposed"
    (mailer,) = [filed.proposal for filed in mesh.proposals() if filed.proposal.service == "mailer"]
    assert mailer.action == "notify"
    assert "web01 is offline since 2026-01-02T00:00:00Z" in mailer.reason
    assert await mesh.verdict_of(await from_the_observer(mesh, "node_online")) == "recovered"
    assert await mesh.verdict_of(await from_outside(mesh, "shop")) == "proposed"
    (shop,) = [filed.proposal for filed in mesh.proposals() if filed.proposal.service == "shop"]
    assert shop.action == "restart"


async def test_what_is_known_of_causes_is_asked_once_for_all_that_is_decided(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    known_for = CauseBook.known_for

    async def noted(self: CauseBook, event: HealthEvent) -> KnownCauses:
        asked.append(event.id or "")
        return await known_for(self, event)

    monkeypatch.setattr(CauseBook, "known_for", noted)
    await mesh.start(inventory=lambda: KNOWN, storm_subjects=10)
    event = await mesh.happens("latency_high")
    assert await mesh.verdict_of(event) == "proposed"
    assert asked == [event, event], "before, and anew after it was filed"
