"""What other systems send to a hook, and the event that it becomes. Not a test."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mesh_core.models.events import HealthEvent
from mesh_core.models.parsing import read_event
from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.alert import Alert, Read, Unfit
from observer.hooks.mapping import Mapped
from observer.hooks.senders import any_json

NOW = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)


def firing(alertname: str = "ContainerUnhealthy", status: str = "firing", **labels: str) -> dict[str, Any]:
    """One alert as Alertmanager 0.25 writes it."""
    return {
        "status": status,
        "labels": {"alertname": alertname, "instance": "pi4:9100", **labels},
        "annotations": {"summary": "it is ill"},
        "startsAt": "2026-05-05T11:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-05-05T11:30:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
        "fingerprint": "d6c1a4b8f3e2a1b0",
    }


def group(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "receiver": "mesh", "commonLabels": {}, "alerts": list(alerts), **more}


def one(found: list[Read] | Unfit) -> Read:
    assert isinstance(found, list), found
    assert len(found) == 1
    return found[0]


def event_of(read: Read, mapped: Mapped | None = None) -> HealthEvent:
    assert isinstance(read, Alert), read
    event = (mapped or Mapped()).event_for(read, read.episode or "1", NOW)
    assert isinstance(event, HealthEvent), event
    # Whatever is made here is what the door of the mesh accepts.
    assert isinstance(read_event(event.wire()), HealthEvent)
    return event


def event_with(read: Read, names: KnownNames) -> HealthEvent:
    """The event of a mesh that knows these."""
    assert isinstance(read, Alert), read
    event = Mapped().event_for(read, "1", NOW, names)
    assert isinstance(event, HealthEvent), event
    return event


def entered_with(body: dict[str, Any], names: KnownNames) -> HealthEvent:
    """Likewise, of the one alert in a body that nobody described."""
    return event_with(one(any_json.alerts_in(body)), names)


def kuma(status: Any, **monitor: Any) -> dict[str, Any]:
    """As Uptime Kuma 1.23 posts it, shortened."""
    return {
        "heartbeat": {
            "monitorID": 7,
            "status": status,
            "time": "2026-05-05 11:59:00.321",
            "msg": "Request failed with status code 502",
            "important": True,
            "duration": 60,
        },
        "monitor": {
            "id": 7,
            "name": "My Blog",
            "type": "http",
            "url": "https://blog.example:8443/health",
            "hostname": None,
            "basic_auth_pass": "S3CRET",
            "pushToken": "S3CRET",
            "tags": [],
            **monitor,
        },
        "msg": "[My Blog] [down]",
    }
