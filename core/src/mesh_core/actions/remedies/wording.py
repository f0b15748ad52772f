"""Sentences of a remedy with numbers in them: "{used_percent} full" -> "97 % full". Pure.

The last word of a number's name is its unit (`free_kib`, `journal.bytes`), as everywhere in this house; one that begins
with `is_` is told as yes or no.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mesh_core.models.durations import span_in_words
from mesh_core.models.sizes import size_in_words

PLACE = re.compile(r"\{([^{}]*)\}")
MAX_NAME = 120  # characters of a path or a name that are shown
_UNIT = re.compile(r"[a-z]+$")
_BYTES = {"bytes": 1, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
_PLAIN = {"percent": " %", "ms": " ms"}


def names_in(text: str) -> tuple[str, ...]:
    """The names between braces, in order."""
    return tuple(PLACE.findall(text))


def filled(text: str, values: Mapping[str, object]) -> str:
    """The sentence with its values; one that is not there is a question mark."""
    return PLACE.sub(lambda found: in_words(found[1], values.get(found[1])), text)


def told_change(text: str, before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """The sentence with both values of what changed: "97 % -> 71 % full"; '' where nothing did."""

    def both(found: re.Match[str]) -> str:
        first, then = (in_words(found[1], values.get(found[1])) for values in (before, after))
        return first if first == then else f"{first} -> {then}"

    told = PLACE.sub(both, text)
    return "" if told == filled(text, before) else told


def in_words(name: str, value: object) -> str:
    """One value as people read it, by the unit in its name."""
    if isinstance(value, bool) or value is None:
        return "?" if value is None else "yes" if value else "no"
    if not isinstance(value, int | float):
        return " ".join(str(value).split())[:MAX_NAME]
    if name.startswith("is_"):
        return "yes" if value else "no"
    found = _UNIT.search(name)
    unit = found[0] if found else ""
    if unit in _BYTES:
        return size_in_words(int(value * _BYTES[unit]))
    if unit == "seconds":
        return span_in_words(int(value))
    return f"{value:g}{_PLAIN[unit]}" if unit in _PLAIN else f"{value:g}" if isinstance(value, float) else str(value)
