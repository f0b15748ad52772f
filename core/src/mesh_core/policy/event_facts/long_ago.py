"""Does a field say that a thing did long ago what it does all the time? As a number of a unit, as a span in words of
several languages, or as a time beside the event's own. Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

import re
from typing import Any

from mesh_core.models.whole_numbers import whole_in
from mesh_core.policy.event_facts.payload_fields import time_in

# What a program does all the time, as long as it does not hang; not what comes when people or devices have something.
_STEADY = (
    *("write", "flush", "job", "poll", "run", "tick", "loop", "cycle", "iteration", "report", "publish", "post"),
    *("scrape", "heartbeat", "output", "collection", "send", "fetch", "commit", "block", "sample", "metric"),
    *("offsetcommit", "evaluation", "record", "reading", "measurement", "point", "datapoint"),
    *("sent", "push", "frame", "packet", "uplink", "keepalive", "watchdog", "ping", "progress"),
    *("meldung", "messwert", "relevé", "mesure", "lectura", "medición", "lettura", "misura", "leitura", "odczyt"),
)
_SELDOM = ("scan", "sync", "refresh", "index")  # by its settings every few minutes, or at night
_UNITS = {
    **dict.fromkeys(("ms", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sekunden", "secondes", "segundos", "secondi"), 1),
    **dict.fromkeys(
        ("m", "min", "mins", "minute", "minutes", "minuten", "minutos", "minuti", "minut", "мин", "分钟", "分"), 60
    ),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "stunde", "stunden", "heure", "heures", "hora", "horas"), 3600),
    **dict.fromkeys(("ora", "ore", "uur", "godzin", "godziny", "часов", "часа", "小时", "時間"), 3600),
    **dict.fromkeys(
        ("d", "day", "days", "tag", "tagen", "jour", "jours", "día", "días", "giorni", "dias", "dni"), 86400
    ),
    **dict.fromkeys(("дней", "天", "日"), 86400),
}
_LONG_AGO_SECONDS, _SELDOM_SECONDS = 900, 86400
_MOST = 10**18  # of any unit: what is more is no span, and a number of hundreds of digits no float
_UNIT = "milliseconds|seconds|minutes|hours|days|ms|sec|min|s|m|h"
_WHAT = "|".join((*_STEADY, *_SELDOM))
_LAST = r"(?:last|latest|newest|letzte[rs]?|dernière|derniere|última|ultima|ultimo|último)"
_SINCE = re.compile(
    rf"{_LAST}(?P<what>{_WHAT})(?:e?d)?(?:at|time|ts|timestamp)?(?P<unit>{_UNIT})?(?:ago|age(?P<age>{_UNIT})?)?"
    rf"|(?P<before>{_UNIT})since(?:the)?last(?P<after>{_WHAT})|(?P<of>{_WHAT})age(?P<aged>{_UNIT})?"
)
_SILENT = re.compile(
    r"(?:silent|nodata|nonewdata|nooutput|noreadings|noframes|withoutdata|withoutoutput|datastale|stale|noprogress"
    rf"|progressunchanged|unchanged)(?:for|since)?(?P<unit>{_UNIT})?"
)
_SPAN = re.compile(r"(\d{1,9}(?:[.,]\d+)?) ?([^\W\d_]+)")
_SAID_SO = re.compile(
    r"(?:(?:vor|il y a|hace|há|seit|for|since|over|about|ca\.?|>) ?)*(?P<span>(?:\d[\d.,]* ?[^\W\d_]+[ ,]{0,2}){1,4})"
    r"(?: ?(?:ago|fa|atrás|temu|geleden|назад|前))?"
)


def is_long_ago(key: str, value: Any, happened: float | None) -> bool:
    """`{"last_flush_seconds_ago": 5400}`, `{"heartbeat_age": "2h13m"}`, `{"last_frame_at": "2026-11-03T04:10:00Z"}`.
    `happened`: the event's own time, in seconds since 1970."""
    said = _SINCE.fullmatch(key) or _SILENT.fullmatch(key)
    if not said:
        return False
    told = said.groupdict()
    unit = next((told[name] for name in ("unit", "age", "before", "aged") if told.get(name)), "")
    seconds = _seconds(value, unit, happened, is_a_time="age" not in key and "ago" not in key)
    what = told.get("what") or told.get("after") or told.get("of") or ""
    return seconds is not None and seconds >= (_SELDOM_SECONDS if what in _SELDOM else _LONG_AGO_SECONDS)


def _seconds(value: Any, unit: str, happened: float | None, *, is_a_time: bool) -> float | None:
    number = whole_in(value)
    if number is not None:
        return number * _UNITS[unit] if unit and abs(number) <= _MOST else None
    if not isinstance(value, str) or len(value) > 60:
        return None
    text = value.strip().lower()
    if is_a_time and happened is not None and len(text) >= 19 and text[4:5] == "-":
        since = time_in(value.strip())
        return None if since is None else happened - since
    span = _SAID_SO.fullmatch(text)
    parts = _SPAN.findall(span["span"]) if span else []
    if not parts or not all(name in _UNITS for _, name in parts):
        return None
    return sum(float(count.replace(",", ".")) * _UNITS[name] for count, name in parts)
