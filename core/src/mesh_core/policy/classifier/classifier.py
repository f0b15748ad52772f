"""How likely people choose each action for an event: a logistic regression over its features. Pure after loading.

The weights are data (weights.json), made by benchmarks/train_classifier of the labelled sets beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Classifier:
    """`weights`: of each feature one number for each of `actions`, in their order, as in `bias`."""

    actions: tuple[str, ...]
    bias: tuple[float, ...]
    weights: Mapping[str, tuple[float, ...]]

    def chances(self, features: Iterable[str]) -> dict[str, float]:
        """Of each action, from 0 to 1; together they are 1."""
        sums = list(self.bias)
        for feature in sorted(features):  # floats add up to the same in the same order only
            for at, weight in enumerate(self.weights.get(feature, ())):
                sums[at] += weight
        highest = max(sums)
        shares = [math.exp(one - highest) for one in sums]
        return {action: share / sum(shares) for action, share in zip(self.actions, shares, strict=True)}

    def speaking(self, features: Iterable[str], action: str, other: str) -> dict[str, float]:
        """How much each feature speaks for `action` rather than for `other`; what weighs most comes first."""
        at, against = self.actions.index(action), self.actions.index(other)
        known = {one: self.weights[one][at] - self.weights[one][against] for one in features if one in self.weights}
        return dict(sorted(known.items(), key=lambda item: (-abs(item[1]), item[0])))


@cache
def shipped_classifier() -> Classifier:
    """The same object each time."""
    told = json.loads(resources.files("mesh_core.policy.classifier").joinpath("weights.json").read_text("utf-8"))
    weights = {feature: tuple(row) for feature, row in told["weights"].items()}
    return Classifier(tuple(told["actions"]), tuple(told["bias"]), weights)
