"""The names of the event streams, and what a stream's name says about the events in it. Pure."""

from __future__ import annotations

from mesh_core.models.events import Trust

EVENT_STREAM_PREFIX = "mesh:ev:"
FOREIGN_STREAM = "mesh:ev:_foreign"
MESH_STREAM = "mesh:ev:_mesh"  # the executor's own
OBSERVER_STREAM = "mesh:ev:_observer"
MOVES_STREAM = "mesh:moves"  # action updates about moves by hand, as the observer saw them
ENTERED = {Trust.FOREIGN: FOREIGN_STREAM, Trust.MESH: MESH_STREAM, Trust.OBSERVER: OBSERVER_STREAM}
_TRUST = {stream: trust for trust, stream in ENTERED.items()}
ALIVE_PREFIX = "mesh:alive:"  # and the node: a key that its agent renews while it lives
HEARD_PREFIX = "mesh:heard:"  # sorted set by digest: when these bytes were heard on the channel, ms
LAST_SEQUENCE = 2**64 - 1
LAST_ID = f"{LAST_SEQUENCE}-{LAST_SEQUENCE}"  # nothing comes after it, and to ask for that is an error
LAST_MS = 253_402_300_799_999  # the end of the year 9999: ids go on, calendars do not
OCCURRENCES_KEY = "mesh:occurrences"  # hash: event id of an open proposal -> how often its trouble came again
HELD_KEY = "mesh:held"  # hash: subject -> trouble that waits for what is at work on its host
EXPLAINED_PREFIX = (
    "mesh:explained:"  # and a proposal's id: a hash, place -> type of the trouble that its trouble explains
)


def stream_of(event_id: str) -> tuple[str, str]:
    """(stream, entry id) in which an event lies. Sequence 0 is a node's own; others lie in one of ENTERED."""
    node, _, entry = event_id.rpartition("/")
    return (f"{EVENT_STREAM_PREFIX}{node}" if entry.endswith("-0") else FOREIGN_STREAM), entry


def entered_ms(event_id: str) -> int:
    """When an event entered its stream, in ms: the one clock that all doors share closely enough. 0 for no such id, the
    end of the calendar for what lies beyond it (made on purpose)."""
    return min(max(0, entry_order(event_id.rpartition("/")[2])[0]), LAST_MS)


def trust_of(stream: str) -> Trust:
    """Who may have written there; an event's own words about that are not believed."""
    return _TRUST.get(stream, Trust.NODE)


def entry_order(entry_id: str) -> tuple[int, int]:
    """A stream entry's id as (milliseconds, sequence), for comparing; (-1, -1), before all others, for what is none."""
    ms, _, sequence = entry_id.partition("-")
    sequence = sequence or "0"
    return (int(ms), int(sequence)) if ms.isdecimal() and sequence.isdecimal() else (-1, -1)
