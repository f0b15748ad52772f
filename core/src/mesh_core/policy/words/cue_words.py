"""Which cues the words of an event hold ("no space left", "connection refused"), and where a word counts. Pure.

A program in good health tells at its start what it deals with: certificates, upstreams, recovery. So a line that its
own program calls information, and one that names only a topic, count where they also speak of a failure. And who could
not connect matters: a program that prints it lacks what it depends on, a probe that says it found that program down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mesh_core.policy.words.plugin_output import says_unanswered
from mesh_core.policy.words.progress_lines import tells_of_progress
from mesh_core.policy.words.text_line import CONTINUED, TextLine, stands_in

DEPENDENCY = "dependency"  # the cue of who could not connect
CONFIGURATION = "configuration"  # of who cannot use what it was given
PROGRESS = "progress"  # the cue that numbers in lines speak for as well
FROM_OUTSIDE = "from_outside"  # the cue of those below where whoever asked tells them, and not the program itself
_BEFORE_THE_PROGRAM = frozenset({"dns", "certificate"})  # who asks finds these before he gets to it
_START = 3  # letters of a word by which it is looked up
MAX_WORDS = 64 * 1024  # characters of a payload in which cues are looked for

# A key that mentions what a program printed (`log_tail`, `last_stderr`): the texts below it are its own words. Wider
# than what names a log (payload_fields.py), below which no field counts.
_OF_OUTPUT = re.compile(r"(?:^|[^a-z])(?:log|stdout|stderr|journal|console|tail)(?:$|[^a-z])|logs$|loglines$")


@dataclass(frozen=True)
class CueWords:
    """Words in lower case, by the cue that they stand for. `grave` cues hear their plain words in any line.

    `plain` counts anywhere but in a line about somebody who came to the program, `topics` in a line that complains,
    `logged` in what the program itself printed, `failed_at` in a line of its own that speaks of a failure: what it did
    then; `at_work` in what it printed at any level: what it does now. A line that says who asked for what never
    counts.
    `unless`: a word does not count in a line that also has one of these.
    """

    plain: Mapping[str, tuple[str, ...]]
    topics: Mapping[str, tuple[str, ...]]
    logged: Mapping[str, tuple[str, ...]]
    failed_at: Mapping[str, tuple[str, ...]]
    at_work: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    grave: frozenset[str] = frozenset()
    unless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def _lists(self) -> tuple[Mapping[str, tuple[str, ...]], ...]:
        return self.plain, self.topics, self.logged, self.failed_at, self.at_work

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(cue for listed in self._lists for cue in listed) | {FROM_OUTSIDE}

    @cached_property
    def words(self) -> frozenset[str]:
        """All of them, of whichever cue."""
        return frozenset(word for listed in self._lists for said in listed.values() for word in said)

    def heard_in(
        self, payload: Mapping[str, Any], itself: Collection[str] = (), past: re.Pattern[str] | None = None
    ) -> set[str]:
        """The cues whose words the payload holds, in its keys or its texts. `itself`: the names of a container with a
        network of its own; if it does not get to those, or to that network's loopback, it lacks nothing beside it.
        `past`: the lines about settings that do not count any more."""
        lines = list(_lines(payload))
        everything = "\n".join(line.text for line in lines)
        there = self._words_in(everything)

        def inside(line: TextLine) -> bool:
            return bool(itself) and (line.is_about_itself or line.reaches_for(itself))

        def heard(words: Mapping[str, tuple[str, ...]], counts: Callable[[str, TextLine], bool]) -> set[str]:
            found = set()
            for name, said in words.items() if there else ():
                hits = there.intersection(said)
                own = (line for line in lines if line.has(hits, self.unless) and not line.is_request) if hits else ()
                said_in = [
                    line
                    for line in own
                    if counts(name, line)
                    and not (name == DEPENDENCY and inside(line))
                    and not (name == CONFIGURATION and past and past.search(line.text))
                ]
                if said_in:
                    found.add(name)
                if name in _BEFORE_THE_PROGRAM and not all(line.printed for line in said_in):
                    found.add(FROM_OUTSIDE)
            return found

        return (
            heard(self.plain, lambda name, line: name in self.grave or not (line.is_chatter or line.is_of_somebody))
            | heard(self.topics, lambda _, line: line.complains)
            | heard(self.logged, lambda _, line: line.printed and not line.is_about_itself)
            | heard(self.failed_at, lambda _, line: line.printed and line.failed and not line.is_about_itself)
            | heard(self.at_work, lambda _, line: line.printed)
            | ({PROGRESS} & self.names if _tell_of_progress(lines) else set())
        )

    def _words_in(self, text: str) -> set[str]:
        """A text begins few of them: it is not searched for each of a thousand."""
        starts = {"", *(text[at : at + _START] for at in range(len(text)))} & self._by_start.keys()
        return {word for start in starts for word in self._by_start[start] if stands_in(word, text)}

    @cached_property
    def _by_start(self) -> Mapping[str, Sequence[str]]:
        """What is shorter, or has a `*` there, under ''."""
        found: dict[str, list[str]] = {}
        for word in self.words:
            start = word.partition("*")[0][:_START]
            found.setdefault(start if len(start) == _START else "", []).append(word)
        return found


def _tell_of_progress(lines: Sequence[TextLine]) -> bool:
    return tells_of_progress([line.text for line in lines if line.printed], [line.text for line in lines])


def _lines(payload: Mapping[str, Any]) -> Iterator[TextLine]:
    head = ""
    for text, printed in _pieces(payload):
        for line in text.split("\n"):
            if not CONTINUED.match(line):
                head = line
            yield TextLine(line, printed and not says_unanswered(line), head)  # what a check prints is no program's own


def _pieces(payload: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """(text in lower case, printed by the program itself?): the keys of each mapping, and each string in it."""
    size = 0
    todo: list[tuple[Any, bool]] = [(payload, False)]
    while todo and size < MAX_WORDS:
        value, printed = todo.pop()
        if isinstance(value, Mapping):
            for key, child in value.items():
                todo.append((child, printed or _OF_OUTPUT.search(str(key).lower()) is not None))
            text, printed = "\n".join(str(key) for key in value), False  # two keys make no sentence
        elif isinstance(value, list):
            todo.extend((child, printed) for child in reversed(value))  # in order: a line continues the one before
            continue
        elif isinstance(value, str):
            text = value
        else:
            continue
        text = text[: MAX_WORDS - size].lower()
        size += len(text) + 1
        yield text, printed
