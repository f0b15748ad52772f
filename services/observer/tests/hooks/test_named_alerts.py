"""An alert's host and service get the names that the mesh uses, and what its sender wrote stays beside them."""

from __future__ import annotations

from datetime import UTC, datetime

from mesh_core.models.events import HealthEvent
from mesh_core.policy.facts import Fact, facts_for
from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.alert import Alert
from observer.hooks.generic import GenericHook
from observer.hooks.mapping import Mapped
from observer.hooks.world_services import WorldServices
from observer.world import TargetHealth, World

NOW = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)
KNOWN = KnownNames(hosts={"NAS01": "", "nas": "10.0.0.5"})


def event_for(alert: Alert) -> HealthEvent:
    event = Mapped().event_for(alert, "1", NOW, KNOWN)
    assert isinstance(event, HealthEvent), event
    return event


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


def test_the_worlds_services_are_counted_anew_only_when_it_changed() -> None:
    targets = [TargetHealth(node="Pi4", service=service, since="2026-05-05T12:00:00Z") for service in (None, "web")]
    worlds = [World()]
    services = WorldServices(lambda: worlds[-1])
    assert services() == {}
    worlds.append(World(places={target.target_key: target for target in targets}))
    assert services() == {"Pi4": frozenset({"web"})}
    assert services() is services()
