"""The runbooks of one moment: which one is for an event, and how sure that is. A person's own come first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property

from mesh_core.models.events import HealthEvent
from mesh_core.runbooks.clues import Clues, clues_in
from mesh_core.runbooks.folding import folded_name, folded_pattern, words_of
from mesh_core.runbooks.full_text import FullText, asked_for
from mesh_core.runbooks.runbook import Runbook

# Of words, for each word of the question's root, under which nothing is said of an event: what was tried with less was
# mostly wrong. A single word says nothing.
LEAST_SCORE = 6.5
LEAST_WORDS = 2


class FoundBy(StrEnum):
    """How it was found, the surest first."""

    NAME = "its name"
    FOLDED_NAME = "its name, written otherwise"
    LABELS = "its labels, service or node"
    PARTS = "parts of its name or headline"
    WORDS = "what its sender says"

    @property
    def is_certain(self) -> bool:
        """Is it about this very trouble? The others are a guess, and lead to nothing but a citation."""
        return self in (FoundBy.NAME, FoundBy.FOLDED_NAME, FoundBy.LABELS)


_ORDER = {by: number for number, by in enumerate(FoundBy)}


@dataclass(frozen=True)
class Match:
    """`what`: the name, words or label it was found by. `score` is BM25's, of words only."""

    runbook: Runbook
    by: FoundBy
    what: str
    score: float = 0.0

    @property
    def is_certain(self) -> bool:
        return self.by.is_certain


class RunbookIndex:
    """Immutable, for any thread. Of two runbooks with one id the first counts. They are read when somebody asks."""

    def __init__(self, runbooks: Iterable[Runbook]):
        self._given = runbooks

    @cached_property
    def by_id(self) -> dict[str, Runbook]:
        return {one.id: one for one in reversed([*self._given])}

    @cached_property
    def runbooks(self) -> Sequence[Runbook]:
        """A person's own first."""
        return sorted(self.by_id.values(), key=lambda one: (not one.own, one.id))

    def find(self, event: HealthEvent) -> Match | None:
        """The one for this event; None where nothing is known of it."""
        return self.match(clues_in(event))

    def match(self, clues: Clues) -> Match | None:
        """The same for whoever has read the event already."""
        return self._certain(clues) or self._by_parts(clues) or self._by_words(clues)

    def search(self, text: str, limit: int = 10) -> list[Match]:
        """For a person: whose name or id it is, then those with most of the words."""
        name = folded_name(text)
        named = [Match(one, FoundBy.NAME, text) for one in self._named.get(name, ())] if name else []
        if (one := self.by_id.get(text.strip())) and all(one is not match.runbook for match in named):
            named.insert(0, Match(one, FoundBy.NAME, text))
        known = {match.runbook.id for match in named}
        return [*named, *(one for one in self._worded(asked_for(text), limit) if one.runbook.id not in known)][:limit]

    @cached_property
    def _named(self) -> dict[str, list[Runbook]]:
        named: dict[str, list[Runbook]] = {}
        for one in self.runbooks:
            for alert in one.alerts:
                if "*" not in alert:
                    named.setdefault(folded_name(alert), []).append(one)
        return named

    @cached_property
    def _patterns(self) -> list[tuple[str, Runbook]]:
        return [(folded_pattern(alert), one) for one in self.runbooks for alert in one.alerts if "*" in alert]

    @cached_property
    def _text(self) -> FullText:
        return FullText(self.runbooks)

    def _certain(self, clues: Clues) -> Match | None:
        """A person's own before a shipped one, then the surest, then by the most telling name."""
        found = [match for match in self._by_name(clues) if _fits(match.runbook, clues)]
        found += [Match(one, FoundBy.LABELS, clues.service or clues.node) for one in self._unnamed if _fits(one, clues)]
        return min(found, key=lambda match: (not match.runbook.own, _ORDER[match.by]), default=None)

    @cached_property
    def _parted(self) -> list[Runbook]:
        return [one for one in self.runbooks if one.parts]

    @cached_property
    def _unnamed(self) -> list[Runbook]:
        return [one for one in self.runbooks if not one.alerts and (one.services or one.nodes or one.labels)]

    def _by_name(self, clues: Clues) -> Iterator[Match]:
        for name in clues.names:
            folded = folded_name(name)
            for one in self._named.get(folded, ()):
                yield Match(one, FoundBy.NAME if name in one.alerts else FoundBy.FOLDED_NAME, name)
            yield from (
                Match(one, FoundBy.FOLDED_NAME, name) for pattern, one in self._patterns if fnmatchcase(folded, pattern)
            )

    def _by_parts(self, clues: Clues) -> Match | None:
        """Of an alert that nobody listed: a runbook of which every group has a word in its names, most groups first."""
        words = {word for name in (*clues.names, *clues.headlines) for word in words_of(name)}
        fitting = [one for one in self._parted if not any(map(words.isdisjoint, one.parts))]
        found = [(one, sorted(words & {*sum(one.parts, ())})) for one in fitting if _fits(one, clues)]
        best = max(found, key=lambda pair: (len(pair[0].parts), len(pair[1])), default=None)
        return best and Match(best[0], FoundBy.PARTS, " ".join(best[1]))

    def _by_words(self, clues: Clues) -> Match | None:
        words = asked_for(f"{' '.join(clues.names)} {clues.text}")
        if len(words) < LEAST_WORDS:
            return None
        best = next(iter(self._worded(words, 1)), None)
        is_enough = best is not None and best.score >= LEAST_SCORE * len(words) ** 0.5
        return best if best and is_enough and _fits(best.runbook, clues) else None

    def _worded(self, words: Sequence[str], limit: int) -> list[Match]:
        scores = self._text.scores(words, limit)
        return [Match(self.runbooks[number], FoundBy.WORDS, "", score) for number, score in scores]


def _fits(runbook: Runbook, clues: Clues) -> bool:
    """Is it about this service, node and what the labels say? What it does not name may be anything."""
    return (
        _one_of(runbook.services, clues.service)
        and _one_of(runbook.nodes, clues.node)
        and all(
            name in clues.labels and fnmatchcase(clues.labels[name], value) for name, value in runbook.labels.items()
        )
    )


def _one_of(patterns: Sequence[str], name: str) -> bool:
    return not patterns or any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)
