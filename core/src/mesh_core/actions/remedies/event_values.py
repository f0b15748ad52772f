"""What a remedy may know of an event: what the node agent found on its host, and the event's own fields. Pure.

Only of an event that a node agent sent itself: what a stranger says that somebody found is nothing found.
"""

from __future__ import annotations

import re
from typing import Any

from mesh_core.incidents.investigation import fact_in
from mesh_core.models.events import HealthEvent, Trust

# `room.fact` of payload.investigation (of a list: `room.fact.0.name`, its first row's), a field of the payload, or what
# the event is about.
_FIELD = "[a-z][a-z0-9_]{0,39}"
PATH = re.compile(rf"(?!event\.|payload\.){_FIELD}\.{_FIELD}(?:\.[0-4]\.{_FIELD})?|payload\.{_FIELD}|event\.service")


def found_in(event: HealthEvent, path: str) -> Any:
    """The value at that path; None where there is none, or where nobody who may be believed says so."""
    if event.trust is not Trust.NODE:
        return None
    room, _, field = path.partition(".")
    if room == "event":
        return event.service
    if room == "payload":
        return event.payload.get(field)
    room_and_fact, *row = re.split(r"\.(?=[0-4]\.)", path)
    found = fact_in(event, room_and_fact)
    if not row:
        return found
    number, _, name = row[0].partition(".")
    rows = found if isinstance(found, list) else []
    one = rows[int(number)] if int(number) < len(rows) else None
    return one.get(name) if isinstance(one, dict) else None
