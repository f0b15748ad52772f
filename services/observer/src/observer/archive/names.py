"""Which day and which file an entry of a stream belongs to, by its id alone. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from mesh_core.models.records import is_name
from mesh_core.models.streams import LAST_MS

LAST_SEQUENCE = (1 << 63) - 1  # what fits into the index; LAST_MS times 32,768 does, too
_NUMBERS = re.compile(r"(\d{1,15})-(\d{1,19})")
_ENTRY = re.compile(r"(\d{1,20})-(\d{1,20})")


def numbers_of(entry: str) -> tuple[int, int] | None:
    """(ms, sequence) of a stream entry's id; None for none, or one beyond the calendar (made on purpose)."""
    match = _NUMBERS.fullmatch(entry)
    if match is None:
        return None
    ms, sequence = int(match[1]), int(match[2])
    return (ms, sequence) if ms <= LAST_MS and sequence <= LAST_SEQUENCE else None


def is_event_id(text: str) -> bool:
    """`<node>/<ms>-<n>`; nothing else may become a path."""
    node, _, entry = text.rpartition("/")
    return is_name(node) and _ENTRY.fullmatch(entry) is not None


def day_of(ms: int) -> str:
    """The day's folder, in UTC; the last day of the calendar for what lies beyond it."""
    return datetime.fromtimestamp(min(ms, LAST_MS) / 1000, UTC).strftime("%Y-%m-%d")
