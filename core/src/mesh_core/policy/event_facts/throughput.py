"""Does a field say how much a thing gets done, and how much waits for it, or when it last did what it does all the
time? Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.incidents.fact import Fact
from mesh_core.models.whole_numbers import whole_in

_DONE = ("processed", "consum", "handled", "completed", "delivered", "finished", "acked", "ack", "executed", "dequeued")
_IN_A_TIME = ("persecond", "perminute", "perhour", "persec", "permin", "rate", "1m", "5m", "15m")
_WAITING = (
    *("queue", "queued", "queuesize", "queuelength", "queuedepth", "queuelen", "backlog", "lag", "consumerlag"),
    *("pending", "waiting", "enqueued", "unprocessed", "outstanding", "messagesready", "jobswaiting", "jobspending"),
)
# What a program does all the time, as long as it does not hang; not what comes when people or devices have something.
_STEADY = (
    *("write", "flush", "job", "poll", "run", "tick", "loop", "cycle", "iteration", "report", "publish", "post"),
    *("scrape", "heartbeat", "output", "collection", "send", "fetch", "commit", "block", "sample", "metric"),
    *("offsetcommit", "evaluation", "record", "reading", "measurement", "point", "datapoint"),
)
_HANDS = ("consumers", "activeconsumers", "members", "groupmembers", "workers", "activeworkers", "subscribers")
_PROCESSOR = ("cpupercent", "cpupct", "cpuusagepercent", "processcpupercent")  # of one: two whole ones are 200
_SPINS_PERCENT = (95, 200)  # one thread that never rests, or two; what takes more works in parallel
_UNIT, _WHAT = "(seconds|minutes|hours)", "|".join(_STEADY)
_LAST = re.compile(rf"(?:last|latest|newest)(?:{_WHAT})(?:{_UNIT}ago|age{_UNIT})|{_UNIT}since(?:the)?last(?:{_WHAT})")
_SILENT = re.compile(rf"(?:silent|nodata|nonewdata|nooutput|withoutdata|withoutoutput|datastale|stale)(?:for)?{_UNIT}")
_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600}
# The same with the span as a text: `{"last_flush": "2h ago"}`.
_DONE_LAST = re.compile(
    rf"(?:last|latest|newest)(?:{_WHAT}|sent|push|frame)(?:e?d)?(?:at|ago|age)?|(?:{_WHAT})age"
    r"|(?:silent|nodata|nonewdata|nooutput|noreadings|noframes|withoutdata|withoutoutput)(?:for|since)?"
)
_SPAN = re.compile(
    r"(?:for |since |over |> ?)?(\d{1,6})(?:[.,]\d+)? ?(s|sec|seconds|m|min|minutes|h|hours?|hrs|d|days?)"
    r"(?: ?\d{1,2} ?\w{1,7})?(?: ago)?"
)
_IN_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONG_AGO_SECONDS = 900


def of_its_throughput(told: Mapping[str, Any]) -> Iterator[Fact]:
    """`{"processed_per_minute": 900}` works; `{"backlog": 31, "consumed_per_second": 0}` and `{"lag": 9,
    "members": 0}` have work and do none; `{"cpu_percent": 190}` spins."""
    numbers = {key: value for key, value in told.items() if _is_number(value)}
    done = [value for key, value in numbers.items() if key.endswith(_IN_A_TIME) and any(verb in key for verb in _DONE)]
    if any(value > 0 for value in done):
        yield Fact.WORKS
    elif (done or 0 in map(numbers.get, _HANDS)) and any(numbers.get(key, 0) > 0 for key in _WAITING):
        yield Fact.STALLED
    least, most = _SPINS_PERCENT
    if any(least <= numbers.get(key, 0) <= most for key in _PROCESSOR):
        yield Fact.SPINS


def is_long_ago(key: str, value: Any) -> bool:
    """`{"last_flush_seconds_ago": 5400}`, `{"minutes_since_last_poll": 40}`, `{"silent_minutes": 190}`,
    `{"last_flush": "2h ago"}`."""
    if isinstance(value, str) and _DONE_LAST.fullmatch(key):
        span = _SPAN.fullmatch(value.strip().lower()[:60])
        return span is not None and int(span[1]) * _IN_SECONDS[span[2][0]] >= _LONG_AGO_SECONDS
    said = _LAST.fullmatch(key) or _SILENT.fullmatch(key)
    unit = next(filter(None, said.groups()), "") if said else ""
    return bool(unit) and (whole_in(value) or 0) * _SECONDS[unit] >= _LONG_AGO_SECONDS


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
