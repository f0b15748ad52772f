"""All words of an event, a set for each line: those of its keys, and of whatever a person or a program wrote. Pure.

Anybody can write into a log, so nothing is ever offered for these; they may speak against what is offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mesh_core.incidents.investigation import set_aside
from mesh_core.models.events import HealthEvent
from mesh_core.runbooks.folding import MAX_TEXT, words_of

MOST_KEY_WORDS = 40  # of a path: who sends an event chooses how long its keys are, and each line has them
_LINE = re.compile(r"\n|(?<=[.!?;])\s")


def word_lines(event: HealthEvent) -> list[frozenset[str]]:
    """Each line, or sentence, of each text with the last words of the keys under which it stands. No number is a
    word."""
    return [frozenset(words) for words in _lines(set_aside(event).payload, [])]


def _lines(value: Any, keys: list[str]) -> Iterator[list[str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _lines(inner, [*keys, *_words(str(key))][-MOST_KEY_WORDS:])
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _lines(inner, keys)
    elif isinstance(value, str):
        for line in _LINE.split(value):
            for at in range(0, len(line) or 1, MAX_TEXT):
                yield keys + _words(line[at : at + MAX_TEXT])
    else:
        yield keys


def _words(text: str) -> list[str]:
    return [word for word in words_of(text) if not word.isdigit()]
