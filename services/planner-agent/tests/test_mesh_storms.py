"""One cause hits several nodes: one card, and each is told by itself where that heals and it does not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from planner_rig import Mesh
from test_correlation import waiting
from test_storms import leaves_one_card

from mesh_core.incidents.rule import OpenTrouble, addresses_of
from mesh_core.messaging.explained import explained_by
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.policy.inventory import Inventory
from mesh_core.testing import wait_for

MANY = 10
THE_STORM = [("all-nodes", None)]
BEGAN = "2026-05-05T12:00:00.000Z"
NAS = [{"node": "nas"}]


async def fails(mesh: Mesh, number: int, nodes: int = 3, kind: str = "http_probe_failed", **more: Any) -> str:
    """One of several, round about the nodes; the same each time that it is announced."""
    node, service = f"n{number % nodes}", f"s{number}"
    payload = {"runtime": "docker", "url": f"http://{service}/", "opened_at": BEGAN, **more}
    return await mesh.happens(kind, node=node, service=service, payload=payload, incident=f"{node}/{service}/1")


async def recovers(mesh: Mesh, number: int, nodes: int = 3) -> str:
    node, service = f"n{number % nodes}", f"s{number}"
    event = await mesh.happens(
        "service_recovered", node=node, service=service, severity="info", payload={}, incident=f"{node}/{service}/1"
    )
    return await mesh.verdict_of(event)


async def observed(mesh: Mesh, kind: str, node: str) -> str:
    severity = Severity.INFO if kind == "node_online" else Severity.ERROR
    entered = await mesh.bus.enter(HealthEvent(type=kind, node=node, severity=severity), Trust.OBSERVER)
    assert entered is not None
    return await mesh.verdict_of(str(entered.id), 30)


async def storm(mesh: Mesh, numbers: Iterable[int] = range(12), **more: Any) -> None:
    events = [await fails(mesh, number, **more) for number in numbers]
    for event in events:
        assert await mesh.verdict_of(event, 30) in ("proposed", "explained")
    await wait_for(lambda: waiting(mesh) == THE_STORM, 20, "one card")


@pytest.mark.parametrize("planners", [1, 2])
async def test_what_several_nodes_have_in_common_has_one_card(mesh: Mesh, planners: int) -> None:
    for number in range(planners):
        await mesh.start(name=f"p{number}", storm_subjects=MANY)
    await storm(mesh)
    (filed,) = mesh.proposals()
    assert (filed.proposal.type, filed.proposal.event.type) == ("notify", "trouble_storm")
    said = filed.proposal.event.payload
    assert (said["in_common"], said["nodes"]) == ("does not answer", ["n0", "n1", "n2"])
    listed = {said.service for said in await explained_by(mesh.bus, filed.name.id)}
    assert len(listed) >= 11, "the one that made it a storm stands in its evidence"
    assert await mesh.verdict_of(await fails(mesh, 4)) == "explained", "nothing is restarted meanwhile"
    assert await mesh.open_entries() == 0


async def test_three_that_need_the_same_node_are_enough(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    await storm(mesh, range(3), needs_elsewhere=NAS)
    (filed,) = mesh.proposals()
    assert filed.proposal.event.payload["in_common"] == "needs nas"


async def test_what_several_mount_from_a_host_that_nobody_watches_has_one_card(mesh: Mesh) -> None:
    hosts = b"all: {hosts: {n0: , n1: , n2: }}"
    await mesh.start(storm_subjects=MANY, inventory=lambda: Inventory.parse(hosts))
    for number in range(3):
        payload = {"mount": "/media", "source": "storage.lan:/media", "opened_at": BEGAN}
        await mesh.happens("mount_stale", node=f"n{number}", service=None, payload=payload, incident=f"n{number}//1")
    await wait_for(lambda: waiting(mesh) == THE_STORM, 20, "one card")
    (filed,) = mesh.proposals()
    assert filed.proposal.event.payload["in_common"] == "needs storage.lan"
    assert "inventory" not in filed.proposal.reason, "it is about no single host"


async def test_ten_different_troubles_on_three_nodes_are_none(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    for number in range(12):
        assert await mesh.verdict_of(await fails(mesh, number, kind=f"trouble_{chr(97 + number)}")) == "proposed"
    assert len(mesh.proposals()) == 12


async def test_what_lasts_when_the_cause_heals_is_told_one_by_one(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    await storm(mesh)
    (filed,) = mesh.proposals()
    for number in (0, 1):
        assert await recovers(mesh, number) == "recovered"
    assert waiting(mesh) == THE_STORM, "ten last"
    assert await recovers(mesh, 2) == "recovered"
    await wait_for(lambda: mesh.proposals() == [], 10, "the storm is withdrawn")
    assert mesh.actions.was_withdrawn(filed.name.id)
    for number in (5, 6):
        assert await mesh.verdict_of(await fails(mesh, number)) == "proposed"
    assert waiting(mesh) == [("n0", "s6"), ("n2", "s5")]


async def test_who_decides_it_is_told_of_its_members(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    await storm(mesh)
    (filed,) = mesh.proposals()
    assert mesh.actions.reject(filed.name, "one by one, please", "ann")
    for number in range(12):
        assert await mesh.verdict_of(await fails(mesh, number)) == "proposed"
    assert len(mesh.proposals()) == 12, "they are no second storm"


async def test_the_storms_of_single_nodes_become_part_of_it(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    numbers = [number for number in range(60) if number % 3 < 2]  # two nodes first: what they have is no storm of three
    for number in numbers:
        assert await mesh.verdict_of(await fails(mesh, number), 30) in ("proposed", "explained")
    await wait_for(lambda: waiting(mesh) == [("n0", None), ("n1", None)], 20, "one card each")
    assert await mesh.verdict_of(await fails(mesh, 2)) in ("proposed", "explained")
    await wait_for(lambda: waiting(mesh) == THE_STORM, 20, "one card")


async def alerted(mesh: Mesh, kind: str, number: int) -> str:
    node, service = f"n{number % 3}", f"s{number}"
    event = HealthEvent(type=kind, node=node, service=service, severity=Severity.ERROR, incident=f"am/{kind}/{number}")
    entered = await mesh.bus.enter(event, Trust.FOREIGN)
    assert entered is not None
    return await mesh.verdict_of(str(entered.id), 30)


async def test_what_strangers_say_of_its_members_restarts_nothing_beside_it(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    assert await alerted(mesh, "shop_down", 1) == "proposed"
    assert [filed.proposal.action for filed in mesh.proposals()] == ["restart"]
    await storm(mesh)  # that one is withdrawn
    assert await alerted(mesh, "shop_down", 2) == "explained"
    assert await alerted(mesh, "service_down", 3) == "explained"
    assert await alerted(mesh, "service_down", 77) == "proposed", "its agent says nothing of that one"
    assert await alerted(mesh, "certificate_expiring", 3) == "proposed", "that is another matter"


async def test_several_nodes_that_fall_silent_have_one_card(mesh: Mesh) -> None:
    """The switch, or the power of a rack: whose agent is away cannot say what else is wrong there."""
    await mesh.start(storm_subjects=MANY)
    assert await observed(mesh, "node_offline", "n0") == "proposed"
    assert await observed(mesh, "node_offline", "n1") == "proposed"
    assert waiting(mesh) == [("n0", None), ("n1", None)], "two may by chance"
    assert await observed(mesh, "node_offline", "n2") == "proposed"
    await wait_for(lambda: waiting(mesh) == THE_STORM, 10, "one card")
    (filed,) = mesh.proposals()
    assert filed.proposal.event.payload["in_common"] == "silent"
    for number in range(3):
        assert await mesh.verdict_of(await fails(mesh, number)) == "explained", "each explains what is on it"
    assert await mesh.verdict_of(await fails(mesh, 9, nodes=10, needs_elsewhere=[{"node": "n2"}])) == "explained"
    for node in ("n0", "n1"):
        assert await observed(mesh, "node_online", node) == "recovered"
        assert waiting(mesh) == THE_STORM, "that a node is silent is said once: nobody would tell of the last one"
    (filed,) = mesh.proposals()
    assert await mesh.verdict_of(await fails(mesh, 0)) == "proposed", "what is wrong where one is back is told"
    assert await mesh.verdict_of(await fails(mesh, 2)) == "explained"
    assert [one.proposal.node for one in mesh.proposals() if one.name != filed.name] == ["n0"]
    assert await observed(mesh, "node_online", "n2") == "recovered"
    await wait_for(lambda: filed.name not in [one.name for one in mesh.proposals()], 10, "the storm is withdrawn")


async def test_a_node_that_was_back_before_its_storm_was_told_explains_nothing(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    for address in addresses_of(OpenTrouble("n2", None, "node_offline", None)):
        await mesh.bus.redis.set(f"mesh:well:{address}", 2**50)
    for node in ("n0", "n1", "n2"):
        await observed(mesh, "node_offline", node)
    await wait_for(lambda: waiting(mesh) == THE_STORM, 10, "one card")
    assert await mesh.verdict_of(await fails(mesh, 0)) == "explained"
    assert await mesh.verdict_of(await fails(mesh, 2)) == "proposed"


async def test_a_node_that_needs_what_is_silent_keeps_no_card_of_its_own(mesh: Mesh) -> None:
    await mesh.start(storm_subjects=MANY)
    assert await mesh.verdict_of(await fails(mesh, 9, nodes=10, needs_elsewhere=[{"node": "n2"}])) == "proposed"
    for node in ("n0", "n1", "n2"):
        await observed(mesh, "node_offline", node)
    await wait_for(lambda: waiting(mesh) == THE_STORM, 10, "one card")


@pytest.mark.parametrize("trust", [Trust.FOREIGN, Trust.NODE])
async def test_nobody_else_can_tell_of_a_storm(mesh: Mesh, trust: Trust) -> None:
    """Else what is wrong elsewhere would be hidden behind his card."""
    await mesh.start(storm_subjects=MANY)
    payload = {"in_common": "does not answer"}
    if trust is Trust.NODE:
        await mesh.happens("trouble_storm", node="all-nodes", service=None, payload=payload)
    else:
        await mesh.bus.enter(HealthEvent(type="trouble_storm", node="all-nodes", payload=payload), trust)
    await wait_for(lambda: mesh.bus.redis.xlen("mesh:dead_letters"), 10, "it is refused")
    assert await mesh.verdict_of(await fails(mesh, 1)) == "proposed"
    assert waiting(mesh) == [("n1", "s1")]


@pytest.mark.parametrize("step", ["noted", "joined", "withdraw", "tell", "settle"])
async def test_a_planner_killed_over_it_leaves_one_card(mesh: Mesh, step: str) -> None:
    for number in range(12):
        await fails(mesh, number)
    await leaves_one_card(mesh, step, THE_STORM)
