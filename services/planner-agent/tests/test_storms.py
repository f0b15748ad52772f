"""Much goes wrong on one node at once: one card, whoever hides nothing is told, and what lasts is told afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from planner_rig import Mesh
from test_correlation import observed, waiting
from test_crashes import NO_MODEL, healthy_planner, run_until_it_dies

from mesh_core.messaging.explained import explained_by
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.proposals import Folder
from mesh_core.testing import wait_for

MANY = 10
THE_STORM = [("web01", None)]


async def fails(mesh: Mesh, number: int, **more: Any) -> str:
    """One of several services of web01; the same each time that it is announced."""
    payload = {"runtime": "docker", "exit_code": 137, "opened_at": "2026-05-05T12:00:00.000Z", **more}
    return await mesh.happens(service=f"s{number}", payload=payload, incident=f"web01/s{number}/1")


async def recovers(mesh: Mesh, number: int) -> str:
    return await mesh.happens(
        "service_recovered", service=f"s{number}", severity="info", payload={}, incident=f"web01/s{number}/1"
    )


async def storm(mesh: Mesh, many: int = 12) -> None:
    events = [await fails(mesh, number) for number in range(many)]
    for event in events:
        assert await mesh.verdict_of(event, 30) in ("proposed", "explained")
    await wait_for(lambda: waiting(mesh) == THE_STORM, 20, "one card")


async def leaves_one_card(mesh: Mesh, step: str, card: list[tuple[str, str | None]]) -> None:
    """A planner that dies there over what was told, and one after it."""
    assert run_until_it_dies(mesh, step, NO_MODEL) == -9
    async with healthy_planner(mesh, NO_MODEL):
        await wait_for(mesh.all_acknowledged, 60, "all is acknowledged")
        await wait_for(lambda: waiting(mesh) == card, 10, "one card")
    withdrawn = {filed.name.id for filed in mesh.actions.filed(Folder.WITHDRAWN)}
    told = {u["action_id"] for u in await mesh.stream("mesh:actions") if u["to"] == "withdrawn"}
    assert told == withdrawn


@pytest.mark.parametrize("planners", [1, 2])
async def test_a_storm_has_one_card_that_names_its_members(mesh: Mesh, planners: int) -> None:
    for number in range(planners):
        await mesh.start(name=f"p{number}", storm_subjects=MANY)
    await storm(mesh)
    (filed,) = mesh.proposals()
    assert (filed.proposal.type, filed.proposal.event.type) == ("notify", "trouble_storm")
    listed = {said.service for said in await explained_by(mesh.bus, filed.name.id)}
    assert len(listed) >= 11, "the one that made it a storm stands in its evidence"
    assert await mesh.open_entries() == 0


async def test_nine_are_none(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    for number in range(9):
        assert await mesh.verdict_of(await fails(mesh, number)) == "proposed"
    assert len(mesh.proposals()) == 9
    assert await mesh.verdict_of(await fails(mesh, 3)) in ("counted", "suppressed"), "an announcement is no tenth"


async def test_who_decides_a_storm_is_told_of_its_members(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    await storm(mesh)
    (filed,) = mesh.proposals()
    assert mesh.actions.reject(filed.name, "one by one, please", "ann")
    for number in range(12):
        assert await mesh.verdict_of(await fails(mesh, number)) == "proposed"
    assert len(mesh.proposals()) == 12, "they are no second storm"


async def test_what_is_left_of_a_storm_that_calms_is_told(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    await storm(mesh)
    (filed,) = mesh.proposals()
    for number in (0, 1):
        assert await mesh.verdict_of(await recovers(mesh, number)) == "recovered"
    assert waiting(mesh) == THE_STORM, "ten last"
    assert await mesh.verdict_of(await fails(mesh, 5)) == "explained"
    assert await mesh.verdict_of(await recovers(mesh, 2)) == "recovered"
    await wait_for(lambda: mesh.proposals() == [], 10, "the storm is withdrawn")
    (update,) = [
        u for u in await mesh.stream("mesh:actions") if u["action_id"] == filed.name.id and u["to"] == "withdrawn"
    ]
    assert update["reason"].startswith("it calmed: too few of")
    assert await mesh.verdict_of(await fails(mesh, 5)) == "proposed"
    assert waiting(mesh) == [("web01", "s5")]


async def test_what_was_there_before_the_storm_keeps_its_card(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY, cooldown_ms=1)
    assert await mesh.verdict_of(await fails(mesh, 77, opened_at="2026-05-05T11:00:00.000Z")) == "proposed"
    for number in range(12):
        await fails(mesh, number)
    both = [("web01", "s77"), ("web01", None)]
    await wait_for(lambda: waiting(mesh) == both, 20, "the storm has a card beside it")
    assert await mesh.verdict_of(await fails(mesh, 77, opened_at="2026-05-05T11:00:00.000Z")) == "counted"
    assert waiting(mesh) == both


async def test_a_cause_that_is_found_takes_the_place_of_a_storm(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    await storm(mesh)
    (before,) = mesh.proposals()
    assert await mesh.verdict_of(await observed(mesh, "node_offline", silent_seconds=90)) == "proposed"
    await wait_for(lambda: all(filed.name != before.name for filed in mesh.proposals()), 10, "the storm is withdrawn")
    assert [filed.proposal.event.type for filed in mesh.proposals()] == ["node_offline"]
    assert await mesh.verdict_of(await fails(mesh, 4)) == "explained"
    assert await mesh.verdict_of(await observed(mesh, "node_online")) == "recovered"
    assert await mesh.verdict_of(await fails(mesh, 4)) == "proposed", "it is told by itself"


async def test_what_needs_a_dead_database_is_no_storm(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    for number in range(9):
        assert await mesh.verdict_of(await fails(mesh, number)) == "proposed"
    await fails(mesh, 99, dependents=[f"s{number}" for number in range(9)])
    await wait_for(lambda: waiting(mesh) == [("web01", "s99")], 10, "the cause waits alone")
    assert await mesh.verdict_of(await fails(mesh, 50)) == "proposed", "nor is what has nothing to do with it"


async def test_what_strangers_tell_is_no_storm(mesh: Mesh) -> None:
    """Whoever sends a dozen alerts gets a dozen cards, and hides nothing."""
    await mesh.start(storm_subjects=MANY)
    for number in range(12):
        event = HealthEvent(type="latency_high", node="web01", service=f"x{number}", severity=Severity.CRITICAL)
        entered = await mesh.bus.enter(event, Trust.FOREIGN)
        assert entered is not None
        assert await mesh.verdict_of(str(entered.id), 30) == "proposed"
    assert await mesh.verdict_of(await fails(mesh, 1)) == "proposed"
    assert waiting(mesh) == sorted([("web01", "s1"), *(("web01", f"x{number}") for number in range(12))])


@pytest.mark.parametrize("step", ["noted", "joined", "withdraw", "tell", "settle"])
async def test_a_planner_killed_over_a_storm_leaves_one_card(mesh: Mesh, step: str) -> None:
    for number in range(12):
        await fails(mesh, number)
    await leaves_one_card(mesh, step, THE_STORM)
