"""Proposals and what became of them, by filters, the one that moved last first. Reads the index only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from mesh_core.models.proposals import Folder
from mesh_core.silences.put_aside import put_aside_by
from observer.index.keys import time_of
from observer.index.results import HistoryPage, PastAction
from observer.index.tables import actions

OPEN = (Folder.PENDING, Folder.APPROVED, Folder.RUNNING)


@dataclass(frozen=True)
class HistoryFilter:
    """What is wanted; None: any. `result` is a folder's name; without it only what came to rest, unless `open`."""

    node: str | None = None
    service: str | None = None
    type: str | None = None
    action: str | None = None
    result: str | None = None
    verdict: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    open: bool = False


def read_history(
    connection: Connection, wanted: HistoryFilter, *, limit: int, cursor: str | None = None, complete: bool = True
) -> HistoryPage:
    """One page. `cursor` is the `next` of the page before; one that is no cursor begins at the newest."""
    statement = select(actions).order_by(actions.c.at_ms.desc(), actions.c.row.desc()).limit(limit + 1)
    for name in ("node", "service", "type", "action", "verdict"):
        if (value := getattr(wanted, name)) is not None:
            statement = statement.where(actions.c[name] == value)
    if wanted.result is not None:
        statement = statement.where(actions.c.folder == wanted.result)
    elif not wanted.open:
        statement = statement.where(actions.c.folder.not_in([folder.value for folder in OPEN]))
    if wanted.since_ms is not None:
        statement = statement.where(actions.c.at_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        statement = statement.where(actions.c.at_ms < wanted.until_ms)
    if (after := _after(cursor)) is not None:
        at_ms, row = after
        older = or_(actions.c.at_ms < at_ms, and_(actions.c.at_ms == at_ms, actions.c.row < row))
        statement = statement.where(actions.c.at_ms <= at_ms, older)
    rows = connection.execute(statement).mappings().all()
    page = rows[:limit]
    following = f"{page[-1]['at_ms']}.{page[-1]['row']}" if len(rows) > limit and page else None
    return HistoryPage(items=tuple(past_action(row) for row in page), next=following, complete=complete)


def actions_about(connection: Connection, *, ids: Sequence[str], event_ids: Sequence[str]) -> list[Any]:
    """The rows of these actions, and of all that answer these events, oldest first."""
    statement = select(actions).where(or_(actions.c.id.in_(ids), actions.c.event_id.in_(event_ids)))
    return list(connection.execute(statement.order_by(actions.c.proposed_ms, actions.c.row).limit(20)).mappings())


def past_action(row: Any) -> PastAction:
    """A row of the table as what is answered."""
    times = {f"{n}_at": _time(row[f"{n}_ms"]) for n in ("symptom", "proposed", "decided", "started", "finished")}
    ran = row["started_ms"] is not None and row["finished_ms"] is not None
    same = ("id", "verdict", "node", "service", "type", "action", "risk", "by", "reason", "attempt", "event_id")
    return PastAction(
        **{name: row[name] for name in (*same, "model", "provider", "position", "confidence")},
        **times,
        result=row["folder"],
        put_aside=put_aside_by(row["reason"]) if row["folder"] == Folder.REJECTED else None,
        at=time_of(row["at_ms"]),
        run_seconds=round((row["finished_ms"] - row["started_ms"]) / 1000, 3) if ran else None,
    )


def _time(ms: int | None) -> str | None:
    return None if ms is None else time_of(ms)


def _after(cursor: str | None) -> tuple[int, int] | None:
    at_ms, _, row = (cursor or "").partition(".")
    if not (at_ms + row).isascii() or not (at_ms.isdigit() and row.isdigit()) or max(len(at_ms), len(row)) > 18:
        return None
    return int(at_ms), int(row)
