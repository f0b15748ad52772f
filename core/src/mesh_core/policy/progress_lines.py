"""Do the lines that a program printed tell of work that goes on: the same line again, with a number that rises towards
its end? Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_LINES = 200
_LINE_CHARS = 300
_BEFORE = 12  # characters before the number that are the same in each line: not its time
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) ?(?:%|(?:/|of|von|sur|de|di|van|z|из) ?(\d{1,9}))")
_NUMBER = re.compile(r"\d+")
# What may rise as well while nothing is done: tries, and what is used up.
_NO_WORK = re.compile(
    r"attempt|retr[yi]|tries|try |versuch|tentativ|intento|usage|used|cpu|memory|\bmem\b|load|disk|full|lag\b"
    r"|fail|error|loss|queue|backlog|pool|connections|active|utili[sz]ation|battery|swap"
)


def tells_of_progress(lines: Sequence[str]) -> bool:
    """`lines` in order, in lower case. What came to its end counts as well: a line more must take nothing back."""
    done: dict[str, list[float]] = {}
    for line in lines[-MOST_LINES:]:
        text = line[:_LINE_CHARS]
        if (found := _PART.search(text)) and not _NO_WORK.search(text):
            shape = _NUMBER.sub("#", text[max(0, found.start() - _BEFORE) :])
            done.setdefault(shape, []).append(float(found[1]) / (float(found[2] or 100) or 1.0))
    return any(shares[0] < max(shares) for shares in done.values())
