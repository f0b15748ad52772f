"""What a node's own agent looked up on its host when the trouble arose: `payload.investigation`, by names. Pure.

`{<room>: {<fact>: value}}`, numbers are integers in bytes, seconds or whole percent. Only an agent's own word counts:
in an event of any other origin the field is one like any other, and no fact is read out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.incidents.at_work import AT_WORK, work_in
from mesh_core.models.events import HealthEvent, Trust

INVESTIGATION = "investigation"


def investigated(event: HealthEvent) -> Mapping[str, Mapping[str, Any]]:
    """Room -> its facts; empty where nothing was looked up, or where somebody else says so."""
    said = event.payload.get(INVESTIGATION) if event.trust is Trust.NODE else None
    if not isinstance(said, dict):
        return {}
    return {room: facts for room, facts in said.items() if isinstance(facts, dict)}


def fact_in(event: HealthEvent, name: str) -> Any:
    """The fact `journal.bytes`; None where it could not be had."""
    room, _, fact = name.partition(".")
    return investigated(event).get(room, {}).get(fact)


def set_aside(event: HealthEvent) -> HealthEvent:
    """The event without what its agent saw around it: for whoever judges its words and fields. A folder, or who is
    logged in, may be called anything."""
    around = {INVESTIGATION} if investigated(event) else set()
    around |= {AT_WORK} if work_in(event) else set()
    if not around:
        return event
    rest = {key: value for key, value in event.payload.items() if key not in around}
    return event.model_copy(update={"payload": rest})
