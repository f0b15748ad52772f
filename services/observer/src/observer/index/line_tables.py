"""What the logbook says, into the index: model attempts (and their sums by day) and action updates, each entry once.

Works inside somebody's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from mesh_core.models.attempts import AttemptOutcome, ModelAttempt
from mesh_core.models.proposals import ActionUpdate
from observer.index.action_table import date_actions
from observer.index.event_parser import text_of
from observer.index.keys import DAY_MS, bounded, latency_step, number_of
from observer.index.string_ids import StringIds
from observer.index.tables import attempt_days, attempts, updates

SUMS = ("prompt_tokens", "completion_tokens", "cost_usd")
DAY_KEYS = ("day_ms", "model", "provider", "position", "outcome", "step")


def put_attempts(connection: Connection, names: StringIds, lines: Sequence[tuple[int, int, ModelAttempt]]) -> int:
    """(ms, sequence, attempt) of stream entries; how many are new."""
    there = _known_lines(connection, attempts, [(ms, sequence) for ms, sequence, _ in lines])
    new = {(ms, s): attempt for ms, s, attempt in lines if (ms, s) not in there}
    wanted: set[str] = set()
    for attempt in new.values():
        wanted |= {text_of(attempt.model, 200), text_of(attempt.provider, 100), attempt.outcome.value}
    numbers = names.numbers(connection, wanted)
    rows = [_attempt_row(ms, s, attempt, numbers) for (ms, s), attempt in new.items()]
    if not rows:
        return 0
    connection.execute(attempts.insert(), rows)
    by_day: dict[tuple[int, ...], dict[str, Any]] = {}
    for row in rows:
        key = (row["at_ms"] - row["at_ms"] % DAY_MS, *(row[n] for n in DAY_KEYS[1:]))
        day = by_day.setdefault(key, dict(zip(DAY_KEYS, key, strict=True)) | dict.fromkeys(("count", *SUMS), 0))
        day["count"] += 1
        for name in SUMS:
            day[name] += row[name]
    adding = insert(attempt_days)
    more = {name: attempt_days.c[name] + adding.excluded[name] for name in ("count", *SUMS)}
    connection.execute(adding.on_conflict_do_update(index_elements=list(DAY_KEYS), set_=more), list(by_day.values()))
    return len(rows)


def put_updates(
    connection: Connection, lines: Sequence[tuple[int, int, ActionUpdate]], *, from_moves: bool = False
) -> int:
    """(ms, sequence, update) of stream entries; how many are new. `from_moves`: as the observer saw a `mv`."""
    keys = [(ms, sequence) for ms, sequence, _ in lines]
    there = _known_lines(connection, updates, keys, updates.c.from_moves == from_moves)
    rows: dict[tuple[int, int], dict[str, Any]] = {
        (ms, s): {
            "from_moves": from_moves,
            "at_ms": ms,
            "sequence": s,
            "action_id": text_of(update.action_id, 300),
            "source": text_of(update.from_folder, 40),
            "target": text_of(update.to_folder, 40),
            "by": text_of(update.by, 200),
            "reason": text_of(update.reason, 400),
        }
        for ms, s, update in lines
        if (ms, s) not in there
    }
    if rows:
        connection.execute(updates.insert(), list(rows.values()))
        date_actions(connection, sorted({row["action_id"] for row in rows.values()}))
    return len(rows)


def drop_lines(connection: Connection, day_ms: int) -> None:
    """Forget one day's attempts and updates."""
    for table in (attempts, updates):
        connection.execute(delete(table).where(table.c.at_ms >= day_ms, table.c.at_ms < day_ms + DAY_MS))
    connection.execute(delete(attempt_days).where(attempt_days.c.day_ms == day_ms))


def _known_lines(connection: Connection, table: Any, keys: list[tuple[int, int]], *wanted: Any) -> set[tuple[int, int]]:
    if not keys:
        return set()
    low, high = min(ms for ms, _ in keys), max(ms for ms, _ in keys)
    rows = connection.execute(select(table.c.at_ms, table.c.sequence).where(table.c.at_ms.between(low, high), *wanted))
    return {(row.at_ms, row.sequence) for row in rows}


def _attempt_row(ms: int, sequence: int, attempt: ModelAttempt, numbers: dict[str, int]) -> dict[str, Any]:
    latency = bounded(attempt.latency_ms, DAY_MS)
    return {
        "at_ms": ms,
        "sequence": sequence,
        "event": number_of(attempt.event_id),
        "model": numbers[text_of(attempt.model, 200)],
        "provider": numbers[text_of(attempt.provider, 100)],
        "position": max(0, min(attempt.position, 10**6)),
        "outcome": numbers[attempt.outcome.value],
        "latency_ms": latency,
        # Only of good answers is it asked how long they took; so the sums by day stay few.
        "step": latency_step(latency) if attempt.outcome is AttemptOutcome.OK else 0,
        "prompt_tokens": max(0, min(attempt.prompt_tokens, 10**9)),
        "completion_tokens": max(0, min(attempt.completion_tokens, 10**9)),
        "cost_usd": bounded(attempt.cost_usd, 1e6),
        "detail": text_of(attempt.detail, 200),
    }
