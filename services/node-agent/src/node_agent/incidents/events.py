"""From a change to the event that travels, secrets hidden. Pure; the id is given by the spool later."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mesh_core.models.events import MAX_EVENT_BYTES, HealthEvent, Severity, Trust, raw_name
from mesh_core.models.records import is_service_name, rfc3339
from mesh_core.security.redaction import pruned
from node_agent.checks.evidence import clean_value
from node_agent.incidents.incident_tracker import IncidentChange

_BULKY = ("logs", "health_output", "processes", "body")  # dropped first if an event would be too large


def event_for(change: IncidentChange, node: str, now_ms: int, evidence: dict[str, Any] | None = None) -> HealthEvent:
    """A change as a health event. A service whose name does not fit becomes a whole-node event with the raw name."""
    payload: dict[str, Any] = {**(evidence or {}), **change.result.facts}
    service = change.result.service
    if service is not None and not is_service_name(service):
        payload |= raw_name(service)
        service = None
    payload["opened_at"] = _time(change.opened_ms)
    if change.kind == "recovered":
        payload["was"] = change.was
        payload["open_seconds"] = max(0, (now_ms - change.opened_ms) // 1000)
    elif change.kind == "changed":
        payload["was"] = change.was
    elif change.kind == "flapping":
        payload["opens"] = change.opens
        payload["last_type"] = change.result.type
    elif change.kind == "still_open":
        payload["announced_again"] = True
    return _bounded(
        HealthEvent(
            type=change.type,
            node=node,
            service=service,
            severity=change.severity,
            payload=pruned(clean_value(payload)),
            timestamp=_time(now_ms),
            incident=change.incident,
            trust=Trust.NODE,
        )
    )


def node_event(type_: str, node: str, now_ms: int, severity: Severity, payload: dict[str, Any]) -> HealthEvent:
    """A whole-node event that is no incident: node_online, events_dropped."""
    return HealthEvent(
        type=type_,
        node=node,
        severity=severity,
        payload=pruned(clean_value(payload)),
        timestamp=_time(now_ms),
        trust=Trust.NODE,
    )


def _bounded(event: HealthEvent) -> HealthEvent:
    for key in _BULKY:
        if len(event.wire()) <= MAX_EVENT_BYTES - 512:  # room for the id
            break
        event = event.model_copy(update={"payload": {k: v for k, v in event.payload.items() if k != key}})
    return event


def _time(ms: int) -> str:
    return rfc3339(datetime.fromtimestamp(ms / 1000, UTC))
