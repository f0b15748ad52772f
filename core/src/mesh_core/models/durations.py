"""Spans and moments as a person types them: `2h`, `1h30m`, `18:30`, `2026-01-31`; and a span as people read it. Pure.

Every refusal is a sentence that shows how it is written.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN = re.compile(r"(?:\d{1,9}[smhdw])+")
_PART = re.compile(r"(\d+)([smhdw])")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)")
_YEARS = (1971, 2200)
_MAX_SECONDS = 10 * 366 * 86400


_READ = (("days", 86400), ("h", 3600), ("min", 60))


class BadTime(ValueError):
    """It cannot be read; the text says how to write it."""


def parse_span(text: str) -> timedelta:
    """`90s`, `45m`, `2h`, `1h30m`, `3d`, `1w`. BadTime otherwise."""
    said = text.strip().lower().replace(" ", "")
    if said.isdigit():
        raise BadTime(f"{text[:40]!r} has no unit; write {said[:9]}m for minutes, {said[:9]}h for hours (also s, d, w)")
    if not _SPAN.fullmatch(said):
        raise BadTime(f"{text[:40]!r} is no span of time; write it like 45m, 2h, 1h30m or 3d")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(said))
    if not 0 < seconds <= _MAX_SECONDS:
        raise BadTime(f"{text[:40]!r} is {'nothing' if not seconds else 'too long'}; write it like 45m, 2h or 3d")
    return timedelta(seconds=seconds)


def span_in_words(seconds: int) -> str:
    """`90 s`, `5 min`, `3 h`, `14 days`: in the largest unit of which there are two."""
    return next((f"{seconds // size} {unit}" for unit, size in _READ if seconds >= 2 * size), f"{seconds} s")


def parse_moment(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """`18:30` (the next time that it is so late in `zone`), `2026-01-31`, `2026-01-31T12:00`, `...T12:00:00Z`.

    What names no zone is in `zone`, without one in this machine's as it will be then: between now and the moment its
    clocks may be put on or back. What is returned always has a zone. BadTime for anything else.
    """
    said = text.strip()
    if match := _CLOCK.fullmatch(said):
        return _next(int(match[1]), int(match[2]), text, now, zone)
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        raise BadTime(
            f"{text[:40]!r} is no time; write it like 18:30, 2026-01-31T12:00 or 2026-01-31T12:00:00Z"
        ) from None
    if not _YEARS[0] <= moment.year <= _YEARS[1]:  # at the ends of the calendar, zones overflow
        raise BadTime(f"{text[:40]!r} is not between the years {_YEARS[0]} and {_YEARS[1]}")
    return moment if moment.tzinfo else _in_zone(moment, zone)


def _in_zone(moment: datetime, zone: tzinfo | None) -> datetime:
    return moment.replace(tzinfo=zone) if zone else moment.astimezone()  # one without a zone is taken for a local one


def _next(hour: int, minute: int, text: str, now: datetime, zone: tzinfo | None) -> datetime:
    try:
        today = now.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0, tzinfo=None)
    except ValueError:
        raise BadTime(f"{text[:40]!r} is no time of day; it goes from 00:00 to 23:59") from None
    # Where the clocks are put back it is so late twice.
    moments = (_in_zone(one, zone) for one in (today, today.replace(fold=1), today + timedelta(days=1)))
    return next(one for one in moments if one.astimezone(UTC) > now)
