"""What one event is offered, while one thing after the other takes away from it. Pure; policy.py says in which order.

Nothing is ever added but a person's own remedies, what a certain runbook says helps where the rule lets it, what people
chose for events with such fields, and what may stand in for a preference that was taken away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mesh_core.actions.choices import IGNORE, NOTIFY, RESTART
from mesh_core.actions.register import type_for
from mesh_core.models.events import HealthEvent
from mesh_core.policy.classifier.event_chances import MENDS, EventChances
from mesh_core.policy.policy_file import PolicyRule, When
from mesh_core.policy.track_record import RankedChoice, TrackRecord, ranked
from mesh_core.policy.words.name_words import ABOUT, SAYS
from mesh_core.runbooks.index import Match
from mesh_core.runbooks.runbook import Runbook

MAX_NOT_OFFERED = 400  # characters of what choices would need, in a reason
MESSAGES = frozenset({NOTIFY.word, IGNORE.word})  # they touch no host
WORDS = "words"  # the one that narrows to what holds without the words of the event
NEEDS = "needs"  # the entry of the trace that takes away what the event does not give enough for
PLAYBOOK = "playbook"  # the one that takes away what the playbook lint refuses
RUNBOOK = "runbook"  # the one of what is documented for it
CLASSIFIER = "classifier"  # the one of what people chose for events with such fields and words
DOUBT = "doubt"  # the one of what people called harm for them
SIGHTING = "sighting"  # the entry, and the fence, of what the node's own agent sees


@dataclass(frozen=True)
class TraceEntry:
    """One thing that spoke for an event: the rule first, then what changed what it says, or why words did not let it.

    `name`: the rule, the fence, or one of words, own, playbook, needs, runbook, classifier, doubt, sighting, stand-in,
    record.
    `added` and `removed`: choices, by name; `preferred`: what is preferred after it, '' where that was taken away.
    """

    name: str
    sentence: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    preferred: str


@dataclass(frozen=True)
class Allowed:
    """What one event may lead to. `actions` is never empty; `preferred` is one of them; `rule` names who said so.

    `order`: all of them, as a model reads them: `preferred` first, then what helped here before, then what risks less.
    `runbook`: what is documented for it, where anything is. `trace`: how it came to that; no part of what it is.
    """

    actions: frozenset[str]
    preferred: str
    reason: str
    rule: str
    order: tuple[str, ...]
    runbook: Match | None = None
    trace: tuple[TraceEntry, ...] = field(default=(), compare=False)


class Offer:
    """Begins as a rule says; `allowed` ends it. `named` are the words in the order of the rule, own ones behind.

    Whatever changes it ends with `_note`, which keeps what changed.
    """

    def __init__(self, rule: PolicyRule, heard: Collection[str]):
        self._rule = rule
        self.actions, self.preferred = set(rule.allow), rule.prefer
        self.reason, self.rule_name = rule.reason, rule.name
        self._named: tuple[str, ...] = rule.allow
        self._own: tuple[str, ...] = ()
        self._instead: tuple[str, ...] = ()  # what may stand in the place of what the rule prefers
        self._in_its_place = False
        self._runbook: Match | None = None
        self._by_words = bool(spoke := sorted({*heard}.intersection((*rule.when.any, *rule.when.all))))
        if spoke:
            self.reason += f": {', '.join(spoke)}"
        self._trace: list[TraceEntry] = []
        self._before: tuple[set[str], str] = (set(), "")
        self._note(rule.name, self.reason)

    def narrow_to(self, unworded: PolicyRule) -> None:
        """To what holds without the words of the event: anybody can write a sentence into a log."""
        self._by_words = True
        self.actions = self.actions.intersection(unworded.allow) | {NOTIFY.word}
        if self.preferred not in (unworded.prefer, NOTIFY.word):
            self.preferred, self.rule_name = NOTIFY.word, WORDS
            self.reason += "; but that only speaks because of words in the event"
        self._note(WORDS, f"words in a log add nothing to what {unworded.name} allows without them")

    def join(self, own: Sequence[str]) -> None:
        """A person's own remedies behind what the rule names; before a notification that has no reason of its own."""
        self.actions.update(own)
        self._own = tuple(own)
        self._named = (*self._named, *own)
        self._note("own", "your own remedies that fit")

    def drop_unmet(self, unmet: Mapping[str, str], name: str = NEEDS) -> None:
        """Those whose needs the event does not meet, or whose playbook may not run, with why; the next that the rule
        names takes the place."""
        self.actions -= unmet.keys()
        own = tuple(word for word in self._own if word not in unmet)
        if self.preferred in unmet:
            self._in_its_place = True
            self._instead = tuple(word for word in self._named if word in self.actions and word not in MESSAGES)
            if not self._instead:
                self.reason, self.rule_name = f"{self.reason}; {_not_offered(unmet)}", name
            self.preferred = next(iter(self._instead), NOTIFY.word)
        elif self.preferred == self._rule.prefer == NOTIFY.word and not _looks_closer(self._rule.when):
            if own:
                self._instead, self.preferred = own, own[0]
            elif self._own and unmet:  # a person's own was for this, and would have been preferred
                self.reason = f"{self.reason}; {_not_offered(unmet)}"
        self._note(name, _not_offered(unmet) if unmet else f"your own remedy {self.preferred} is for this")
        self._own = own

    def heed(self, match: Match | None, *, written: bool = False) -> None:
        """What is documented for this very trouble: another preference, and more in the offer where the rule says so.

        What cannot help is not preferred. What can is, instead of a notification, where the rule asked for no fact or
        word that says otherwise. A rule that a person wrote (`written`) hears only runbooks that a person wrote.
        """
        self._runbook = match
        if match is None or not match.is_certain or self.preferred == IGNORE.word:
            return
        runbook = match.runbook
        if written and not runbook.own:
            return
        if self._rule.runbook_adds and not self._by_words:
            helps_too = [word for word in runbook.helps if word == RESTART.word]
            self._include(helps_too)
            self._note(RUNBOOK, f"the runbook {runbook.id} says that {', '.join(helps_too)} can help")
        helps = next((word for word in runbook.helps if word in self.actions - MESSAGES), NOTIFY.word)
        if self.preferred in runbook.useless:
            said = f"the runbook {runbook.id} says that {self.preferred} cannot help"
        elif helps != NOTIFY.word and self._gives_way_to(runbook):
            said = f"the runbook {runbook.id} says that {helps} can help"
        else:
            return
        self.actions.add(helps)
        self.preferred, self.rule_name, self.reason = helps, RUNBOOK, f"{self.reason}; {said}"
        self._note(RUNBOOK, said)

    def _include(self, words: Iterable[str]) -> None:
        """Behind what the rule names."""
        missing = [word for word in words if word not in self.actions]
        self.actions.update(missing)
        self._named = (*self._named, *missing)

    def _gives_way_to(self, runbook: Runbook) -> bool:
        """Is the preference the rule's own, for no fact or word of the event, and not what is documented?"""
        if self._in_its_place or self.rule_name != self._rule.name or _looks_closer(self._rule.when):
            return False
        return self.preferred not in runbook.helps and (runbook.own or self.preferred == NOTIFY.word)

    @property
    def _documented(self) -> Runbook | None:
        """What is surely about this very trouble."""
        return self._runbook.runbook if self._runbook is not None and self._runbook.is_certain else None

    @property
    def is_undecided(self) -> bool:
        """Is a person told, by the rule or for words of the event, and had nothing after them a say in that?"""
        return self.preferred == NOTIFY.word and self.rule_name in (self._rule.name, WORDS)

    def weigh(self, likely: Collection[str], seen: EventChances) -> None:
        """Of an undecided one: what people chose for events with such fields and words, instead of a notification.

        `likely` is what fields speak for and the event gives enough for. Silence is never learnt: it comes from a field
        that says why.
        """
        documented = self._documented
        if documented and documented.own:
            return  # somebody here wrote down what to do
        useless = documented.useless if documented else ()
        fit = [word for word in likely if word not in useless]
        if not fit:
            return
        liking = seen.liking(fit)
        word = liking.word
        if liking.against:
            said = f"its fields speak for a {word}, its words do not: {' and '.join(liking.against)}"
            self.reason = f"{self.reason}; {said}"
            self._note(CLASSIFIER, said, changes_nothing=True)  # a person asks why nothing was proposed
            return
        said = f"for events with such fields and words people chose {word} ({round(100 * liking.chosen)} %)"
        self._include([word])
        self.preferred, self.rule_name, self.reason = word, CLASSIFIER, f"{self.reason}; {said}"
        self._note(CLASSIFIER, said)

    def doubt(self, seen: EventChances) -> None:
        """What people called harm for events with such fields and words is not offered: of a restart and a redeploy
        that a rule offers, not of what is documented for this very trouble, nor of what was learnt."""
        documented = self._documented
        if self.rule_name == RUNBOOK or (documented and documented.own):
            return
        asked = MENDS & self.actions
        if self.rule_name == CLASSIFIER:
            asked -= {self.preferred}
        harms = {word: seen.harm(word, is_preferred=word == self.preferred) for word in sorted(asked)}
        doubted = {word: chance for word, chance in harms.items() if chance}
        if not doubted:
            return
        each = " and ".join(f"a {word} ({round(100 * chance)} %)" for word, chance in doubted.items())
        said = f"for events with such fields and words people said that harm is done by {each}"
        self.actions = self.actions - doubted.keys() | {NOTIFY.word}
        if self.preferred in doubted:
            self.preferred, self.rule_name, self.reason = NOTIFY.word, DOUBT, f"{self.reason}; {said}"
        self._note(DOUBT, said)

    def hold_back(self, sentence: str) -> None:
        """What the node's own agent sees speaks against what is preferred; it stays in the offer."""
        if sentence and self.preferred not in MESSAGES:
            self.actions.add(NOTIFY.word)
            self.preferred, self.rule_name, self.reason = NOTIFY.word, SIGHTING, f"{self.reason}; {sentence}"
            self._note(SIGHTING, sentence)

    def take_away(self, words: frozenset[str], sentence: str, fence: str) -> None:
        """What a fence forbids, whatever the rule says."""
        if self.actions & words:
            self.actions -= words
            self.reason = f"{self.reason}; {sentence}"
            if self.preferred in words:
                self.rule_name = fence
            self._note(fence, sentence)

    def stand_in(self, words: Iterable[str]) -> None:
        """Something is preferred that is there: what stands in its place, else one of `words`, else to tell people."""
        if self.preferred not in self.actions:
            self.preferred = next((word for word in self._instead if word in self.actions), self.preferred)
        if self.preferred not in self.actions:
            self.preferred = next((word for word in words if word in self.actions), NOTIFY.word)
            self.actions.add(self.preferred)
        self._note("stand-in", f"what was preferred is not offered; {self.preferred} stands in its place")

    def allowed(self, event: HealthEvent, past: TrackRecord, choice_words: Sequence[str]) -> Allowed:
        """Its end, ranked by what was done to this target before."""
        made = {word: action for word in self._named if word in self.actions and (action := type_for(word, event))}
        runs = {word: action for word, action in made.items() if word not in MESSAGES}
        candidates = (RankedChoice(word, action.name, action.risk) for word, action in runs.items())
        order = ranked(candidates, past, "" if self._in_its_place else self.preferred)
        preferred, reason, rule_name = self.preferred, self.reason, self.rule_name
        if preferred in order:
            given_up = runs[order[0]].name in past.given_up  # what is ranked behind it is as well
            preferred = NOTIFY.word if given_up else order[0]
            failed = [(word, past.failed.get(runs[word].name)) for word in order]
            said = [f"{word} did not help here at {at}" for word, at in failed if at and (given_up or len(order) > 1)]
            if given_up:
                self.actions.add(NOTIFY.word)
                said.append("that was not the first time, so a person looks first")
            reason = "; ".join((reason, *said))
            self.preferred = preferred
            self._note("record", "; ".join(said) or f"{preferred} goes first: it helped here before, or risks less")
        if preferred in self._own:
            reason, rule_name = f"{reason}; your own remedy {preferred} is for this", "own"
        rest = (*order, *(word for word in choice_words if word in self.actions))
        every = tuple(dict.fromkeys((preferred, *rest)))
        actions = frozenset(self.actions)
        return Allowed(actions, preferred, reason, rule_name, every, self._runbook, tuple(self._trace))

    def _note(self, name: str, sentence: str, *, changes_nothing: bool = False) -> None:
        """What `name` changed since the last entry; where it changed nothing only if that is worth telling."""
        actions, preferred = self._before
        if (actions, preferred) == (self.actions, self.preferred) and not changes_nothing:
            return
        added, removed = sorted(self.actions - actions), sorted(actions - self.actions)
        left = self.preferred if self.preferred in self.actions else ""
        self._trace.append(TraceEntry(name, sentence, tuple(added), tuple(removed), left))
        self._before = (set(self.actions), self.preferred)


def _looks_closer(when: When) -> bool:
    """Does it ask for more than names say? Then its notification has a reason that a remedy's `when` does not know."""
    return any(not said.startswith((SAYS, ABOUT)) for said in (*when.any, *when.all))


def _not_offered(unmet: Mapping[str, str]) -> str:
    """What each choice would need, in one sentence; those that need the same together."""
    told = {why: [word for word, said in unmet.items() if said == why] for why in unmet.values()}
    each = "; ".join(f"{', '.join(words)} ({why})" for why, words in told.items())
    return f"not offered: {each}"[:MAX_NOT_OFFERED]
