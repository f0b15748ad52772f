"""Events into the index and out of it, many at a time: the same line twice changes nothing.

Works inside somebody's transaction. Knows no files; what is given here was read and cut to size by event_parser.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, text, update
from sqlalchemy.dialects.sqlite import insert

from mesh_core.models.events import Severity, Trust
from observer.index.event_parser import ArchivedEvent, summary_of
from observer.index.keys import DAY_MS, LAST_MS, MARK, SLOTS, first_key, number_of, preferred_key, words_of
from observer.index.string_ids import StringIds, pieces, texts_of
from observer.index.tables import event_days, events, words

SEVERITIES = tuple(Severity)
TRUSTS = tuple(Trust)
BENIGN = "benign"


def put_events(connection: Connection, names: StringIds, lines: Iterable[ArchivedEvent]) -> int:
    """Events and what was decided about them, in the order of writing; how many rows are new or changed."""
    wanted = _joined(lines)
    numbers = names.numbers(connection, _names_in(wanted.values()))
    places = [_Place(numbers[node], ms, sequence, preferred_key(node, ms, sequence)) for node, ms, sequence in wanted]
    there, taken = _known(connection, places)
    batch = _RowBatch(numbers, taken)
    for place, line in zip(places, wanted.values(), strict=True):
        batch.add(place, line, there.get(place))
    batch.write(connection)
    return batch.size


@dataclass
class _RowBatch:
    """Rows to be written. `numbers`: of each name; `taken`: keys that no new row may have."""

    numbers: dict[str, int]
    taken: set[int]
    fresh: list[dict[str, Any]] = field(default_factory=list)
    completed: list[dict[str, Any]] = field(default_factory=list)  # decided about before they came
    decided: list[dict[str, Any]] = field(default_factory=list)
    grown: list[dict[str, Any]] = field(default_factory=list)  # what they are found by
    found: Counter[tuple[int, int]] = field(default_factory=Counter)  # events by day and severity

    @property
    def size(self) -> int:
        return len(self.fresh) + len(self.completed) + len(self.decided)

    def add(self, place: _Place, line: ArchivedEvent, before: Any | None) -> None:
        """`before`: its row, where it is there already."""
        row = _event_row(line, self.numbers)
        if before is None:
            row["key"] = _free_key(place.wished, self.taken)
            self.taken.add(row["key"])
            self.fresh.append(row)
        else:
            self._change(row, line, before)
        if line.event is not None and (before is None or before["type"] is None):
            words = found_by(row, line.event.type, line.node, line.event.service)
            self.grown.append({"rowid": row["key"], "text": words})
            self.found[line.ms - line.ms % DAY_MS, row["severity"]] += 1

    def _change(self, row: dict[str, Any], line: ArchivedEvent, before: Any) -> None:
        row["key"] = before["key"]
        if line.verdict is None or (line.verdict == BENIGN and before["verdict"] is not None):
            row["verdict"], row["action"] = before["verdict"], before["action"]
        if line.event is not None and before["type"] is None:
            self.completed.append({f"_{name}": value for name, value in row.items()})
        elif any(before[name] != row[name] for name in ("verdict", "action")):
            self.decided.append({f"_{name}": row[name] for name in ("key", "verdict", "action")})

    def write(self, connection: Connection) -> None:
        if self.fresh:
            connection.execute(events.insert(), sorted(self.fresh, key=lambda row: row["key"]))
        for rows in (self.completed, self.decided):
            if rows:
                columns: dict[str, Any] = {name[1:]: bindparam(name) for name in rows[0] if name != "_key"}
                connection.execute(update(events).where(events.c.key == bindparam("_key")).values(columns), rows)
        if self.grown:
            # In order, or the full-text index writes a segment for each of them.
            self.grown.sort(key=lambda row: row["rowid"])
            connection.execute(text("INSERT INTO event_words (rowid, text) VALUES (:rowid, :text)"), self.grown)
        _count_days(connection, self.found, 1)


def _joined(lines: Iterable[ArchivedEvent]) -> dict[tuple[str, int, int], ArchivedEvent]:
    """One line for each event, by its node and place in the stream; without those of a time that has no key."""
    joined: dict[tuple[str, int, int], ArchivedEvent] = {}
    for line in lines:
        if line.ms <= LAST_MS:
            place = (line.node, line.ms, line.sequence)
            joined[place] = _both(joined[place], line) if place in joined else line
    return joined


def _both(before: ArchivedEvent, line: ArchivedEvent) -> ArchivedEvent:
    """The first event counts, and the last decision; `benign`, which goes without saying, gives way to any other."""
    decision = before if line.verdict is None or (line.verdict == BENIGN and before.verdict is not None) else line
    return replace(before, event=before.event or line.event, verdict=decision.verdict, action_id=decision.action_id)


def drop_events(connection: Connection, day_ms: int, nodes: set[str] | None = None, limit: int = 1000) -> int:
    """Forget up to `limit` events of one day (of these nodes); how many that were. Repeat until it says 0."""
    picked = select(events).where(events.c.key >= first_key(day_ms), events.c.key < first_key(day_ms + DAY_MS))
    if nodes is not None:
        numbers = select(words.c.id).where(words.c.text.in_(sorted(nodes)))
        picked = picked.where(events.c.node.in_(numbers))
    rows = [dict(row) for row in connection.execute(picked.order_by(events.c.key).limit(limit)).mappings()]
    if not rows:
        return 0
    texts = texts_of(connection, {row[name] for row in rows for name in ("node", "service", "type")})
    gone = [
        {
            "rowid": row["key"],
            "text": found_by(row, texts[row["type"]], texts[row["node"]], texts.get(row["service"])),
        }
        for row in rows
        if row["type"] is not None
    ]
    if gone:
        # A table without content has to be told what it knew.
        tell = text("INSERT INTO event_words (event_words, rowid, text) VALUES ('delete', :rowid, :text)")
        connection.execute(tell, gone)
    for piece in pieces(row["key"] for row in rows):
        connection.execute(delete(events).where(events.c.key.in_(piece)))
    _count_days(connection, Counter((day_ms, row["severity"]) for row in rows if row["type"] is not None), -1)
    return len(rows)


def found_by(row: dict[str, Any], event_type: str, node: str, service: str | None) -> str:
    """What an event is found by: its filters (under our mark, so that no payload can pose as one) and its words."""
    filters = [f"{MARK}n{row['node']}", f"{MARK}t{row['type']}", f"{MARK}v{row['severity']}"]
    if row["service"] is not None:
        filters.append(f"{MARK}s{row['service']}")
    return " ".join([*filters, *words_of(f"{event_type} {node} {service or ''} {row['summary']}")])


def _names_in(lines: Iterable[ArchivedEvent]) -> set[str]:
    found: set[str] = set()
    for line in lines:
        found.add(line.node)
        found |= {name for name in (line.verdict, line.action_id) if name is not None}
        if line.event is not None:
            found.add(line.event.type)
            found |= {line.event.service} if line.event.service else set()
    return found


def _event_row(line: ArchivedEvent, numbers: dict[str, int]) -> dict[str, Any]:
    event = line.event
    return {
        "node": numbers[line.node],
        "sequence": line.sequence,
        "service": numbers[event.service] if event and event.service else None,
        "type": numbers[event.type] if event else None,
        "severity": SEVERITIES.index(event.severity) if event else None,
        "trust": TRUSTS.index(event.trust) if event else None,
        "verdict": numbers[line.verdict] if line.verdict is not None else None,
        "action": numbers[line.action_id] if line.action_id is not None else None,
        "incident": number_of(event.incident) if event and event.incident else None,
        "summary": summary_of(event) if event else None,
    }


def _known(connection: Connection, places: list[_Place]) -> tuple[dict[_Place, Any], set[int]]:
    """(the rows of events that are there already, every key that is taken among those that are wished for)."""
    columns = (events.c.key, events.c.node, events.c.sequence, events.c.type, events.c.verdict, events.c.action)
    rows: dict[int, Any] = {}
    for piece in pieces(place.wished for place in places):
        found = connection.execute(select(*columns).where(events.c.key.in_(piece))).mappings()
        rows |= {row["key"]: row for row in found}
    known, taken = {}, set(rows)
    for place in places:
        row = rows.get(place.wished)
        if row is not None and not place.is_of(row):
            # Two events of one millisecond that wish for one key: about one in 30,000 such pairs.
            span = events.c.key.between(first_key(place.ms), first_key(place.ms + 1) - 1)
            same = connection.execute(select(*columns).where(span)).mappings().all()
            taken |= {other["key"] for other in same}
            row = next((other for other in same if place.is_of(other)), None)
        if row is not None:
            known[place] = row
    return known, taken


@dataclass(frozen=True, slots=True)
class _Place:
    node: int
    ms: int
    sequence: int
    wished: int

    def is_of(self, row: Any) -> bool:
        return bool(row["node"] == self.node and row["sequence"] == self.sequence)


def _free_key(key: int, taken: set[int]) -> int:
    first = key - key % SLOTS
    while key in taken:
        key = first + (key + 1) % SLOTS
    return key


def _count_days(connection: Connection, found: Counter[tuple[int, int]], sign: int) -> None:
    rows = [{"day_ms": day, "severity": severity, "count": sign * n} for (day, severity), n in found.items()]
    if rows:
        new = insert(event_days)
        keys = [event_days.c.day_ms, event_days.c.severity]
        more = {"count": event_days.c.count + new.excluded.count}
        connection.execute(new.on_conflict_do_update(index_elements=keys, set_=more), rows)
