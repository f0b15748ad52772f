"""An alert's host and service get the names that the mesh uses, and what its sender wrote stays beside them."""

from __future__ import annotations

import pytest
from alert_rig import event_with

from mesh_core.actions.containers import compose_of
from mesh_core.models.events import HealthEvent
from mesh_core.policy.event_facts.facts import Fact, facts_for
from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.alert import Alert
from observer.hooks.generic import GenericHook
from observer.hooks.world_services import WorldServices
from observer.world import TargetHealth, World

KNOWN = KnownNames(
    hosts={"NAS01": "", "nas": "10.0.0.5"},
    services={"nas": frozenset({"shop.web", "shop-a.b", "shop.a-b", "attic.db", "plain", "attic.plain"})},
)


def event_for(alert: Alert) -> HealthEvent:
    return event_with(alert, KNOWN)


def test_an_alert_gets_the_meshs_names_and_keeps_what_its_sender_wrote() -> None:
    labels = {"instance": "10.0.0.5:9100", "name": "smart.service"}
    event = event_for(Alert("alertmanager", "X", "f", firing=True, labels=labels, details={"labels": labels}))
    assert (event.node, event.service, event.payload["runtime"]) == ("nas", "smart.service", "systemd")
    assert event.payload["labels"] == labels
    assert event.payload["host_said"] == "10.0.0.5"


def test_a_body_that_calls_its_host_otherwise_does_not_contradict_itself() -> None:
    hook = GenericHook(type="kind", node="host", service="svc")
    (read,) = hook.alerts_in({"kind": "service_down", "host": "nas01.lan", "svc": "web"}, "any")  # type: ignore[misc]
    event = event_for(read)  # type: ignore[arg-type]
    assert (event.node, event.payload["host"], event.payload["host_said"]) == ("NAS01", "NAS01", "nas01.lan")
    assert Fact.CONFLICT not in facts_for(event)


@pytest.mark.parametrize(
    ("container", "service"),
    [
        ("shop-web-2", "shop.web"),
        ("0123456789ab_shop_web_1", "shop.web"),
        ("attic_db_1", "attic.db"),
        ("attic-plain-1", "attic.plain"),
        # A container of that very name, of a service that nobody knows, of one of two.
        ("plain", "plain"),
        ("shop-mail-1", "shop-mail-1"),
        ("shop-a-b-1", "shop-a-b-1"),
        ("shop-web", "shop-web"),
    ],
)
def test_a_container_is_the_compose_service_that_its_agent_speaks_of(container: str, service: str) -> None:
    labels = {"instance": "nas:8080", "name": container, "image": "web:1"}
    event = event_for(Alert("alertmanager", "X", "f", firing=True, labels=labels))
    assert event.service == service
    if "." in service:
        assert event.payload["container"] == container
        assert compose_of(event) == tuple(service.split("."))


@pytest.mark.parametrize(
    ("labels", "node", "service"),
    [
        # one who measures, and what it measured
        ({"instance": "blackbox:9115", "target": "https://nas01/health"}, "NAS01", None),
        ({"instance": "snmp:9116", "url": "10.0.0.5"}, "nas", None),
        ({"instance": "blackbox:9115", "target": "https://elsewhere/"}, "blackbox", None),
        ({"host": "elsewhere", "target": "https://nas01/"}, "elsewhere", None),  # who says a host says which
        # other programs' words for a host, a unit, a container
        ({"machine": "nas01"}, "NAS01", None),
        ({"ip_address": "10.0.0.5"}, "nas", None),
        ({"host": "nas01", "unit_name": "smart"}, "NAS01", "smart.service"),
        ({"host": "nas", "docker_container": "shop-web-2"}, "nas", "shop.web"),
        # whom nobody calls a container, and who is called as one of a known service
        ({"host": "nas", "name": "shop-web-1"}, "nas", "shop.web"),
        ({"host": "nas", "name": "some-web-1"}, "nas", "some-web-1"),
        ({"host": "nas", "com_docker_compose_project": "shop", "com_docker_compose_service": "web"}, "nas", "shop.web"),
    ],
)
def test_a_host_and_a_service_are_found_in_other_programs_labels(
    labels: dict[str, str], node: str, service: str | None
) -> None:
    event = event_for(Alert("alertmanager", "X", "f", firing=True, labels=labels, details={"labels": labels}))
    assert (event.node, event.service) == (node, service)
    if service == "shop.web":
        assert (event.runtime, compose_of(event)) == ("docker", ("shop", "web"))


def test_the_labels_that_an_exporter_copies_say_which_compose_service_it_is() -> None:
    copied = {f"container_label_com_docker_compose_{key}": word for key, word in (("project", "p"), ("service", "s"))}
    labels = {"instance": "elsewhere:8080", "name": "p-s-1", "image": "s:1", **copied}
    event = event_for(Alert("alertmanager", "X", "f", firing=True, labels=labels))
    assert (event.service, event.payload["compose"]) == ("p.s", {"project": "p", "service": "s"})


@pytest.mark.parametrize(
    ("container", "labels"),
    [
        ("stack_web.1.abcdefghijklmnopqrstuvwxy", {}),
        ("stack_web.zzzzzzzzzzzzzzzzzzzzzzzz1.abcdefghijklmnopqrstuvwxy", {}),
        ("any", {"container_label_com_docker_swarm_service_name": "stack_web"}),
    ],
)
def test_each_try_at_a_swarms_task_is_its_service(container: str, labels: dict[str, str]) -> None:
    labels = {"instance": "nas:8080", "name": container, "image": "web:1", **labels}
    event = event_for(Alert("alertmanager", "ContainerKilled", "f", firing=True, labels=labels))
    assert (event.service, event.payload["swarm"], event.payload["container"]) == (
        "stack_web",
        {"service": "stack_web"},
        container,
    )
    assert Fact.SWARM in facts_for(event)


def test_the_worlds_services_are_counted_anew_only_when_it_changed() -> None:
    targets = [TargetHealth(node="Pi4", service=service, since="2026-05-05T12:00:00Z") for service in (None, "web")]
    worlds = [World()]
    services = WorldServices(lambda: worlds[-1])
    assert services() == {}
    worlds.append(World(places={target.target_key: target for target in targets}))
    assert services() == {"Pi4": frozenset({"web"})}
    assert services() is services()


@pytest.mark.parametrize(
    ("name", "job", "service"),
    [
        ("PumpdDown", "pumpd", "pumpd"),
        ("PumpMeterExporterDown", "pump-meter-exporter", "pump-meter-exporter"),
        ("WaterExporterDown", "pump-exporter", "pump-exporter"),  # whatever it measures: it is what was asked
        ("PumpMeterIsDry", "pump-meter", "pump-meter"),
        ("WaterIsLow", "pump-exporter", None),
        ("MemoryFull", "memory", None),
    ],
)
def test_an_alert_is_about_the_job_that_it_is_called_after(name: str, job: str, service: str | None) -> None:
    labels = {"alertname": name, "job": job, "instance": "nas:9100"}
    assert event_for(Alert("alertmanager", name, "f", firing=True, labels=labels)).service == service
