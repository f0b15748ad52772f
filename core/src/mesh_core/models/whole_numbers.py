"""A whole number as other programs send it (137, "137", 137.0), and as ours do. Pure."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"[+-]?[0-9]{1,18}(?:\.0{1,6})?")


def whole_in(value: object) -> int | None:
    """What it says, as a value or as text; None for what is no whole number (a truth value, a sentence, 1.5)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and _DIGITS.fullmatch(text := value.strip()):
        return int(text.partition(".")[0])
    return None


def amount_in(value: object) -> int | None:
    """Bytes, seconds or a count as a node agent writes it: no text, no truth value, never negative; else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
