"""All words of an event, by value and line: those of its keys, and of whatever a person or a program wrote. Pure.

Anybody can write into a log, so nothing is ever offered for these; they may speak against what is offered.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from mesh_core.incidents.investigation import set_aside
from mesh_core.models.events import HealthEvent
from mesh_core.policy.classifier.classifier import Chance, Classifier
from mesh_core.policy.event_facts.payload_fields import is_of_others as names_others
from mesh_core.runbooks.folding import MAX_TEXT, words_of

_LINE = re.compile(r"\n|(?<=[.!?;])\s")
ENOUGH = 8  # known words, of all values but one
MOST_KEY_WORDS = 40  # of a path: who sends an event chooses how long its keys are, and each line has them


class Value(NamedTuple):
    """Of one value, or of a list of texts: the words of each of its lines or sentences, and the last words of the keys
    under which it stands; `is_of_others`: a program printed it, or was asked for it."""

    keys: frozenset[str]
    lines: tuple[frozenset[str], ...]
    is_of_others: bool

    @property
    def whole_lines(self) -> list[frozenset[str]]:
        return [self.keys | line for line in self.lines]


def chance_by_words(event: HealthEvent, by_words: Classifier, actions: Collection[str]) -> Chance:
    """That it is one of these actions: at its lowest whoever wrote any one line of it, at its highest whoever wrote any
    one value.

    Nor is the lowest above, or the highest below, what it is without all that a program printed or was asked for: who
    can have one line written there can have many. Of few words the highest is 1: they speak against nothing.
    """
    every = values_of(event)
    own = [value for value in every if not value.is_of_others]
    each = [every, own] if len(own) < len(every) else [own]
    lines = ([line for value in values for line in value.whole_lines] for values in each)
    lowest = min(by_words.chance_without_one(parts, actions).lowest for parts in lines)
    whole = [frozenset[str]().union(*value) for value in by_text(own)]
    few = _known_without_one(whole, by_words) < ENOUGH
    return Chance(lowest, 1.0 if few else by_words.chance_without_one(whole, actions).highest)


def _known_without_one(parts: Sequence[frozenset[str]], by_words: Classifier) -> int:
    """How many words of all parts but the fullest one it knows."""
    known = [part & by_words.weights.keys() for part in parts]
    every = frozenset[str]().union(*known)
    times = Counter(word for part in known for word in part)
    return len(every) - max((sum(times[word] == 1 for word in part) for part in known), default=0)


def every_word(event: HealthEvent) -> frozenset[str]:
    return frozenset().union(*(line for value in values_of(event) for line in value.whole_lines))


def by_text(values: Sequence[Value]) -> list[list[frozenset[str]]]:
    """Of each value its lines, with the words of its keys. A text under several keys is one value: one wrote it."""
    found: dict[object, list[frozenset[str]]] = {}
    for value in values:
        said = frozenset(value.lines) if any(value.lines) else len(found)
        found.setdefault(said, []).extend(value.whole_lines)
    return [*found.values()]


def values_of(event: HealthEvent) -> list[Value]:
    """No number is a word."""
    return [*_values(set_aside(event).payload, [], is_of_others=False)]


def _values(value: Any, keys: list[str], *, is_of_others: bool) -> Iterator[Value]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            others = is_of_others or (_has_lines(inner) and names_others(str(key)[:100], in_it=True))
            yield from _values(inner, [*keys, *_words(str(key))][-MOST_KEY_WORDS:], is_of_others=others)
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for inner in value:
            yield from _values(inner, keys, is_of_others=is_of_others)
    else:
        texts = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
        lines = [line for text in texts for line in _LINE.split(text)] or [""]
        yield Value(frozenset(keys), tuple(frozenset(_words(line)) for line in lines), is_of_others)


def _has_lines(value: Any) -> bool:
    """An alert's own message is one."""
    return "\n" in value if isinstance(value, str) else isinstance(value, dict | list)


def _words(text: str) -> list[str]:
    parts = (text[at : at + MAX_TEXT] for at in range(0, len(text), MAX_TEXT))
    return [word for part in parts for word in words_of(part) if not word.isdigit()]
