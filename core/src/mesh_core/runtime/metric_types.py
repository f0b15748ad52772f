"""What a counter, a gauge and a histogram are, and their text for Prometheus. Knows no metric by name, sends nothing.

A label holds a word of a fixed list, or one of a bounded number of different words: what is beyond that is `other`, so
no event can grow a service's memory. Why not prometheus-client: docs/decisions/0097.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import ClassVar

OTHER = "other"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_AT_ZERO = 64  # so many series are shown before anything happened: an alert can only see a change of what is there

Words = Sequence[str] | int  # the words that a label may hold, or how many different ones
Series = tuple[str, ...]


class Measure(ABC):
    """One metric. Labels are given in the order in which they were declared."""

    kind: ClassVar[str] = ""

    def __init__(self, name: str, about: str, **labels: Words):
        self.name = name
        self.about = about
        self.labels = tuple(labels)
        self._words: tuple[Words, ...] = tuple(w if isinstance(w, int) else tuple(w) for w in labels.values())
        self._met: tuple[set[str], ...] = tuple(set() for _ in labels)

    def allow(self, label: str, words: Iterable[str]) -> None:
        """More words that a label with a fixed list may hold; called before anything is counted under them."""
        at = self.labels.index(label)
        held = self._words[at]
        if isinstance(held, int):
            raise ValueError(f"{self.name}: {label} holds any word")
        self._words = (*self._words[:at], tuple(dict.fromkeys((*held, *words))), *self._words[at + 1 :])
        self._begin_at_zero()

    @abstractmethod
    def _begin_at_zero(self) -> None:
        """Show the series that are known before anything happened, and leave the others as they are."""

    def text(self) -> str:
        """The metric with all its series, in the exposition format."""
        lines = [f"# HELP {self.name} {_escaped(self.about)}", f"# TYPE {self.name} {self.kind}"]
        for suffix, labels, value in self.samples():
            inside = ",".join(f'{name}="{_escaped(word, quote=True)}"' for name, word in labels.items())
            lines.append(f"{self.name}{suffix}{f'{{{inside}}}' if inside else ''} {_number(value)}")
        return "\n".join(lines) + "\n"

    @abstractmethod
    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """(suffix of the name, labels, value) of each series."""

    def _bounded(self, series: Series) -> Series:
        """`series` with every word that its label may not hold replaced."""
        if len(series) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, got {series}")
        return tuple(self._admitted(at, word) for at, word in enumerate(series))

    def _admitted(self, at: int, word: str) -> str:
        words, met = self._words[at], self._met[at]
        if not isinstance(words, int):
            return word if word in words else OTHER
        if word not in met:
            if len(met) >= words:
                return OTHER
            met.add(word)
        return word

    def _from_the_start(self) -> list[Series]:
        """The series that are known before anything happened."""
        fixed = [words for words in self._words if not isinstance(words, int)]
        if len(fixed) < len(self._words) or math.prod(len(words) for words in fixed) > MOST_AT_ZERO:
            return []
        return list(product(*fixed))


class Counter(Measure):
    """Only grows."""

    kind = "counter"

    def __init__(self, name: str, about: str, **labels: Words):
        super().__init__(name, about, **labels)
        self._values: dict[Series, float] = {}
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        for series in self._from_the_start():
            self._values.setdefault(series, 0.0)

    def add(self, *series: str, amount: float = 1.0) -> None:
        if series not in self._values:
            series = self._bounded(series)
        self._values[series] = self._values.get(series, 0.0) + amount

    def value(self, *series: str) -> float:
        return self._values.get(series, 0.0)

    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        for series, value in list(self._values.items()):
            yield "", dict(zip(self.labels, series, strict=True)), value


class Gauge(Counter):
    """Goes up and down. One with nothing set says nothing, unless all its words are fixed."""

    kind = "gauge"

    def set(self, value: float, *series: str) -> None:
        if series not in self._values:
            series = self._bounded(series)
        self._values[series] = value

    def set_all(self, values: Mapping[Series, float]) -> None:
        """These series and no others (but those that are there from the start)."""
        self._values = dict.fromkeys(self._from_the_start(), 0.0)
        for series, value in values.items():
            self.set(value, *series)


class Histogram(Measure):
    """How many of each size: `bounds` are the upper edges, ascending."""

    kind = "histogram"

    def __init__(self, name: str, about: str, *, bounds: Sequence[float], **labels: Words):
        super().__init__(name, about, **labels)
        self._bounds = tuple(bounds)
        self._counts: dict[Series, list[int]] = {}
        self._sums: dict[Series, float] = {}
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        for series in self._from_the_start():
            if series not in self._counts:
                self._begin(series)

    def observe(self, value: float, *series: str) -> None:
        if series not in self._counts:
            series = self._bounded(series)
        counts = self._counts.get(series) or self._begin(series)
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[series] += value

    def count(self, *series: str) -> int:
        return sum(self._counts.get(series, ()))

    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        for series, counts in list(self._counts.items()):
            labels = dict(zip(self.labels, series, strict=True))
            total = 0
            for bound, count in zip((*self._bounds, math.inf), list(counts), strict=True):
                total += count
                yield "_bucket", {**labels, "le": _number(bound)}, total
            yield "_sum", labels, self._sums[series]
            yield "_count", labels, total

    def _begin(self, series: Series) -> list[int]:
        self._sums[series] = 0.0
        return self._counts.setdefault(series, [0] * (len(self._bounds) + 1))


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _escaped(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quote else text
