"""Does a field say how much a thing gets done, and how much waits for it? Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.incidents.fact import Fact
from mesh_core.models.owner_labels import bare_key

_DONE = ("processed", "consum", "handled", "completed", "delivered", "finished", "acked", "ack", "executed", "dequeued")
_IN_A_TIME = ("persecond", "perminute", "perhour", "persec", "permin", "rate", "1m", "5m", "15m")
_WAITING = (
    *("queue", "queued", "queuesize", "queuelength", "queuedepth", "queuelen", "backlog", "lag", "consumerlag"),
    *("pending", "waiting", "enqueued", "unprocessed", "outstanding", "messagesready", "jobswaiting", "jobspending"),
)


def of_its_throughput(payload: Mapping[str, Any]) -> Iterator[Fact]:
    """`{"processed_per_minute": 900}` works; `{"backlog": 31, "consumed_per_second": 0}` has work and does none."""
    numbers = {bare_key(key): value for key, value in payload.items() if _is_number(value)}
    done = [value for key, value in numbers.items() if key.endswith(_IN_A_TIME) and any(verb in key for verb in _DONE)]
    if any(value > 0 for value in done):
        yield Fact.WORKS
    elif done and any(numbers.get(key, 0) > 0 for key in _WAITING):
        yield Fact.STALLED


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
