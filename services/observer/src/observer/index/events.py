"""Events by any mix of filters, newest first, page by page. Reads the index only; every page costs the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, literal_column, select, text

from mesh_core.models.events import Severity
from observer.index.event_table import SEVERITIES, TRUSTS
from observer.index.keys import LAST_MS, MARK, first_key, ms_of, parts_of, time_of, words_of
from observer.index.results import EventPage, EventRow
from observer.index.string_ids import texts_of
from observer.index.tables import events, words


@dataclass(frozen=True)
class EventFilter:
    """What is wanted; None: any. `severity` means that one or worse, times are milliseconds since 1970."""

    node: str | None = None
    service: str | None = None
    type: str | None = None
    severity: Severity | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    q: str = ""


def read_events(
    connection: Connection, wanted: EventFilter, *, limit: int, cursor: str | None = None, complete: bool = True
) -> EventPage:
    """One page. `cursor` is the `next` of the page before; one that is no cursor begins at the newest."""
    below = min(first_key(wanted.until_ms) if wanted.until_ms is not None else first_key(LAST_MS), _key_of(cursor))
    above = first_key(wanted.since_ms or 0)
    rows = _rows(connection, _found(connection, wanted), above, below, limit + 1)
    page = rows[:limit]
    following = str(page[-1]["key"]) if len(rows) > limit and page else None
    return EventPage(items=event_rows(connection, page), next=following, complete=complete)


def event_rows(connection: Connection, rows: Iterable[Any]) -> tuple[EventRow, ...]:
    """Rows of the table as what is answered."""
    listed = list(rows)
    names = texts_of(connection, {row[n] for row in listed for n in ("node", "service", "type", "verdict", "action")})
    return tuple(
        EventRow(
            id=f"{names[row['node']]}/{ms_of(row['key'])}-{row['sequence']}",
            at=time_of(ms_of(row["key"])),
            type=names[row["type"]],
            node=names[row["node"]],
            service=names.get(row["service"]),
            severity=SEVERITIES[row["severity"]],
            trust=TRUSTS[row["trust"]],
            summary=row["summary"],
            verdict=names.get(row["verdict"]),
            action_id=names.get(row["action"]),
        )
        for row in listed
    )


def find_event(connection: Connection, event_id: str) -> Any | None:
    """The row of an event by its id."""
    parts = parts_of(event_id)
    if parts is None:
        return None
    node, ms, sequence = parts
    statement = select(events).where(
        events.c.key >= first_key(ms),
        events.c.key < first_key(ms + 1),
        events.c.sequence == sequence,
        events.c.node == select(words.c.id).where(words.c.text == node).scalar_subquery(),
    )
    return connection.execute(statement).mappings().first()


def events_of_incident(connection: Connection, incident: int, limit: int) -> list[Any]:
    """The announcements and recoveries of one incident (by its number), oldest first."""
    statement = select(events).where(events.c.incident == incident, events.c.type.is_not(None))
    return list(connection.execute(statement.order_by(events.c.key).limit(limit)).mappings())


def events_of_place(
    connection: Connection, node: str, service: str | None, above_ms: int, below_ms: int, limit: int, *, newest: bool
) -> list[Any]:
    """What was said of one place in a span of time, oldest first; of more than `limit` the newest or the oldest."""
    matches = _found(connection, EventFilter(node=node, service=service))
    if matches is None:
        return []
    rows = _rows(connection, matches, first_key(above_ms), first_key(below_ms), limit, newest=newest)
    wanted = [row for row in rows if (row["service"] is None) == (service is None)]
    return sorted(wanted, key=lambda row: int(row["key"]))


def _key_of(cursor: str | None) -> int:
    if cursor is None or not cursor.isascii() or not cursor.isdigit() or len(cursor) > 19:
        return first_key(LAST_MS + 1)
    return min(int(cursor), first_key(LAST_MS + 1))


def _found(connection: Connection, wanted: EventFilter) -> str | None:
    """The full-text query of the filters; "" for no filter, None when nothing can fit."""
    named = {"n": wanted.node, "s": wanted.service, "t": wanted.type}
    texts = [name for name in named.values() if name is not None]
    numbers = {r.text: r.id for r in connection.execute(select(words).where(words.c.text.in_(texts)))} if texts else {}
    terms = []
    for kind, name in named.items():
        if name is not None:
            if name not in numbers:
                return None
            terms.append(f'"{MARK}{kind}{numbers[name]}"')
    if wanted.severity is not None and wanted.severity is not SEVERITIES[0]:
        worse = range(SEVERITIES.index(wanted.severity), len(SEVERITIES))
        terms.append("(" + " OR ".join(f'"{MARK}v{number}"' for number in worse) + ")")
    asked = words_of(wanted.q)
    if wanted.q.strip() and not asked:
        return None
    terms += [f'"{word}"' for word in asked]
    if asked and wanted.q.rstrip().endswith("*"):
        terms[-1] += "*"
    return " AND ".join(terms)


def _rows(
    connection: Connection, matches: str | None, above: int, below: int, limit: int, *, newest: bool = True
) -> list[Any]:
    if matches is None:
        return []
    if not matches:
        statement: Select[Any] = (
            select(events)
            .where(events.c.key >= above, events.c.key < below, events.c.type.is_not(None))
            .order_by(events.c.key.desc() if newest else events.c.key)
            .limit(limit)
        )
        return list(connection.execute(statement).mappings())
    key = literal_column("rowid", Integer)
    fitting = (
        select(key)
        .select_from(text("event_words"))
        .where(text("event_words MATCH :matches AND rowid >= :above AND rowid < :below"))
        .order_by(key.desc() if newest else key)
        .limit(limit)
    )
    keys = connection.execute(fitting, {"matches": matches, "above": above, "below": below}).scalars().all()
    found = select(events).where(events.c.key.in_(bindparam("keys", expanding=True)))
    rows = connection.execute(found.order_by(events.c.key.desc() if newest else events.c.key), {"keys": list(keys)})
    return list(rows.mappings())
