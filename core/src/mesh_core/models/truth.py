"""A truth value as other programs send it: true, "true", "no", 0. Pure."""

from __future__ import annotations

# As YAML 1.1 and JSON write it, databases and shells; `~` is YAML's word for nothing.
_TRUE = frozenset({"true", "yes", "on", "1", "1.0", "y", "t"})
_FALSE = frozenset({"false", "no", "off", "0", "0.0", "n", "f", "", "none", "null", "nil", "undefined", "~"})


def truth_in(value: object) -> bool | None:
    """What it says, as a value or as a word; None for what is neither (a sentence, a list, 7)."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return False if value is None else None
