"""Everything that is known about one trouble, out of the index and the few files that tell it in full. Tells nothing.

An event or an action that is gone (retention) leaves a hole, never an error.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.incidents.event_types import RECOVERIES
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.models.streams import entered_ms
from mesh_core.storage.event_files import MAX_LINE_BYTES, lines_about
from mesh_core.storage.files import read_regular
from observer.index.event_parser import text_of
from observer.index.event_table import BENIGN
from observer.index.events import event_rows, events_of_incident, events_of_place, find_event
from observer.index.history import actions_about, past_action
from observer.index.keys import DAY_MS, day_of, ms_at, ms_of, number_of, parts_of
from observer.index.results import EventRow, PastAction
from observer.index.string_ids import texts_of
from observer.index.tables import attempts, events, updates, words

MOST_EVENTS = 500
MOST_ROWS = 300
MOST_EVENTS_READ = 20
MOST_FILES = 10  # a day of 10,000 events of one node is read through in 0.05 s
LOOK_BACK_MS, LOOK_AHEAD_MS = 7 * DAY_MS, 30 * DAY_MS


@dataclass(frozen=True)
class ActionRecord:
    """What a file says beyond the index: a proposal, its outcome."""

    past: PastAction
    proposal: Proposal | None
    outcome: Outcome | None


@dataclass(frozen=True)
class AttemptRecord:
    at_ms: int
    latency_ms: float
    model: str
    provider: str
    outcome: str
    detail: str
    event_id: str


@dataclass(frozen=True)
class FolderMove:
    at_ms: int
    action_id: str
    target: str
    actor: str
    reason: str


@dataclass(frozen=True)
class IncidentRecords:
    """Everything that is known about one trouble."""

    events: tuple[EventRow, ...]
    cut: bool
    reasons: dict[str, tuple[int, str]]  # {event id: (when, why) it was decided so}
    attempts: tuple[AttemptRecord, ...]
    moves: tuple[FolderMove, ...]
    actions: tuple[ActionRecord, ...]


def load_incident(connection: Connection, wanted: str, runtime: Path, actions: ActionFolders) -> IncidentRecords | None:
    """By an action's or an event's id; None when nobody has heard of it."""
    wanted = wanted.encode("utf-8", "replace").decode()
    known = actions_about(connection, ids=[wanted], event_ids=[])
    seed = find_event(connection, wanted)
    if seed is None:
        seed = _event_behind(connection, wanted, known)
    if seed is None and not known:
        return None
    rows = _same_trouble(connection, seed) if seed is not None else []
    shown = event_rows(connection, rows[:MOST_EVENTS])
    ids = {row.action_id for row in shown if row.action_id} | {row["id"] for row in known}
    about = {row["event_id"] for row in known if row["event_id"]} | {row.id for row in shown}
    found = actions_about(connection, ids=sorted(ids), event_ids=sorted(about))
    return IncidentRecords(
        events=shown,
        cut=len(rows) > MOST_EVENTS,
        reasons=_reasons(runtime / "events", shown),
        attempts=tuple(_attempts(connection, sorted(about))),
        moves=tuple(_moves(connection, sorted({row["id"] for row in found}))),
        actions=tuple(_action_record(row, actions) for row in found),
    )


def _event_behind(connection: Connection, wanted: str, known: Sequence[Any]) -> Any | None:
    """The event that an action answers, or else the first whose decision names it."""
    for row in known:
        if row["event_id"] and (found := find_event(connection, row["event_id"])):
            return found
    number = select(words.c.id).where(words.c.text == wanted).scalar_subquery()
    statement = select(events).where(events.c.action == number, events.c.type.is_not(None)).order_by(events.c.key)
    return connection.execute(statement.limit(1)).mappings().first()


def _same_trouble(connection: Connection, seed: Any) -> list[Any]:
    """Every event of this trouble, oldest first; one more than is shown tells that there are more."""
    if seed["type"] is None:
        return []
    if seed["incident"] is not None:
        return events_of_incident(connection, seed["incident"], MOST_EVENTS + 1)
    # Foreign events name no incident: from the last recovery before to the first one after.
    names = texts_of(connection, (seed["node"], seed["service"]))
    place, at = (names[seed["node"]], names.get(seed["service"])), ms_of(seed["key"])
    before = events_of_place(connection, *place, at - LOOK_BACK_MS, at, MOST_EVENTS // 2, newest=True)
    after = events_of_place(connection, *place, at, at + LOOK_AHEAD_MS, MOST_EVENTS // 2 + 1, newest=False)
    types = texts_of(connection, {row["type"] for row in (*before, *after)})
    rows: list[Any] = []
    for row in before:
        rows = [] if types[row["type"]] in RECOVERIES else [*rows, row]
    for row in after:
        rows.append(row)
        if types[row["type"]] in RECOVERIES and row["key"] > seed["key"]:
            break
    return rows


def _reasons(root: Path, rows: Iterable[EventRow]) -> dict[str, tuple[int, str]]:
    """Why the first events of each verdict were decided so, out of their files."""
    seen: set[tuple[str | None, str | None]] = set()
    asked: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.verdict is None or (row.verdict, row.action_id) in seen or len(seen) >= MOST_EVENTS_READ:
            continue
        seen.add((row.verdict, row.action_id))
        if (parts := parts_of(row.id)) is not None:
            asked.setdefault((day_of(parts[1]), parts[0]), []).append(row.id)
    found = {}
    for (day, node), ids in list(asked.items())[:MOST_FILES]:
        for event_id, decision in _decisions(root / day, node, ids):
            if event_id in found and decision.get("verdict") == BENIGN:
                continue
            with contextlib.suppress(ValueError, KeyError, TypeError):
                decided = ms_at(str(decision["ts"])) or entered_ms(event_id)
                found[event_id] = (decided, text_of(decision["reason"], 400))
    return found


def _decisions(folder: Path, node: str, ids: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(event id, decision), in the order of writing; at first out of what lies there as it did before."""
    old = ((i, read_regular(folder / node / f"evt-{i.rpartition('/')[2]}.json", MAX_LINE_BYTES)) for i in ids)
    for event_id, raw in (*old, *lines_about(folder, node, ids)):
        try:
            decision = json.loads(raw or b"")["decision"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(decision, dict):
            yield event_id, decision


def _attempts(connection: Connection, event_ids: Sequence[str]) -> Iterator[AttemptRecord]:
    numbers = {number_of(event_id): event_id for event_id in event_ids}
    statement = select(attempts).where(attempts.c.event.in_(list(numbers))).order_by(attempts.c.at_ms)
    rows = connection.execute(statement.limit(MOST_ROWS)).mappings().all()
    names = texts_of(connection, {row[n] for row in rows for n in ("model", "provider", "outcome")})
    for row in rows:
        yield AttemptRecord(
            at_ms=row["at_ms"],
            latency_ms=row["latency_ms"],
            model=names[row["model"]],
            provider=names[row["provider"]],
            outcome=names[row["outcome"]],
            detail=row["detail"],
            event_id=numbers[row["event"]],
        )


def _moves(connection: Connection, ids: Sequence[str]) -> Iterator[FolderMove]:
    statement = select(updates).where(updates.c.action_id.in_(ids)).order_by(updates.c.at_ms).limit(MOST_ROWS)
    for row in connection.execute(statement).mappings():
        yield FolderMove(row["at_ms"], row["action_id"], row["target"], row["by"], row["reason"])


def _action_record(row: Any, actions: ActionFolders) -> ActionRecord:
    past = past_action(row)
    path = actions.root / row["place"]
    if row["folder"] == Folder.QUARANTINE or path.is_symlink():
        return ActionRecord(past, None, None)
    return ActionRecord(past, actions.proposal_at(path), actions.outcome_at(path) if path.is_dir() else None)
