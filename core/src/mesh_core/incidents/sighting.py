"""Which of the things that a node's agent watches an alert is about, and what the agent sees of it. Pure.

Only the one thing that the alert can mean counts: where two could be meant, or a manager is named that runs neither,
nothing is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from pydantic import ValidationError

from mesh_core.models.durations import span_in_words
from mesh_core.models.events import HealthEvent
from mesh_core.models.records import is_service_name, parse_time
from mesh_core.models.sightings import MAX_NOTE_BYTES, MAX_SIGHTINGS, SeenState, Sighting
from mesh_core.models.strict_json import Refusal, parse_object

AGENTS_WORD = "agent"  # as what it stands among the evidence
_SAID_IN = ("container", "unit", "program")  # of a payload: what carries the service
_UNIT = ".service"
_SAYS_ITS_MANAGER = ("container_", "unit_", "program_")  # as a type begins


class SightingsNote(NamedTuple):
    """`complete`: all that the agent sees is in it; one that says nothing of that may have been cut. `ports`: which of
    them answers at a port of the node. `speaks`: there is one at all, so the node's agent is alive."""

    rows: tuple[Sighting, ...] = ()
    complete: bool = False
    ports: Mapping[int, str] = MappingProxyType({})
    speaks: bool = False


def note_of(
    node: str, sightings: Iterable[Sighting], *, complete: bool = False, ports: Mapping[int, str] | None = None
) -> bytes:
    """The note of a node's agent, as `read_note` reads it."""
    rows = b",".join(one.wire() for one in sightings)
    whole = b'"complete":true,' if complete else b""
    # Beside the rows: a reader from before passes over a key that it does not know, and would refuse such a row.
    at_ports = b'"ports":%s,' % json.dumps(ports, separators=(",", ":")).encode() if ports else b""
    return b'{"node":%s,%s%s"services":[%s]}' % (json.dumps(node).encode(), whole, at_ports, rows)


def read_note(raw: bytes, node: str) -> SightingsNote:
    """What a note says of this node; nothing of another's, of a broken one, of an agent from before (`1`)."""
    note = parse_object(raw, max_bytes=MAX_NOTE_BYTES)
    if isinstance(note, Refusal) or note.get("node") != node or not isinstance(note.get("services"), list):
        return SightingsNote()
    told = note["services"][:MAX_SIGHTINGS]
    rows = tuple(filter(None, map(_read, told)))
    complete = note.get("complete") is True and len(rows) == len(told)
    return SightingsNote(rows, complete, _read_ports(note.get("ports")), speaks=True)


def sighting_of(event: HealthEvent, sightings: Sequence[Sighting]) -> Sighting | None:
    """What is seen of the event's service; None where that cannot be told apart."""
    said = {event.service, *(event.payload.get(key) for key in _SAID_IN)}
    called = {_plain(name) for name in said if isinstance(name, str) and name}
    meant = [one for one in sightings if called & {_plain(name) for name in (one.service, *one.names)}]
    if event.runtime is not None:
        meant = [one for one in meant if one.runtime == event.runtime.value]
    return meant[0] if event.service and len(meant) == 1 else None


def absence_of(event: HealthEvent, note: SightingsNote) -> Sighting | None:
    """That nothing of its service's name is there; None where that cannot be told, or where the event says what runs
    it: then that may be gone, and is looked for by what it is."""
    if event.service is None or not note.complete or event.runtime is not None:
        return None
    if event.type.startswith(_SAYS_ITS_MANAGER) or any(event.payload.get(key) for key in _SAID_IN):
        return None
    if is_called_there(event.service, note.rows):
        return None
    return Sighting(service=event.service, state=SeenState.ABSENT, since=event.timestamp, runtime="")


def is_called_there(service: str, sightings: Iterable[Sighting]) -> bool:
    """Is anything there called so, be it several, or a compose service by its bare name?"""
    called = _plain(service)
    names = {_plain(name) for one in sightings for name in (one.service, *one.names)}
    return any(called in (name, name.rpartition(".")[2]) for name in names)


def sighting_in_words(event: HealthEvent, seen: Sighting) -> str:
    """`the agent on nas1 sees jellyfin running for 3 days or longer`: for people, and for a model as evidence."""
    if seen.state is SeenState.ABSENT:
        return f"the agent on {event.node} sees nothing that is called {seen.service}"
    seconds = max(0, round(parse_time(event.timestamp).timestamp() - parse_time(seen.since).timestamp()))
    health = ", and its own check says that it is healthy" if seen.healthy else ""
    # Of what became so only after the alert's own time, or was first seen then, no span says anything.
    span = f" for {span_in_words(seconds)} or longer" if seconds else ""
    return f"the agent on {event.node} sees {seen.service} {_IN_WORDS[seen.state]}{span}{health}".removesuffix(",")


_IN_WORDS = {
    SeenState.RUNNING: "running",
    SeenState.STARTING: "starting",
    SeenState.RESTARTING: "being started again and again",
    SeenState.UNHEALTHY: "running, with its own check red,",
    SeenState.FAILED: "not running, which nobody meant,",
    SeenState.STOPPED: "stopped or paused, as by a person or after its work,",
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


def _read_ports(said: object) -> dict[int, str]:
    if not isinstance(said, dict):
        return {}
    named = ((port, name) for port, name in said.items() if isinstance(name, str) and is_service_name(name))
    return {int(port): name for port, name in named if port.isdecimal()}
