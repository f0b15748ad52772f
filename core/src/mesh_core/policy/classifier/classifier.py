"""How likely each of a few outcomes is for an event: logistic regressions over its fields, and over its fields and all
its words. Pure after loading.

The weights are data (fields.json, choices.json, harms.json), made by benchmarks/train_classifier of the labelled sets
beside it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import NamedTuple


class Chance(NamedTuple):
    """From 0 to 1 each."""

    lowest: float
    highest: float


@dataclass(frozen=True)
class Classifier:
    """`weights`: of each feature one number for each of `outcomes`, in their order, as in `bias`."""

    outcomes: tuple[str, ...]
    bias: tuple[float, ...]
    weights: Mapping[str, tuple[float, ...]]

    def chances(self, features: Iterable[str]) -> dict[str, float]:
        """Of each outcome, from 0 to 1; together they are 1."""
        return dict(zip(self.outcomes, _shares(self._added(features, self.bias, 1)), strict=True))

    def chance_without_one(
        self, parts: Sequence[frozenset[str]], outcomes: Collection[str], always: Iterable[str] = ()
    ) -> Chance:
        """That it is one of these outcomes, at its lowest and at its highest when at most one of the parts is left out:
        a part that somebody adds lifts the one, and presses the other, no further than it was of all the rest. `always`
        are features that no part has, and that stay."""
        times = Counter(feature for part in parts for feature in part)
        places = [at for at, outcome in enumerate(self.outcomes) if outcome in outcomes]
        whole = self._added(times, self._added(always, self.bias, 1), 1)
        without = (self._added((one for one in part if times[one] == 1), whole, -1) for part in parts)
        found = [sum(_shares(sums)[at] for at in places) for sums in (whole, *without)]
        return Chance(min(found), max(found))

    def _added(self, features: Iterable[str], sums: Sequence[float], sign: int) -> list[float]:
        found = list(sums)
        for feature in sorted(features):  # floats add up to the same in the same order only
            for at, weight in enumerate(self.weights.get(feature, ())):
                found[at] += sign * weight
        return found

    def speaking(self, features: Iterable[str], outcome: str, other: str) -> dict[str, float]:
        """How much each feature speaks for `outcome` rather than for `other`; what weighs most comes first."""
        at, against = self.outcomes.index(outcome), self.outcomes.index(other)
        known = {one: self.weights[one][at] - self.weights[one][against] for one in features if one in self.weights}
        return dict(sorted(known.items(), key=lambda item: (-abs(item[1]), item[0])))


@dataclass(frozen=True)
class Learnt:
    """What people chose for such fields alone, and for such fields and words; and what of it they called harm, for such
    fields and words. The outcomes of the first two are actions, those of the third are HARMS."""

    by_fields: Classifier
    choices: Classifier
    harms: Classifier


NO_HARM, BOTH = "neither", "both"
HARMS = (NO_HARM, "restart", "redeploy", BOTH)  # which of the two that touch a host


@cache
def shipped_classifiers() -> Learnt:
    """The same object each time."""
    return _Shipped()


class _Shipped(Learnt):
    """Each is read when it is first asked for: all three take 36 ms, and who loads a policy may have no event."""

    def __init__(self) -> None:
        """They lie beside this room."""

    @cached_property
    def by_fields(self) -> Classifier:
        return _read("fields.json")

    @cached_property
    def choices(self) -> Classifier:
        return _read("choices.json")

    @cached_property
    def harms(self) -> Classifier:
        return _read("harms.json")


def _read(name: str) -> Classifier:
    told = json.loads(resources.files("mesh_core.policy.classifier").joinpath(name).read_text("utf-8"))
    weights = {feature: tuple(row) for feature, row in told["weights"].items()}
    return Classifier(tuple(told["outcomes"]), tuple(told["bias"]), weights)


def _shares(sums: Sequence[float]) -> list[float]:
    highest = max(sums)
    shares = [math.exp(one - highest) for one in sums]
    return [share / sum(shares) for share in shares]
