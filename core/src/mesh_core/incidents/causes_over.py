"""Causes that are over: what the words of lasting trouble still say of them is of the past. Pure.

A full disk stops a unit, its log ends with "No space left on device", and so it does when there is room again. So a
planner notes in the payload of such trouble which of its causes were told, and ended after it had begun. Only of a node
agent's trouble: who comes from outside tells when it began as he likes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from mesh_core.incidents.causes import Cause, began_ms, cause_of
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.records import Record, rfc3339

CAUSES_OVER = "causes_over"  # of the payload: [{type, node, service, at}]
MOST_ROWS = 8


class CauseOver(Record):
    """A cause whose end was told. `at_ms`: when."""

    cause: Cause
    at_ms: int

    def explained(self, event: HealthEvent) -> bool:
        """Was this there because of it, while it lasted?"""
        return began_ms(event) <= self.at_ms and self.cause.explains(cause_of(event))

    def in_payload(self) -> dict[str, str | None]:
        at = rfc3339(datetime.fromtimestamp(self.at_ms / 1000, UTC))
        return {"type": self.cause.type, "node": self.cause.node, "service": self.cause.service, "at": at}


def with_causes_over(event: HealthEvent, over: Iterable[CauseOver]) -> HealthEvent:
    """The same trouble with those of its causes noted that are over; of `over` the ones that did not explain it do not
    count."""
    rows = [one.in_payload() for one in over if event.trust is Trust.NODE and one.explained(event)]
    return event.model_copy(update={"payload": {**event.payload, CAUSES_OVER: rows[:MOST_ROWS]}}) if rows else event


def causes_over(event: HealthEvent) -> frozenset[str]:
    """The types of those that are noted."""
    said = event.payload.get(CAUSES_OVER) if event.trust is Trust.NODE else None
    rows = said[:MOST_ROWS] if isinstance(said, list) else []
    return frozenset(str(row.get("type")) for row in rows if isinstance(row, dict))
