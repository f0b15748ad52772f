"""A probe that leads to a node of ours shares the card of what ails all of that node."""

from __future__ import annotations

from typing import Any

import pytest
from planner_rig import Mesh

from mesh_core.incidents.causes import places_needed
from mesh_core.messaging.explained import Explained, explained_by
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.policy.inventory import Inventory
from planner_agent.probed_node import with_probed_node

HOSTS = b"web01: {ansible_host: 192.168.1.5}, nas: {ansible_host: 192.168.1.9}, me: {ansible_host: 127.0.0.1}"
INVENTORY = Inventory.parse(b"all: {hosts: {" + HOSTS + b"}}")


def probe(trust: Trust = Trust.NODE, kind: str = "http_probe_failed", **payload: Any) -> HealthEvent:
    return HealthEvent(type=kind, node="web01", service="photos", payload=payload, trust=trust)


@pytest.mark.parametrize(
    ("event", "needs"),
    [
        (probe(url="http://nas:8080/health"), ("nas/",)),
        (probe(url="https://192.168.1.9/"), ("nas/",)),
        (probe(kind="tcp_probe_failed", address="nas:5432"), ("nas/",)),
        (probe(url="http://nas/", needs_elsewhere=[{"node": "db", "service": "pg"}]), ("db/pg", "nas/")),
        (probe(url="http://web01:8080/"), ()),  # its own
        (probe(url="http://127.0.0.1:8080/"), ()),  # its own as well, whoever else is reached so by the executor
        (probe(url="http://localhost/"), ()),
        (probe(url="http://photos.example.org/"), ()),
        (probe(url=["http://nas/"]), ()),
        (probe(Trust.FOREIGN, url="http://nas:8080/health"), ()),
        (probe(kind="container_died", url="http://nas:8080/health"), ()),
    ],
)
def test_where_a_probe_leads(event: HealthEvent, needs: tuple[str, ...]) -> None:
    assert places_needed(with_probed_node(event, INVENTORY)) == needs
    assert with_probed_node(event, "there is no inventory") is event


async def test_that_its_node_is_offline_explains_a_probe_from_elsewhere(mesh: Mesh) -> None:
    await mesh.start(inventory=lambda: INVENTORY)
    incident, payload = "web01/photos/1", {"url": "http://nas:8080/health"}

    async def photos_fail() -> str:
        fails = await mesh.happens("http_probe_failed", service="photos", payload=dict(payload), incident=incident)
        return await mesh.verdict_of(fails)

    async def nas(kind: str, severity: Severity = Severity.CRITICAL) -> str:
        event = HealthEvent(type=kind, node="nas", severity=severity, trust=Trust.OBSERVER)
        entered = await mesh.bus.enter(event, Trust.OBSERVER)
        assert entered is not None
        return await mesh.verdict_of(str(entered.id))

    assert await photos_fail() == "proposed"
    assert await nas("node_offline") == "proposed"
    (offline,) = [filed for filed in mesh.proposals() if filed.proposal.node == "nas"]
    assert await photos_fail() == "explained"
    assert [filed.name for filed in mesh.proposals()] == [offline.name], "what was proposed before is taken back"
    assert await explained_by(mesh.bus, offline.name.id) == [Explained("web01", "photos", "http_probe_failed")]
    assert await nas("node_online", Severity.INFO) == "recovered"
    assert await photos_fail() == "proposed", "it still fails"
