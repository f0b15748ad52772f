"""All words of an event, a set for each line: those of its keys, and of whatever a person or a program wrote. Pure.

Anybody can write into a log, so nothing is ever offered for these; they may speak against what is offered.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from mesh_core.incidents.investigation import set_aside
from mesh_core.models.events import HealthEvent
from mesh_core.policy.classifier.classifier import Classifier
from mesh_core.policy.event_facts.payload_fields import is_of_others
from mesh_core.runbooks.folding import MAX_TEXT, words_of

MOST_KEY_WORDS = 40  # of a path: who sends an event chooses how long its keys are, and each line has them
_LINE = re.compile(r"\n|(?<=[.!?;])\s")


def chance_by_words(event: HealthEvent, by_words: Classifier, actions: Collection[str]) -> float:
    """That it is one of these actions, without any one line; and not above the same without all that a program printed
    or was asked for, for who can have one line written there can have many."""
    return min(by_words.least(word_lines(event, others=others), actions) for others in (True, False))


def word_lines(event: HealthEvent, *, others: bool = True) -> list[frozenset[str]]:
    """Each line, or sentence, of each text with the last words of the keys under which it stands. No number is a word.

    `others` false: without what a program printed or was asked for.
    """
    return [frozenset(words) for words in _lines(set_aside(event).payload, [], others=others)]


def _lines(value: Any, keys: list[str], *, others: bool) -> Iterator[list[str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            if others or not (_has_lines(inner) and is_of_others(str(key)[:100], in_it=True)):
                yield from _lines(inner, [*keys, *_words(str(key))][-MOST_KEY_WORDS:], others=others)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _lines(inner, keys, others=others)
    elif isinstance(value, str):
        for line in _LINE.split(value):
            for at in range(0, len(line) or 1, MAX_TEXT):
                yield keys + _words(line[at : at + MAX_TEXT])
    else:
        yield keys


def _has_lines(value: Any) -> bool:
    """An alert's own message is one."""
    return "\n" in value if isinstance(value, str) else isinstance(value, dict | list)


def _words(text: str) -> list[str]:
    return [word for word in words_of(text) if not word.isdigit()]
