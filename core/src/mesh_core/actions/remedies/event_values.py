"""What a remedy may know of an event: what the node agent found on its host, and the event's own fields. Pure.

Only of an event that a node agent sent itself: what a stranger says that somebody found is nothing found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh_core.incidents.investigation import fact_in, investigated
from mesh_core.models.events import HealthEvent, Trust

# `room.fact` of payload.investigation (of a list: `room.fact.0.name`, its first row's), a field of the payload, or what
# the event is about.
_FIELD = "[a-z][a-z0-9_]{0,39}"
PATH = re.compile(rf"(?!event\.|payload\.){_FIELD}\.{_FIELD}(?:\.[0-4]\.{_FIELD})?|payload\.{_FIELD}|event\.service")

EVENTS_OWN = "event.service"
_ROW = re.compile(r"\.(?=[0-4]\.)")


def found_in(event: HealthEvent, path: str) -> Any:
    """The value at that path; None where there is none, or where nobody who may be believed says so."""
    if event.trust is not Trust.NODE:
        return None
    room, _, field = path.partition(".")
    if room == "event":
        return event.service
    if room == "payload":
        return event.payload.get(field)
    room_and_fact, *row = re.split(_ROW, path)
    found = fact_in(event, room_and_fact)
    if not row:
        return found
    number, _, name = row[0].partition(".")
    one = _row(found, number)
    return one.get(name)


def told_beside(event: HealthEvent, path: str) -> Mapping[str, Any]:
    """The row of a list that the path leads into, or else the facts of its room: what was found of the thing that is
    named there. Empty for a field of the event itself."""
    room_and_fact, *row = re.split(_ROW, path)
    if row:
        return _row(fact_in(event, room_and_fact), row[0].partition(".")[0])
    return investigated(event).get(path.partition(".")[0], {})


def _row(found: Any, number: str) -> Mapping[str, Any]:
    rows = found if isinstance(found, list) else []
    one = rows[int(number)] if int(number) < len(rows) else None
    return one if isinstance(one, dict) else {}
