"""What leads to a node of ours, or is mounted from there, shares the card of what ails all of that node."""

from __future__ import annotations

from typing import Any

import pytest
from planner_rig import Mesh

from mesh_core.incidents.causes import cause_of, places_needed
from mesh_core.messaging.explained import Explained, explained_by
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.policy.inventory import Inventory
from mesh_core.testing import wait_for
from planner_agent.enrichment.needed_node import with_needed_node

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
        # as each node's owner calls it in depends_on
        (probe(kind="container_died", needs_elsewhere=[{"node": "NAS.lan", "service": "pg"}]), ("nas/pg",)),
        (probe(needs_elsewhere=[{"node": "192.168.1.9"}, {"node": "Nas"}, "nas"]), ("nas/",)),
        (probe(Trust.FOREIGN, needs_elsewhere=[{"node": "NAS"}]), ()),
        (probe(url="http://web01:8080/"), ()),  # its own
        (probe(url="http://127.0.0.1:8080/"), ()),  # its own as well, whoever else is reached so by the executor
        (probe(url="http://localhost/"), ()),
        (
            probe(url="http://photos.example.org/"),
            ("photos.example.org/",),
        ),  # none of ours, and the same for whoever asks
        (probe(url="http://[fd00::9]/"), ()),  # no name of a node
        (probe(kind="mount_stale", mount="/srv", source="nas:/export"), ("nas/",)),
        (probe(kind="mount_missing", mount="/srv", source="//192.168.1.9/media"), ("nas/",)),
        (probe(kind="unit_failed", mount="/srv", source="me@nas:/data"), ("nas/",)),
        (probe(kind="unit_failed", mount="/srv", source="/dev/sdb1"), ()),
        (probe(kind="mount_stale", mount="/srv", source="mergerfs"), ()),
        (probe(Trust.FOREIGN, kind="mount_stale", mount="/srv", source="nas:/export"), ()),
        (probe(url=["http://nas/"]), ()),
        (probe(Trust.FOREIGN, url="http://nas:8080/health"), ()),
        (probe(kind="container_died", url="http://nas:8080/health"), ()),
    ],
)
def test_where_a_probe_leads(event: HealthEvent, needs: tuple[str, ...]) -> None:
    assert places_needed(with_needed_node(event, INVENTORY)) == needs
    assert places_needed(with_needed_node(event, "there is no inventory")) == places_needed(event)


@pytest.mark.parametrize(
    ("event", "asks"),
    [
        (probe(url="http://127.0.0.1:8080/"), "web01:8080"),
        (probe(url="http://[::1]:8080/"), "web01:8080"),
        (probe(url="https://localhost/health"), "web01:443"),
        (probe(url="http://WEB01/"), "web01:80"),
        (probe(url="http://192.168.1.5:8080/"), "web01:8080"),
        (probe(kind="tcp_probe_failed", address="127.0.0.1:5432"), "web01:5432"),
        (probe(url="http://nas:8080/"), "nas:8080"),
        (probe(kind="tcp_probe_failed", address="192.168.1.9:5432"), "nas:5432"),
        (probe(url="http://nas:99999/"), ""),
        (probe(kind="tcp_probe_failed", address="nas"), ""),
        (probe(kind="mount_stale", mount="/srv", source="nas:/export"), ""),
        (probe(kind="container_died", url="http://127.0.0.1:8080/"), ""),
        (probe(Trust.FOREIGN, url="http://127.0.0.1:8080/"), ""),
    ],
)
def test_which_port_of_which_node_a_probe_asks(event: HealthEvent, asks: str) -> None:
    assert cause_of(with_needed_node(event, INVENTORY)).asks == asks


async def test_a_container_that_is_down_explains_the_probes_of_the_port_that_it_publishes(mesh: Mesh) -> None:
    """Whichever comes first, and on whichever node; a probe of another port is another trouble."""
    await mesh.start(inventory=lambda: INVENTORY)

    async def fails(node: str, service: str, url: str) -> str:
        kind, incident = "http_probe_failed", f"{node}/{service}/1"
        event = await mesh.happens(kind, node=node, service=service, payload={"url": url}, incident=incident)
        return await mesh.verdict_of(event)

    assert await fails("nas", "start-page", "http://127.0.0.1:8080/") == "proposed"
    site = {"runtime": "docker", "container": "site", "exit_code": 137, "ports": [8080]}
    died = await mesh.happens(node="nas", service="site", payload=site, incident="nas/site/1")
    assert await mesh.verdict_of(died) == "proposed"
    await wait_for(lambda: [f.proposal.service for f in mesh.proposals()] == ["site"], 10, "one card")
    assert await fails("nas", "start-page", "http://127.0.0.1:8080/") == "explained"
    assert await fails("web01", "site-from-web01", "http://192.168.1.9:8080/") == "explained"
    assert await fails("nas", "other", "http://127.0.0.1:8081/") == "proposed"
    (site_card,) = [filed for filed in mesh.proposals() if filed.proposal.service == "site"]
    assert await explained_by(mesh.bus, site_card.name.id) == [
        Explained("nas", "start-page", "http_probe_failed"),
        Explained("web01", "site-from-web01", "http_probe_failed"),
    ]


async def test_without_an_inventory_a_probe_of_its_own_host_is_joined_as_well(mesh: Mesh) -> None:
    await mesh.start()
    site = {"runtime": "docker", "container": "site", "exit_code": 137, "ports": [8080]}
    assert await mesh.verdict_of(await mesh.happens(service="site", payload=site)) == "proposed"
    asked = {"address": "127.0.0.1:8080"}
    assert await mesh.verdict_of(await mesh.happens("tcp_probe_failed", service="port", payload=asked)) == "explained"


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
    assert [filed.name for filed in mesh.proposals()] == [offline.name], "what was proposed before is withdrawn"
    assert await explained_by(mesh.bus, offline.name.id) == [Explained("web01", "photos", "http_probe_failed")]
    assert await nas("node_online", Severity.INFO) == "recovered"
    assert await photos_fail() == "proposed", "it still fails"


async def test_what_needs_a_mount_shares_the_card_of_the_node_that_it_is_mounted_from(mesh: Mesh) -> None:
    """A chain over two nodes: the program needs the mount, and that the storage of another node."""
    await mesh.start(inventory=lambda: INVENTORY)
    gone = HealthEvent(type="node_offline", node="nas", severity=Severity.CRITICAL)
    entered = await mesh.bus.enter(gone, Trust.OBSERVER)
    assert entered is not None
    assert await mesh.verdict_of(str(entered.id)) == "proposed"
    media = {"runtime": "systemd", "mount": "/media", "source": "nas:/media", "dependents": ["jellyfin.service"]}
    lost = await mesh.happens("unit_failed", service="media.mount", payload=media, incident="web01/media.mount/1")
    assert await mesh.verdict_of(lost) == "explained"
    stale = {"mount": "/photos", "source": "nas:/photos"}
    assert await mesh.verdict_of(await mesh.happens("mount_stale", service=None, payload=stale)) == "explained"
    unit = {"runtime": "systemd", "unit": "jellyfin.service"}
    needs = await mesh.happens("unit_failed", service="jellyfin.service", payload=unit, incident="web01/jellyfin/1")
    assert await mesh.verdict_of(needs) == "explained"
    assert [filed.proposal.node for filed in mesh.proposals()] == ["nas"]
