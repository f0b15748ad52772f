"""What the models did, span by span: attempts by outcome, latency, tokens, cost, which rung answered. Reads only.

Up to three days come from the attempts themselves, by the hour; more from sums that are kept by the day, and past
a month a span is a week.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
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


def read_models(connection: Connection, hours: int, now_ms: int, *, complete: bool = True) -> ModelSeries:
    """The last `hours`, the span that runs now included."""
    span = HOUR_MS if hours <= BY_HOUR else DAY_MS if hours <= BY_DAY else 7 * DAY_MS
    count = -(-hours * HOUR_MS // span)
    # Whole spans that end with the running hour or day.
    unit = min(span, DAY_MS)
    first = (now_ms // unit + 1) * unit - count * span
    spans: dict[int, _Sum] = {first + n * span: _Sum() for n in range(count)}
    rungs: dict[_Rung, _Sum] = defaultdict(_Sum)
    total = _Sum()
    source = _Source(attempts, attempts.c.at_ms, func.count()) if span == HOUR_MS else _DAYS
    _add_sums(connection, source, first, span, spans, rungs, total)
    _add_latencies(connection, source, first, span, spans, rungs, total)
    for start, number in _floors(connection, first, span):
        for part in (spans.get(start), total):
            if part is not None:
                part.answered[FLOOR] += number
    return ModelSeries(
        hours=hours,
        bucket_seconds=span // 1000,
        buckets=tuple(
            ModelBucket(start=time_of(start), answered=dict(part.answered), **part.as_fields())
            for start, part in spans.items()
        ),
        total=ModelBucket(start=time_of(first), answered=dict(total.answered), **total.as_fields()),
        rungs=tuple(
            RungTotals(position=position, provider=provider, model=model, **part.as_fields())
            for (position, provider, model), part in sorted(rungs.items())
        ),
        complete=complete,
    )


@dataclass(frozen=True)
class _Source:
    """Where the numbers come from: single attempts, or their sums by day."""

    table: Table
    timestamp: Any
    count: ColumnElement[int]

    def start(self, first: int, span: int) -> Any:
        return (self.timestamp - (self.timestamp - first) % span).label("start")


_DAYS = _Source(attempt_days, attempt_days.c.day_ms, func.sum(attempt_days.c.count))


def _add_sums(
    connection: Connection,
    source: _Source,
    first: int,
    span: int,
    spans: dict[int, _Sum],
    rungs: dict[_Rung, _Sum],
    total: _Sum,
) -> None:
    c = source.table.c
    keys = (source.start(first, span), c.position, c.provider, c.model, c.outcome)
    sums = (func.sum(c.prompt_tokens), func.sum(c.completion_tokens), func.sum(c.cost_usd))
    statement = select(*keys, source.count, *sums).where(source.timestamp >= first).group_by(*keys)
    rows = [tuple(row) for row in connection.execute(statement)]
    names = texts_of(connection, {number for row in rows for number in row[2:5]})
    for start, position, provider, model, outcome, count, prompt, completion, cost in rows:
        rung = (position, names[provider], names[model])
        for part in (spans.get(start), total, rungs[rung]):
            if part is None:  # a clock ahead of ours
                continue
            part.attempts[names[outcome]] += count
            if names[outcome] == AttemptOutcome.OK:
                part.answered[names[provider]] += count
            part.prompt_tokens += prompt
            part.completion_tokens += completion
            part.cost_usd += cost


def _add_latencies(
    connection: Connection,
    source: _Source,
    first: int,
    span: int,
    spans: dict[int, _Sum],
    rungs: dict[_Rung, _Sum],
    total: _Sum,
) -> None:
    c = source.table.c
    good = c.outcome == select(words.c.id).where(words.c.text == AttemptOutcome.OK.value).scalar_subquery()
    keys = (source.start(first, span), c.position, c.provider, c.model, c.step)
    statement = select(*keys, source.count).where(source.timestamp >= first, good).group_by(*keys)
    rows = [tuple(row) for row in connection.execute(statement)]
    names = texts_of(connection, {number for row in rows for number in row[2:4]})
    for start, position, provider, model, step, count in rows:
        for part in (spans.get(start), total, rungs[position, names[provider], names[model]]):
            if part is not None:
                part.steps[step] += count


def _floors(connection: Connection, first: int, span: int) -> Iterable[tuple[int, int]]:
    """Proposals that the floor wrote: no attempt tells of it."""
    timestamp = actions.c.proposed_ms
    start = (timestamp - (timestamp - first) % span).label("start")
    statement = select(start, func.count()).where(timestamp >= first, actions.c.provider == FLOOR)
    return [(at, number) for at, number in connection.execute(statement.group_by(start))]
