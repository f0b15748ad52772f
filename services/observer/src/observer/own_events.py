"""Events that the observer enters of its own accord: what it noticed, and nobody else could tell. Pure."""

from __future__ import annotations

from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.records import rfc3339, utc_now


def own_event(type_: EventType, node: str, severity: Severity, **payload: object) -> HealthEvent:
    return HealthEvent(
        type=type_,
        node=node,
        severity=severity,
        payload={**payload, "noticed_by": "observer"},
        timestamp=rfc3339(utc_now()),
        trust=Trust.OBSERVER,
    )
