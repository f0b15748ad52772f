"""All words of an event, by value and line: those of its keys, and of whatever a person or a program wrote. Pure.

Anybody can write into a log, so nothing is ever offered for these that fields do not speak for; they may speak against
what is offered.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Container, Iterator, Sequence
from functools import cached_property
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


class EventWords:
    """All words of an event, asked in ways in which who can write into it cannot have what he wants."""

    def __init__(self, event: HealthEvent, known: Container[str]):
        """`known`: the words that any weight knows."""
        self._every = values_of(event)
        self._own = [value for value in self._every if not value.is_of_others]
        self._known = known

    def whoever_wrote_a_part(
        self, classifier: Classifier, fields: Collection[str], outcomes: Collection[str]
    ) -> Chance:
        """That it is one of these outcomes: at its lowest and its highest whoever wrote any one line of it, any one
        value with all its lines, or all that a program printed or was asked for: who can have one line written there
        can have many. `fields`: its features."""
        found = [classifier.chance_without_one(parts, outcomes, fields) for parts in self._parts]
        return Chance(min(chance.lowest for chance in found), max(chance.highest for chance in found))

    def whoever_wrote_a_value(
        self, classifier: Classifier, fields: Collection[str], outcomes: Collection[str]
    ) -> Chance:
        """The same without any one value, and without what a program printed or was asked for. Of few words it may be
        anything: they speak against nothing."""
        if self._known_without_one(self._own_values) < ENOUGH:
            return Chance(0.0, 1.0)
        return classifier.chance_without_one(self._own_values, outcomes, fields)

    @cached_property
    def _parts(self) -> list[list[frozenset[str]]]:
        """Of all that it says, and of all but what a program printed: its lines, and its values."""
        printed = [_lines(self._every), _whole_values(self._every)] if len(self._own) < len(self._every) else []
        return [*printed, _lines(self._own), self._own_values]

    @cached_property
    def _own_values(self) -> list[frozenset[str]]:
        return _whole_values(self._own)

    def _known_without_one(self, parts: Sequence[frozenset[str]]) -> int:
        """How many words of all parts but the fullest one are known."""
        known = [frozenset(word for word in part if word in self._known) for part in parts]
        every = frozenset[str]().union(*known)
        times = Counter(word for part in known for word in part)
        return len(every) - max((sum(times[word] == 1 for word in part) for part in known), default=0)


def every_word(event: HealthEvent) -> frozenset[str]:
    return frozenset().union(*_lines(values_of(event)))


def by_text(values: Sequence[Value]) -> list[list[frozenset[str]]]:
    """Of each value its lines, with the words of its keys. A text under several keys is one value: one wrote it."""
    found: dict[object, list[frozenset[str]]] = {}
    for value in values:
        said = frozenset(value.lines) if any(value.lines) else len(found)
        found.setdefault(said, []).extend(value.whole_lines)
    return [*found.values()]


def _lines(values: Sequence[Value]) -> list[frozenset[str]]:
    return [line for value in values for line in value.whole_lines]


def _whole_values(values: Sequence[Value]) -> list[frozenset[str]]:
    return [frozenset[str]().union(*lines) for lines in by_text(values)]


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
