"""What retention took away, out of the index as well. Removes rows only; the files are retention.py's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, delete, func, select

from mesh_core.storage.event_files import PACKED, PLAIN
from observer.index.event_table import drop_events
from observer.index.file_import import transaction
from observer.index.keys import DAY_MS, day_of, first_key, ms_of
from observer.index.line_tables import drop_lines
from observer.index.store import Store
from observer.index.string_ids import StringIds
from observer.index.tables import event_days, events, tails, words


def prune_days(store: Store, names: StringIds, events_root: Path, before: datetime) -> bool:
    """One step: rows of days before `before` whose folder is gone. True when there is more."""
    with transaction(store, names) as connection:
        for day_ms in _old_days(connection, int(before.astimezone(UTC).timestamp() * 1000)):
            folder = events_root / day_of(day_ms)
            there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
            gone = {node for node in _nodes_of(connection, day_ms) if not there & {node, node + PLAIN, node + PACKED}}
            if gone and drop_events(connection, day_ms, gone):
                return True
            if not there:
                drop_lines(connection, day_ms)
                connection.execute(delete(event_days).where(event_days.c.day_ms == day_ms))
                connection.execute(delete(tails).where(tails.c.path.startswith(f"{folder.name}/")))
    return False


def _old_days(connection: Connection, before_ms: int) -> list[int]:
    days = set(connection.execute(select(event_days.c.day_ms).where(event_days.c.day_ms < before_ms)).scalars())
    oldest = connection.execute(select(func.min(events.c.key))).scalar_one()
    if oldest is not None and ms_of(oldest) < before_ms:
        days.add(ms_of(oldest) // DAY_MS * DAY_MS)
    return sorted(days)


def _nodes_of(connection: Connection, day_ms: int) -> set[str]:
    numbers = (
        select(events.c.node)
        .where(events.c.key >= first_key(day_ms), events.c.key < first_key(day_ms + DAY_MS))
        .distinct()
    )
    return set(connection.execute(select(words.c.text).where(words.c.id.in_(numbers))).scalars())
