"""The names of the event streams, and what a stream's name says about the events in it. Pure."""

from __future__ import annotations

from mesh_core.records import Trust

EVENT_STREAM_PREFIX = "mesh:ev:"
FOREIGN_STREAM = "mesh:ev:_foreign"
MESH_STREAM = "mesh:ev:_mesh"
OCCURRENCES_KEY = "mesh:occurrences"  # hash: event id of an open proposal -> how often its trouble came again


def stream_of(event_id: str) -> tuple[str, str]:
    """(stream, entry id) in which an event lies. Sequence 0 is a node's own; others lie in `_foreign` or `_mesh`."""
    node, _, entry = event_id.rpartition("/")
    return (f"{EVENT_STREAM_PREFIX}{node}" if entry.endswith("-0") else FOREIGN_STREAM), entry


def trust_of(stream: str) -> Trust:
    """Who may have written there; an event's own words about that are not believed."""
    return {FOREIGN_STREAM: Trust.FOREIGN, MESH_STREAM: Trust.MESH}.get(stream, Trust.NODE)
