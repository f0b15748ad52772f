"""Which of the things that a node's agent watches an alert is about, and what the agent sees of it. Pure.

Only the one thing that the alert can mean counts: where two could be meant, or a manager is named that runs neither,
nothing is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from mesh_core.models.durations import span_in_words
from mesh_core.models.events import HealthEvent
from mesh_core.models.records import parse_time
from mesh_core.models.sightings import MAX_NOTE_BYTES, MAX_SIGHTINGS, SeenState, Sighting
from mesh_core.models.strict_json import Refusal, parse_object

AGENTS_WORD = "agent"  # as what it stands among the evidence
_SAID_IN = ("container", "unit", "program")  # of a payload: what carries the service
_UNIT = ".service"


def note_of(node: str, sightings: Iterable[Sighting]) -> bytes:
    """The note of a node's agent, as `read_sightings` reads it."""
    rows = b",".join(one.wire() for one in sightings)
    return b'{"node":%s,"services":[%s]}' % (json.dumps(node).encode(), rows)


def read_sightings(raw: bytes, node: str) -> tuple[Sighting, ...]:
    """Those of a note about this node; none of another's, of a broken one, of an agent from before (`1`)."""
    note = parse_object(raw, max_bytes=MAX_NOTE_BYTES)
    rows = None if isinstance(note, Refusal) or note.get("node") != node else note.get("services")
    return tuple(filter(None, map(_read, rows[:MAX_SIGHTINGS]))) if isinstance(rows, list) else ()


def sighting_of(event: HealthEvent, sightings: Sequence[Sighting]) -> Sighting | None:
    """What is seen of the event's service; None where that cannot be told apart."""
    said = {event.service, *(event.payload.get(key) for key in _SAID_IN)}
    called = {_plain(name) for name in said if isinstance(name, str) and name}
    meant = [one for one in sightings if called & {_plain(name) for name in (one.service, *one.names)}]
    if event.runtime is not None:
        meant = [one for one in meant if one.runtime == event.runtime.value]
    return meant[0] if event.service and len(meant) == 1 else None


def sighting_in_words(event: HealthEvent, seen: Sighting) -> str:
    """`the agent on nas1 sees jellyfin running for 3 days or longer`: for people, and for a model as evidence."""
    seconds = max(0, round(parse_time(event.timestamp).timestamp() - parse_time(seen.since).timestamp()))
    health = ", and its own check says that it is healthy" if seen.healthy else ""
    how = f"{_IN_WORDS[seen.state]} for {span_in_words(seconds)} or longer{health}"
    return f"the agent on {event.node} sees {seen.service} {how}"


_IN_WORDS = {
    SeenState.RUNNING: "running",
    SeenState.STARTING: "starting",
    SeenState.RESTARTING: "being started again and again",
    SeenState.UNHEALTHY: "running, with its own check red,",
    SeenState.FAILED: "not running, which nobody meant,",
    SeenState.STOPPED: "stopped, as by a person or after its work,",
}


def _plain(name: str) -> str:
    """A unit's name with or without its ending is one name, and so is a container's with the slash of the engine."""
    return name.lstrip("/").removesuffix(_UNIT).lower()


def _read(row: object) -> Sighting | None:
    """None for what a newer agent tells in another form."""
    try:
        return Sighting.model_validate(row)
    except ValidationError:
        return None
