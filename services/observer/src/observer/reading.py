"""Stream entries sorted into events, decisions and what is neither. Pure; an entry's place says who wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from mesh_core.consumer import Entry
from mesh_core.door import event_in, problems
from mesh_core.records import MAX_EVENT_BYTES, Decision, HealthEvent
from mesh_core.strict_json import Refusal, parse_object
from observer.archive import is_event_id


@dataclass(frozen=True)
class Batch:
    """What some entries hold, each kind in the order of reading."""

    events: tuple[HealthEvent, ...]
    decisions: tuple[Decision, ...]
    refused: tuple[tuple[Entry, str], ...]


def sort_out(entries: Iterable[Entry]) -> Batch:
    """Every entry ends in exactly one of the three."""
    events: list[HealthEvent] = []
    decisions: list[Decision] = []
    refused: list[tuple[Entry, str]] = []
    for entry in entries:
        read = _decision(entry) if entry.stream == Decision.stream else event_in(entry.stream, entry.id, entry.raw)
        match read:
            case HealthEvent():
                events.append(read)
            case Decision():
                decisions.append(read)
            case Refusal():
                refused.append((entry, read.reason))
    return Batch(tuple(events), tuple(decisions), tuple(refused))


def _decision(entry: Entry) -> Decision | Refusal:
    value = parse_object(entry.raw, max_bytes=MAX_EVENT_BYTES)
    if isinstance(value, Refusal):
        return value
    try:
        decision = Decision.model_validate(value)
    except ValidationError as error:
        return Refusal(problems(error))
    return decision if is_event_id(decision.event_id) else Refusal("event_id: not <node>/<stream id>")
