"""Does a field say how much a thing gets done, and how much waits for it? Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.incidents.fact import Fact

_DONE = (
    "processed",
    "consum",
    "handled",
    "completed",
    "delivered",
    "finished",
    "acked",
    "ack",
    "executed",
    "dequeued",
    "published",
)
_IN_A_TIME = (
    "persecond",
    "perminute",
    "perhour",
    "persec",
    "permin",
    "rate",
    "1m",
    "5m",
    "15m",
    "1h",
    "lasthour",
    "lastminute",
)
_WAITING = (
    *("queue", "queued", "queuesize", "queuelength", "queuedepth", "queuelen", "backlog", "lag", "consumerlag"),
    *("pending", "waiting", "enqueued", "unprocessed", "outstanding", "messagesready", "jobswaiting", "jobspending"),
)
# Of the same span: what comes in, and what it makes of that.
_TIMES = ("1h", "5m", "15m", "24h", "since", "lasthour", "perhour", "perminute", "today")
_TAKEN = tuple(
    f"{word}{time}" for word in ("heard", "received", "in", "accepted", "arrived", "acked", "taken") for time in _TIMES
)
_GIVEN = tuple(
    f"{word}{time}"
    for word in ("published", "sent", "written", "stored", "forwarded", "delivered", "out")
    for time in _TIMES
)
_HANDS = ("consumers", "activeconsumers", "members", "groupmembers", "workers", "activeworkers", "subscribers")
_PROCESSOR = ("cpupercent", "cpupct", "cpuusagepercent", "processcpupercent")  # of one: two whole ones are 200
_SPINS_PERCENT = (95, 200)  # one thread that never rests, or two; what takes more works in parallel


def of_its_throughput(told: Mapping[str, Any]) -> Iterator[Fact]:
    """`{"processed_per_minute": 900}` works; `{"backlog": 31, "consumed_per_second": 0}` and `{"lag": 9,
    "members": 0}` have work and do none; `{"cpu_percent": 190}` spins."""
    numbers = {key: value for key, value in told.items() if _is_number(value)}
    done = [value for key, value in numbers.items() if key.endswith(_IN_A_TIME) and any(verb in key for verb in _DONE)]
    given = [value for key, value in numbers.items() if key.endswith(_GIVEN)]
    taken = [value for key, value in numbers.items() if key.endswith(_TAKEN)]
    if given and taken and not any(given) and any(value > 0 for value in taken):
        yield Fact.STALLED
    if any(value > 0 for value in done):
        yield Fact.WORKS
    elif (done or 0 in map(numbers.get, _HANDS)) and any(numbers.get(key, 0) > 0 for key in _WAITING):
        yield Fact.STALLED
    least, most = _SPINS_PERCENT
    if any(least <= numbers.get(key, 0) <= most for key in _PROCESSOR):
        yield Fact.SPINS


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
