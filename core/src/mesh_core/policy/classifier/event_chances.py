"""What people chose for events like one, and what they called harm, reckoned when somebody asks: of many events nobody
does. Pure."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import NamedTuple

from mesh_core.actions.choices import RESTART
from mesh_core.models.events import HealthEvent
from mesh_core.policy.classifier.classifier import BOTH, Learnt
from mesh_core.policy.classifier.features import features_of, of_any_trouble
from mesh_core.policy.classifier.value_words import EventWords
from mesh_core.runbooks.clues import Clues

REDEPLOY = "redeploy"
MENDS = frozenset({RESTART.word, REDEPLOY})
# What mends may be preferred to a notification where by fields alone it is more likely than LIKELY and by fields and
# words at least CHOSEN, and harm less likely than HARMLESS. What a rule prefers is taken away from HARMFUL on, what it
# only offers from DOUBTFUL on. Decisions 0214 and 0221.
LIKELY, CHOSEN = 0.2, 0.25
HARMLESS = {RESTART.word: 0.4, REDEPLOY: 0.6}  # labels forbid a redeploy far more often
HARMFUL, DOUBTFUL = 0.35, 0.3


class Liking(NamedTuple):
    """How likely people chose `word` for events like one, and how likely they called it harm: from 0 to 1."""

    word: str
    chosen: float
    harm: float

    @property
    def against(self) -> tuple[str, ...]:
        """What speaks against preferring it, as a person reads it; nothing where it may be preferred."""
        seldom = f"few people chose it ({round(100 * self.chosen)} %)" if self.chosen < CHOSEN else ""
        harmful = f"it was called harm ({round(100 * self.harm)} %)" if self.harm >= HARMLESS[self.word] else ""
        return tuple(filter(None, (seldom, harmful)))


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
    def _words(self) -> EventWords:
        return EventWords(self._event, self._learnt.choices.weights)

    @cached_property
    def _by_fields(self) -> dict[str, float]:
        return self._learnt.by_fields.chances(self._features)

    @property
    def likely(self) -> frozenset[str]:
        """Which of MENDS people chose for events with such fields: those that are likely enough, and likelier than for
        any trouble, so that something that is wrong speaks for them. Of trouble that nobody has seen the like of,
        nobody knows what people choose."""
        usual = self._learnt.by_fields.chances(of_any_trouble(self._features))
        return frozenset(word for word in MENDS if self._by_fields[word] > max(usual[word], LIKELY))

    def liking(self, likely: Collection[str]) -> Liking:
        """Of the likeliest of these by fields, what fields and words say.

        The chance is the lowest, and that of harm the highest, whoever wrote any one line or value of the event: one
        that somebody adds speaks no more for it, and calms no more, than all the rest does.
        """
        word = max(sorted(likely), key=self._by_fields.__getitem__)
        chosen = self._words.whoever_wrote_a_part(self._learnt.choices, self._features, [word]).lowest
        return Liking(word, chosen, self._may_harm(word))

    def harm(self, word: str, *, is_preferred: bool) -> float:
        """How likely people called this harm for events with such fields and words, from 0 to 1; 0 where that is too
        seldom to take it away.

        What a rule prefers stands on the lowest chance whoever wrote any one value: one that somebody adds takes
        nothing away. What it only offers stands on the highest.
        """
        if not is_preferred:
            return chance if (chance := self._may_harm(word)) >= DOUBTFUL else 0.0
        chance = self._words.whoever_wrote_a_value(self._learnt.harms, self._features, [word, BOTH]).lowest
        return chance if chance >= HARMFUL else 0.0

    def _may_harm(self, word: str) -> float:
        return self._words.whoever_wrote_a_part(self._learnt.harms, self._features, [word, BOTH]).highest
