"""Times and spans as a person reads them."""

from __future__ import annotations

from datetime import datetime

from mesh_core.models.records import parse_time


def seconds_between(earlier: str, later: str | datetime) -> float:
    """Seconds from one RFC 3339 time to another; negative if `later` is before it."""
    end = later if isinstance(later, datetime) else parse_time(later)
    return (end - parse_time(earlier)).total_seconds()


def age(seconds: float) -> str:
    """A span in at most two units: `8s`, `3m12s`, `5h02m`, `2d03h`."""
    whole = int(abs(seconds))
    sign = "-" if seconds <= -1 else ""
    days, hours, minutes = whole // 86400, whole % 86400 // 3600, whole % 3600 // 60
    if days:
        return f"{sign}{days}d{hours:02}h"
    if hours:
        return f"{sign}{hours}h{minutes:02}m"
    if minutes:
        return f"{sign}{minutes}m{whole % 60:02}s"
    return f"{sign}{whole}s"


def took(seconds: float) -> str:
    """A measured duration: tenths below a minute."""
    return f"{seconds:.1f}s" if seconds < 60 else age(seconds)


def local_time(text: str) -> str:
    """An RFC 3339 time in this machine's own zone, to the second."""
    return parse_time(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
