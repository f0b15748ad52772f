"""Single facts that the index remembers, by name. Works inside somebody's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from observer.index.tables import facts


def read_state(connection: Connection, name: str) -> str | None:
    """A single remembered fact."""
    return connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one_or_none()


def write_state(connection: Connection, name: str, value: str) -> None:
    new = insert(facts).values(name=name, value=value)
    connection.execute(new.on_conflict_do_update(index_elements=[facts.c.name], set_={"value": value}))
