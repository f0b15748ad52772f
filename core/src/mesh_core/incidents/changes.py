"""What changed on the host before the trouble, as its agent looked it up: image, packages, kernel, unit files. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mesh_core.incidents.investigation import fact_in, investigated
from mesh_core.models.events import HealthEvent
from mesh_core.models.whole_numbers import amount_in

DAY_SECONDS = 24 * 3600
_SAME_SECONDS = 60
_KINDS = {"boot": "the host was started", "unit_file": "unit file"}


class EarlierChange(NamedTuple):
    """So long before the event."""

    what: str
    seconds_before: int


def changes_in(event: HealthEvent) -> tuple[EarlierChange, ...]:
    """Those within a day of which it is known when, the oldest first."""
    found = [EarlierChange(what, ago) for what, ago in _single(event) if ago is not None and ago <= DAY_SECONDS]
    found += [
        change._replace(what=change.what if change.what in _KINDS.values() else f"{change.what} changed")
        for change in changed_rows(investigated(event).get("changed", {}))
        if change.seconds_before <= DAY_SECONDS and not any(_is_told_by(one, change) for one in found)
    ]
    return tuple(sorted(found, key=lambda change: -change.seconds_before))


def changed_rows(facts: Mapping[str, Any]) -> tuple[EarlierChange, ...]:
    """`package libssl3`, `the host was started`: the rows of the room `changed`, as it has them."""
    rows = facts.get("rows")
    return tuple(
        EarlierChange(f"{_KINDS.get(row['kind'], row['kind'])} {row['name']}".strip(), seconds)
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict)
        and isinstance(row.get("kind"), str)
        and isinstance(row.get("name"), str)
        and (seconds := amount_in(row.get("seconds_ago"))) is not None
    )


def _is_told_by(other: EarlierChange, change: EarlierChange) -> bool:
    """A container that was made anew is its other image, a unit file the unit's own."""
    same = change.what.startswith(("container ", "unit file "))
    return same and abs(other.seconds_before - change.seconds_before) <= _SAME_SECONDS


def _single(event: HealthEvent) -> Iterator[tuple[str, int | None]]:
    names = [fact_in(event, f"image.{key}") for key in ("previous_name", "name")]
    told = (
        f", {names[0]} -> {names[1]}" if all(isinstance(name, str) for name in names) and names[0] != names[1] else ""
    )
    yield f"its image changed{told}", amount_in(fact_in(event, "image.changed_seconds_ago"))
    yield "its unit file changed", amount_in(fact_in(event, "unit.changed_seconds_ago"))
