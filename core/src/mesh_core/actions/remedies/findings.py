"""What a remedy may know of an event: what the node agent found on its host, and the event's own fields. Pure.

Only of an event that a node agent sent itself: what a stranger says that somebody found is nothing found.
"""

from __future__ import annotations

import re
from typing import Any

from mesh_core.incidents.investigation import fact_in
from mesh_core.models.events import HealthEvent, Trust

# `room.fact` of payload.investigation, a field of the payload, or what the event is about.
PATH = re.compile(
    r"(?!event\.|payload\.)[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}|payload\.[a-z][a-z0-9_]{0,39}|event\.service"
)


def found_in(event: HealthEvent, path: str) -> Any:
    """The value at that path; None where there is none, or where nobody who may be believed says so."""
    if event.trust is not Trust.NODE:
        return None
    room, _, field = path.partition(".")
    if room == "event":
        return event.service
    if room == "payload":
        return event.payload.get(field)
    return fact_in(event, path)
