"""What lies in actions/, into the index and out of it. Works inside somebody's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from observer.index.string_ids import pieces
from observer.index.tables import actions, updates


def put_actions(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """What lies in actions/, by place; `place` and `mark` are among the values."""
    if not rows:
        return
    new = insert(actions)
    names = [c.name for c in actions.columns if c.name not in ("row", "place")]
    more = {name: new.excluded[name] for name in names}
    connection.execute(new.on_conflict_do_update(index_elements=[actions.c.place], set_=more), list(rows))
    date_actions(connection, [row["id"] for row in rows])


def drop_actions(connection: Connection, places: Iterable[str]) -> None:
    for piece in pieces(places):
        connection.execute(delete(actions).where(actions.c.place.in_(piece)))


def date_actions(connection: Connection, ids: Sequence[str]) -> None:
    """When a person decided, by the update that said so: no file keeps that of a plain `mv`."""
    said = (
        select(func.min(updates.c.at_ms))
        .where(updates.c.action_id == actions.c.id, updates.c.target.in_(("approved", "rejected")))
        .scalar_subquery()
    )
    for piece in pieces(ids):
        connection.execute(
            update(actions)
            .where(actions.c.id.in_(piece), actions.c.folder != "pending")
            .values(decided_ms=func.coalesce(said, actions.c.decided_ms))
        )
