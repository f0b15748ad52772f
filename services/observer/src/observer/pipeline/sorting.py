"""Stream entries sorted into events, decisions, logbook lines and the rest. Pure; a place says who wrote there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from mesh_core.messaging.group_commands import Entry
from mesh_core.models import streams
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import MAX_EVENT_BYTES, Decision, HealthEvent
from mesh_core.models.parsing import event_in, read_record
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.requests import RequestUpdate
from mesh_core.models.streams import entry_order
from mesh_core.models.strict_json import Refusal
from observer.archive.logbook import LogbookEntry
from observer.archive.names import is_event_id

R = TypeVar("R", Decision, ModelAttempt, ActionUpdate)


@dataclass(frozen=True)
class SortedEntries:
    """What some entries hold, each kind in the order of the entries, whichever stream they were read from first."""

    events: tuple[HealthEvent, ...]
    decisions: tuple[Decision, ...]
    lines: tuple[LogbookEntry, ...]
    refused: tuple[tuple[Entry, str], ...]


def sort_entries(entries: Iterable[Entry]) -> SortedEntries:
    """Every entry ends in exactly one of the four."""
    events: list[HealthEvent] = []
    decisions: list[Decision] = []
    lines: list[LogbookEntry] = []
    refused: list[tuple[Entry, str]] = []
    for entry in sorted(entries, key=lambda one: entry_order(one.id)):
        read = _read(entry)
        match read:
            case HealthEvent():
                events.append(read)
            case Decision():
                decisions.append(read)
            case ModelAttempt() | ActionUpdate() | RequestUpdate():
                lines.append(LogbookEntry(entry.stream, entry.id, read))
            case Refusal():
                refused.append((entry, read.reason))
    return SortedEntries(tuple(events), tuple(decisions), tuple(lines), tuple(refused))


def _read(entry: Entry) -> HealthEvent | Decision | ModelAttempt | ActionUpdate | RequestUpdate | Refusal:
    match entry.stream:
        case Decision.stream:
            decision = read_record(entry.raw, Decision, MAX_EVENT_BYTES)
            if isinstance(decision, Decision) and not is_event_id(decision.event_id):
                return Refusal("event_id: not <node>/<stream id>")
            return decision
        case ModelAttempt.stream:
            return read_record(entry.raw, ModelAttempt, MAX_EVENT_BYTES)
        case ActionUpdate.stream | streams.MOVES_STREAM:
            return read_record(entry.raw, ActionUpdate, MAX_EVENT_BYTES)
        case RequestUpdate.stream:
            return read_record(entry.raw, RequestUpdate, MAX_EVENT_BYTES)
        case _:
            return event_in(entry.stream, entry.id, entry.raw)
