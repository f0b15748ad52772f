"""What people chose for events like one, reckoned when somebody asks: of many events nobody does. Pure."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from mesh_core.models.events import HealthEvent
from mesh_core.policy.classifier.classifier import Chance, Learnt
from mesh_core.policy.classifier.features import features_of, of_any_trouble
from mesh_core.policy.classifier.value_words import chance_by_words
from mesh_core.runbooks.clues import Clues


class EventChances:
    """`known`: its facts and what its names say, as features are made of them."""

    def __init__(self, learnt: Learnt, event: HealthEvent, known: Collection[str], clues: Clues):
        self._learnt = learnt
        self._event = event
        self._known = known
        self._clues = clues

    @cached_property
    def _features(self) -> frozenset[str]:
        return features_of(self._event, self._known, self._clues)

    @cached_property
    def by_fields(self) -> dict[str, float]:
        """Of each action, from 0 to 1."""
        return self._learnt.by_fields.chances(self._features)

    @property
    def more_than_usual(self) -> dict[str, float]:
        """Those that are likelier than for any trouble: that something is wrong speaks for them. Of trouble that nobody
        has seen the like of, nobody knows what people choose."""
        usual = self._learnt.by_fields.chances(of_any_trouble(self._features))
        return {action: chance for action, chance in self.by_fields.items() if chance > usual[action]}

    def by_words(self, actions: Collection[str]) -> Chance:
        return chance_by_words(self._event, self._learnt.by_words, actions)
