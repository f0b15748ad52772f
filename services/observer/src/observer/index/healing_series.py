"""How well the mesh heals: events and runs by day, how long each step takes, what succeeds. Reads the index only."""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import Any

from sqlalchemy import Connection, func, literal, null, select, text

from mesh_core.actions.register import current, only_asks
from mesh_core.models.proposals import EXECUTED
from observer.index.keys import DAY_MS, day_of
from observer.index.results import DurationStats, HealingDay, HealingSeries, SuccessRow
from observer.index.tables import actions, event_days

MOST_ROWS = 200

c = actions.c
# The + keeps SQLite from going by folder: nearly all of them are in the same one.
_RAN = text("+folder IN ({})".format(", ".join(f"'{folder.value}'" for folder in EXECUTED)))
_PROVEN = text("(verdict = 'proven' AND +folder = 'done')")


def read_healing(connection: Connection, days: int, now_ms: int, *, complete: bool = True) -> HealingSeries:
    """The last `days` days (UTC), today included."""
    first = (now_ms // DAY_MS - days + 1) * DAY_MS
    return HealingSeries(
        days=days,
        per_day=_per_day(connection, first, days),
        time_to_proposal=_spread(connection, c.proposed_ms - c.symptom_ms, c.proposed_ms >= first),
        time_to_decision=_spread(connection, c.decided_ms - c.proposed_ms, c.decided_ms >= first),
        time_to_repair=_spread(connection, c.finished_ms - c.symptom_ms, c.finished_ms >= first, _PROVEN),
        success=_success(connection, first, c.type, c.node, c.service),
        by_type=_success(connection, first, c.type, literal("*"), null()),
        complete=complete,
    )


def read_by_type(connection: Connection) -> tuple[SuccessRow, ...]:
    """What each type did here, ever: runs and how many of them are proven; node is `*`."""
    return _success(connection, 0, c.type, literal("*"), null())


def read_undone(connection: Connection) -> dict[str, int]:
    """How often what a type did was taken back by itself, because it did not help."""
    statement = select(c.type, func.count()).where(c.undone, c.type.is_not(None)).group_by(c.type)
    return {kind: int(number) for kind, number in connection.execute(statement)}


def _per_day(connection: Connection, first: int, days: int) -> tuple[HealingDay, ...]:
    found: dict[int, Counter[str]] = {first + n * DAY_MS: Counter() for n in range(days)}
    kinds = select(event_days.c.day_ms, event_days.c.severity, event_days.c.count).where(event_days.c.day_ms >= first)
    for day_ms, severity, number in connection.execute(kinds):
        if day_ms in found:
            found[day_ms].update(events=number, troubles=number if severity else 0)
    for start, number in connection.execute(_by_day(c.proposed_ms, first, func.count())):
        if start in found:
            found[start]["proposals"] += number
    ended = _by_day(c.finished_ms, first, func.count(), func.sum(_PROVEN)).where(_RAN)
    for start, number, good in connection.execute(ended):
        if start in found:
            found[start].update(repaired=good, failed=number - good)
    names = ("events", "troubles", "proposals", "repaired", "failed")
    return tuple(HealingDay(day=day_of(start), **{name: n[name] for name in names}) for start, n in found.items())


def _by_day(timestamp: Any, first: int, *sums: Any) -> Any:
    day = (timestamp - timestamp % DAY_MS).label("day")
    return select(day, *sums).where(timestamp >= first, _no_question()).group_by(day)


def _no_question() -> Any:
    """Of what was proposed, not of what a person asked about it (a preview)."""
    questions = [name for name in current().type_names if only_asks(name)]
    return c.type.is_(None) | c.type.not_in(questions)


def _spread(connection: Connection, duration: Any, *wanted: Any) -> DurationStats:
    """A clock that was wrong gives a negative duration: no case."""
    lengths = select(duration.label("length")).where(duration >= 0, _no_question(), *wanted)
    count = connection.execute(select(func.count()).select_from(lengths.subquery())).scalar_one()

    def at(share: float) -> float | None:
        if not count:
            return None
        place = lengths.order_by(text("length")).offset(ceil(count * share) - 1).limit(1)
        return round(float(connection.execute(place).scalar_one()) / 1000, 3)

    return DurationStats(count=count, p50_seconds=at(0.5), p95_seconds=at(0.95))


def _success(connection: Connection, first: int, kind: Any, node: Any, service: Any) -> tuple[SuccessRow, ...]:
    runs, proven = func.count().label("runs"), func.sum(_PROVEN)
    statement = (
        select(kind, node, service, runs, proven)
        .where(c.finished_ms >= first, _RAN, c.type.is_not(None), c.node.is_not(None), _no_question())
        .group_by(kind, node, service)
        .order_by(text("runs DESC"), node, service, kind)
        .limit(MOST_ROWS)
    )
    return tuple(
        SuccessRow(type=a, node=b, service=d, runs=number, proven=good, rate=round(good / number, 4))
        for a, b, d, number, good in connection.execute(statement)
    )
