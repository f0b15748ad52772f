"""Several names in one sentence: as many as people read, and how many more there are. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def first_of(names: Sequence[str], most: int) -> str:
    """`a, b, c and 4 more`, where `most` is 3."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
