"""Text and times as a person reads them. Pure. Text from events, models and logs goes through here before it is shown.

It never reaches a terminal with control characters (colours, cursor moves, a forged line) or with marks that turn the
reading direction; what was taken out is replaced by a visible sign.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

from mesh_core.models.records import parse_time

SIGN = "\N{REPLACEMENT CHARACTER}"
# Cc control, Cf format (every bidi mark, zero-width characters), Cs half surrogates, Co private, Zl/Zp line breaks
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def plain(text: object, limit: int = 0) -> str:
    """One line of `text` with nothing in it that a terminal would obey; at most `limit` characters (0: all)."""
    return _cut(" ".join(_visible(str(text)).split()), limit)


def plain_lines(text: object, limit: int = 0) -> str:
    """As `plain`, but its lines stay lines and its indentation stays."""
    lines = [_visible(line.expandtabs(4)).rstrip() for line in str(text).replace("\r\n", "\n").split("\n")]
    return _cut("\n".join(lines), limit)


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if c in "\t\n\r" else SIGN if unicodedata.category(c) in _UNSEEN else c for c in text)


def _cut(text: str, limit: int) -> str:
    return text if not limit or len(text) <= limit else text[: max(1, limit - 1)] + "\N{HORIZONTAL ELLIPSIS}"


def short_id(action_id: str) -> str:
    """The 12 hex at the end of a proposal's id: enough for every command."""
    return action_id.rpartition("-")[2]


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


def now() -> datetime:
    return datetime.now(UTC)
