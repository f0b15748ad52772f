"""What the models did, span by span: attempts by outcome, latency, tokens, cost, which rung answered. Reads only.

Up to three days come from the attempts themselves, by the hour; more from sums that are kept by the day, and past
a month a span is a week.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, func, select

from mesh_core.models.attempts import AttemptOutcome
from observer.index.keys import DAY_MS, percentile, time_of
from observer.index.results import ModelBucket, ModelSeries, RungTotals
from observer.index.string_ids import texts_of
from observer.index.tables import actions, attempt_days, attempts, words

HOUR_MS = 3_600_000
BY_HOUR, BY_DAY = 72, 31 * 24
FLOOR = "floor"

_Rung: TypeAlias = tuple[int, str, str]  # position, provider, model


@dataclass
class _Sum:
    attempts: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    steps: Counter[int] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def as_fields(self) -> dict[str, Any]:
        return {
            "attempts": dict(self.attempts),
            "latency_p50_ms": percentile(self.steps, 0.5),
            "latency_p95_ms": percentile(self.steps, 0.95),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cost_usd": round(self.cost_usd, 6),
        }


class _Totals:
    """Sums by span, by rung and of all, from `first` on; times in milliseconds."""

    def __init__(self, first: int, span: int, count: int):
        self.first, self.span = first, span
        self.spans = {first + n * span: _Sum() for n in range(count)}
        self.rungs: dict[_Rung, _Sum] = defaultdict(_Sum)
        self.all = _Sum()

    def start_of(self, timestamp: Any) -> Any:
        """Of its span, as a column."""
        return (timestamp - (timestamp - self.first) % self.span).label("start")

    def at(self, start: int) -> list[_Sum]:
        """What a row of that span counts in; a clock ahead of ours has none."""
        return [self.spans[start], self.all] if start in self.spans else [self.all]


def read_models(connection: Connection, hours: int, now_ms: int, *, complete: bool = True) -> ModelSeries:
    """The last `hours`, the span that runs now included."""
    span = HOUR_MS if hours <= BY_HOUR else DAY_MS if hours <= BY_DAY else 7 * DAY_MS
    count = -(-hours * HOUR_MS // span)
    # Whole spans that end with the running hour or day.
    unit = min(span, DAY_MS)
    totals = _Totals((now_ms // unit + 1) * unit - count * span, span, count)
    source = _Source(attempts, attempts.c.at_ms, func.count()) if span == HOUR_MS else _DAYS
    _add_sums(connection, source, totals)
    _add_latencies(connection, source, totals)
    _add_floors(connection, totals)
    return ModelSeries(
        hours=hours,
        bucket_seconds=span // 1000,
        buckets=tuple(_bucket(start, part) for start, part in totals.spans.items()),
        total=_bucket(totals.first, totals.all),
        rungs=tuple(
            RungTotals(position=position, provider=provider, model=model, **part.as_fields())
            for (position, provider, model), part in sorted(totals.rungs.items())
        ),
        complete=complete,
    )


def _bucket(start: int, part: _Sum) -> ModelBucket:
    return ModelBucket(start=time_of(start), answered=dict(part.answered), **part.as_fields())


@dataclass(frozen=True)
class _Source:
    """Where the numbers come from: single attempts, or their sums by day."""

    table: Table
    timestamp: Any
    count: ColumnElement[int]


_DAYS = _Source(attempt_days, attempt_days.c.day_ms, func.sum(attempt_days.c.count))


def _add_sums(connection: Connection, source: _Source, totals: _Totals) -> None:
    c = source.table.c
    keys = (totals.start_of(source.timestamp), c.position, c.provider, c.model, c.outcome)
    sums = (func.sum(c.prompt_tokens), func.sum(c.completion_tokens), func.sum(c.cost_usd))
    statement = select(*keys, source.count, *sums).where(source.timestamp >= totals.first).group_by(*keys)
    rows = [tuple(row) for row in connection.execute(statement)]
    names = texts_of(connection, {number for row in rows for number in row[2:5]})
    for start, position, provider, model, outcome, count, prompt, completion, cost in rows:
        for part in (*totals.at(start), totals.rungs[position, names[provider], names[model]]):
            part.attempts[names[outcome]] += count
            if names[outcome] == AttemptOutcome.OK:
                part.answered[names[provider]] += count
            part.prompt_tokens += prompt
            part.completion_tokens += completion
            part.cost_usd += cost


def _add_latencies(connection: Connection, source: _Source, totals: _Totals) -> None:
    c = source.table.c
    good = c.outcome == select(words.c.id).where(words.c.text == AttemptOutcome.OK.value).scalar_subquery()
    keys = (totals.start_of(source.timestamp), c.position, c.provider, c.model, c.step)
    statement = select(*keys, source.count).where(source.timestamp >= totals.first, good).group_by(*keys)
    rows = [tuple(row) for row in connection.execute(statement)]
    names = texts_of(connection, {number for row in rows for number in row[2:4]})
    for start, position, provider, model, step, count in rows:
        for part in (*totals.at(start), totals.rungs[position, names[provider], names[model]]):
            part.steps[step] += count


def _add_floors(connection: Connection, totals: _Totals) -> None:
    """Proposals that the floor wrote: no attempt tells of it."""
    start = totals.start_of(actions.c.proposed_ms)
    written = (actions.c.proposed_ms >= totals.first, actions.c.provider == FLOOR)
    for at, number in connection.execute(select(start, func.count()).where(*written).group_by(start)):
        for part in totals.at(at):
            part.answered[FLOOR] += number
