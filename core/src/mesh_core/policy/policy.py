"""Policy: which actions an event may lead to, which one is preferred, and why. Pure: no clock, no disk after loading.

Rules are data (default_policy.yml, config/policy.yml over it); the first rule that fits speaks. Then the fences:
the lifeline list, the loop guard, names that are no names. Words in a log only take actions away and only ever lead
towards `notify`, whatever the rules say; `ignore` needs a field that says why (checked when the rules are loaded).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase, translate
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from mesh_core.actions.action_type import Choice, nothing_else
from mesh_core.actions.choices import IGNORE, NOTIFY
from mesh_core.actions.register import Register, current
from mesh_core.incidents.causes_over import CAUSES_OVER
from mesh_core.incidents.investigation import set_aside
from mesh_core.models.config_document import ConfigDocument
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.owner_labels import restart_forbidden
from mesh_core.models.proposals import Risk
from mesh_core.policy.classifier.classifier import Learnt, shipped_classifiers
from mesh_core.policy.classifier.event_chances import REDEPLOY, EventChances
from mesh_core.policy.classifier.features import features_of
from mesh_core.policy.event_facts.backed import has_own_network, may_be_a_container
from mesh_core.policy.event_facts.facts import Fact, facts_for
from mesh_core.policy.event_facts.past_words import cues_of_the_past, lines_of_the_past
from mesh_core.policy.event_facts.sighted import cannot_be_started, speaks_against, with_sighting, without_another
from mesh_core.policy.lifeline import (
    Lifeline,
    containers_in,
    names_in_event,
    names_in_look,
    names_in_part,
    ports_in,
    projects_in_event,
    projects_in_part,
    short_name,
)
from mesh_core.policy.offer import MESSAGES, PLAYBOOK, SIGHTING, Offer
from mesh_core.policy.offer import Allowed as Allowed  # what a policy answers with
from mesh_core.policy.own_playbooks import MAX_JUDGED, OwnPlaybooks
from mesh_core.policy.playbook_lint.table import Widened
from mesh_core.policy.policy_file import BadPolicy as BadPolicy  # found where policies are loaded
from mesh_core.policy.policy_file import Document, PolicyRule, When, merged, policy_in, read_policy, rule_lines
from mesh_core.policy.rule_check import check_names, check_own
from mesh_core.policy.track_record import NOTHING_KNOWN, TrackRecord
from mesh_core.policy.words.cue_words import CONFIGURATION
from mesh_core.policy.words.name_words import ELSEWHERE, STORE
from mesh_core.runbooks.clues import Clues, clues_in
from mesh_core.runbooks.index import RunbookIndex
from mesh_core.runbooks.shipped import shipped_index

NO_LIFELINE = Lifeline()
HOST_FENCE = "host"
# A data store in trouble is for a person; a cluster and a hypervisor start by themselves what they run.
_HOLDS = frozenset({STORE, *ELSEWHERE}) | {
    fact.value
    for fact in (
        *(Fact.CONFLICT, Fact.UNREADABLE, Fact.ATTACK, Fact.BAD_NAME),
        *(Fact.RESTARTING, Fact.IN_USE, Fact.YOUNG, Fact.JUST_BOOTED, Fact.TRANSIENT),
        *(Fact.DEPENDENCY_DOWN, Fact.MAINTENANCE, Fact.OPERATOR, Fact.NOT_MEANT, Fact.LOOPING, Fact.RESTARTED_IN_VAIN),
    )
}
UNKNOWN = PolicyRule(name="none", allow=(NOTIFY.word,), prefer=NOTIFY.word, reason="no rule knows this event")


class Policy:
    """By the register of the moment at which it was made; `allows` may be called from anywhere.

    `lifeline` is protected beside what the file lists. `written`: the names of the rules that a person wrote.
    `runbooks`: what is documented; without them nothing is. `learnt`: what people chose for labelled events.
    """

    def __init__(
        self,
        document: Document,
        lifeline: Lifeline = NO_LIFELINE,
        written: Collection[str] = (),
        runbooks: RunbookIndex | None = None,
        learnt: Learnt | None = None,
    ):
        self._register = current()
        self._runbooks = runbooks
        self.learnt = None if document.classifier is False else learnt
        self.lifeline = lifeline
        self._written = frozenset(written)
        self.max_restarts_per_hour = 3 if document.max_restarts_per_hour is None else document.max_restarts_per_hour
        self.rules = tuple(_with_replaced(rule, self._register) for rule in document.rules if rule.enabled)
        self.never = document.never
        self._never_names = frozenset(document.never.services)
        self.widened = Widened(document.requests.modules)  # what a person's own playbook may use beyond the table
        self.users = frozenset(document.requests.users)  # as whom such a playbook may log in
        self.max_risk = document.requests.max_risk or Risk.HIGH  # of what is asked for in words
        self._own_playbooks = OwnPlaybooks(self._register, self.is_lifeline)
        self._cues = document.cue_words()
        self._names = document.name_words()
        check_names(self.rules, self._cues.names, frozenset(self._names.listed))

    @classmethod
    def load(
        cls,
        path: Path | None,
        lifeline: Lifeline = NO_LIFELINE,
        runbooks: RunbookIndex | None = None,
        *,
        learnt: bool = True,
    ) -> Policy:
        """The shipped policy, with the file at `path` over it if there is one, and `runbooks`, else the shipped ones.
        `learnt` false: the rules alone, as `classifier: false` in the file. Raises BadPolicy."""
        base, chosen = _shipped(), shipped_classifiers() if learnt else None
        known = shipped_index() if runbooks is None else runbooks
        if path is None:
            return cls(base, lifeline, runbooks=known, learnt=chosen)
        text = ConfigDocument.at(path, BadPolicy)
        own = policy_in(text)
        try:
            policy = cls(whole := merged(base, own), lifeline, {rule.name for rule in own.rules}, known, chosen)
            check_own(own, base, whole)
            return policy
        except BadPolicy as error:
            line = text.line(error.where) if error.where else rule_lines(text).get(error.rule)
            raise BadPolicy(f"{path}{f':{line}' if line else ''}: {error}", error.rule) from None

    @classmethod
    def from_text(cls, text: str) -> Policy:
        """A whole policy out of YAML, without the shipped one under it. Raises BadPolicy."""
        document = read_policy(text, "policy")
        return cls(document, written={rule.name for rule in document.rules})

    def allows(self, event: HealthEvent, past: TrackRecord = NOTHING_KNOWN, untouchable: str = "") -> Allowed:
        """What `event` may lead to, after what was done to its target lately. `untouchable`: why nothing can be run on
        its host now, as a sentence; then people are told."""
        event, clues, facts, names = self._read(event)
        cues, known = self.cues_in(event), {fact.value for fact in facts} | names
        called = [name.lower() for name in clues.names if name != event.type]
        rule = unworded = self._rule_for(event, called, known | cues)
        if not cues <= known:
            unworded = self._rule_for(event, called, known)
        offer = Offer(rule, cues)
        if unworded is not rule:
            offer.narrow_to(unworded)
        else:
            offer.join(self._joining(rule, event))
        offer.drop_unmet(self._own_playbooks.refused(sorted(offer.actions)), PLAYBOOK)
        offer.drop_unmet(self._unmet(offer.actions, event))
        offer.heed(self._runbooks.match(clues) if self._runbooks else None, written=rule.name in self._written)
        seen = EventChances(self.learnt, event, known, clues) if self.learnt else None
        counts = offer.is_undecided or REDEPLOY in offer.actions
        likely = self._likely(event, known, seen, rule, unworded) if seen and counts else frozenset[str]()
        if seen and offer.is_undecided:
            offer.weigh(likely, seen)
        offer.hold_back(speaks_against(event, known))
        if untouchable:
            offer.take_away(frozenset(offer.actions) - MESSAGES, untouchable, HOST_FENCE)
        offered = [choice for choice in self._register.choices if choice.word in offer.actions - MESSAGES]
        if REDEPLOY in likely and Fact.OWN not in facts and may_be_a_container(event):
            facts |= {Fact.COMPOSE}  # made anew by most: then it is declared, and the inventory has to say where
        for words, sentence, fence in self._fences(offered, event, facts, past) if offered else ():
            offer.take_away(words, sentence, fence)
        by_others = event.trust is Trust.FOREIGN  # what somebody of the mesh saw, facts tell, and no words
        if seen and by_others and self._hears_others(rule):
            offer.doubt(seen)
        offer.stand_in(choice.word for choice in self._register.choices if choice.stands_in)
        return offer.allowed(event, past, self._register.choice_words)

    def features_of(self, event: HealthEvent) -> frozenset[str]:
        """What a classifier sees of it."""
        event, clues, facts, names = self._read(event)
        return features_of(event, {fact.value for fact in facts} | names, clues)

    def _read(self, event: HealthEvent) -> tuple[HealthEvent, Clues, frozenset[Fact], set[str]]:
        """As it counts, with what it is looked for by, its facts, and what its names say."""
        clues = clues_in(event)
        names = self._names.said_in(event, clues.names)
        event = without_another(event, names)
        return event, clues, with_sighting(facts_for(event), event), names

    def cues_in(self, event: HealthEvent) -> set[str]:
        """The cues whose words count in it: none of those that speak of a cause which is over."""
        payload = {key: value for key, value in set_aside(event).payload.items() if key != CAUSES_OVER}
        itself = {name for _, name in names_in_event(event)} if has_own_network(event) else ()
        heard = self._cues.heard_in(payload, itself)
        if CONFIGURATION in heard and (past := lines_of_the_past(event)):
            heard = self._cues.heard_in(payload, itself, past)
        return heard and heard - cues_of_the_past(event)

    def names_in(self, event: HealthEvent) -> set[str]:
        """What its names say: those of its type, its alert, its rule."""
        return self._names.said_in(event, clues_in(event).names)

    def words_of_names(self, kind: str, event: HealthEvent) -> tuple[str, ...]:
        """By which of its listed words this kind is heard in the names of the event."""
        return self._names.words_saying(kind, event)

    def refused_playbooks(self) -> dict[str, str]:
        """Of a person's own remedies and recipes those that may not run, by name, with why; MAX_JUDGED are judged."""
        return self._own_playbooks.refused(sorted(self._register.own)[:MAX_JUDGED])

    def permits(self, action: str, event: HealthEvent) -> bool:
        """May this action be run for this event? For whoever checks a proposal again before it runs."""
        return action in self.allows(event).actions

    def is_protected(self, service: str | None, node: str) -> bool:
        """Is restart or redeploy of this service, or on this node, never offered?"""
        return node.lower() in self.never.nodes or self.is_lifeline(service or "")

    def is_lifeline(self, name: str) -> bool:
        """Does the mesh, or the way in to repair it, depend on the unit, program or container of this name?"""
        return self._is_never(short_name(name))

    def protected_in_look(self, facts: Mapping[str, Any], *hosts: str) -> str:
        """What is protected of that which a look saw (`TargetState.facts`), whatever it is called; '' if nothing.

        `hosts` are the names and addresses of the node that was looked at.
        """
        found = next((said for said, name in names_in_look(facts) if self._is_never(name)), "")
        return found or next((port for one in containers_in(facts) if (port := self._port(one, *hosts))), "")

    def protected_in_event(self, event: HealthEvent) -> str:
        """What is on the never list: the node, the service, or what the event says that it is; '' if nothing."""
        if self.is_protected(event.service, event.node):
            return event.service or event.node
        found = next((said for said, name in names_in_event(event) if self._is_never(name)), "")
        found = found or next((said for said, name in projects_in_event(event) if self._fits_never(name)), "")
        found = found or self._port(event.payload, event.node)
        return found and f"{event.service or event.node} ({found})"

    def _kept_from(self, target: Mapping[str, Any], node: str) -> str:
        """Why this may not be touched (one of Choice.targets), in words that go on from its name; '' where it may."""
        found = next((said for said, name in names_in_part(target) if self._is_never(name)), "")
        found = found or next((said for said, name in projects_in_part(target) if self._fits_never(name)), "")
        if found := found or self._port(target, node):
            return f"{found}, which is on the never list: the mesh or its access depends on it"
        labels = target.get("labels")
        if isinstance(labels, Mapping) and restart_forbidden(labels):
            return f"{target.get('container')}, whose owner's label forbids automatic restarts"
        return ""

    def _port(self, part: Mapping[str, Any], *hosts: str) -> str:
        return next((f"port {port}" for port in ports_in(part) if self.lifeline.is_at(port, *hosts)), "")

    def _is_never(self, name: str) -> bool:
        template = name.partition("@")[0]  # an instance of a template unit is what the template is
        return bool({name, template} & self._never_names) or self._fits_never(name) or self.lifeline.is_name(name)

    def _fits_never(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.never.patterns)

    def _joining(self, rule: PolicyRule, event: HealthEvent) -> tuple[str, ...]:
        """A person's own remedies that fit, behind what a shipped rule allows: it cannot know them.

        A rule that a person wrote means what it says, and where there is nothing to mend nothing joins.
        """
        if rule.name in self._written or IGNORE.word in rule.allow:
            return ()
        own = (choice for choice in self._register.choices if choice.word in self._register.own)
        return tuple(c.word for c in own if c.word not in rule.allow and not c.unmet(event))

    def _may_learn(self, rule: PolicyRule, known: Collection[str]) -> bool:
        """May what others chose change what this rule says? Not where something is known that a restart breaks, or
        that mends itself, and silence comes from the rule alone."""
        return self._hears_others(rule) and IGNORE.word not in rule.allow and _HOLDS.isdisjoint(known)

    def _hears_others(self, rule: PolicyRule) -> bool:
        """May what others chose take away what it offers? Not what a person wrote."""
        return rule.classifier and rule.name not in self._written

    def _likely(
        self,
        event: HealthEvent,
        known: Collection[str],
        seen: EventChances,
        rule: PolicyRule,
        unworded: PolicyRule,
    ) -> frozenset[str]:
        """What fields say that people choose, of what this event gives enough for. Where words of the event took away
        what `unworded` prefers, people may have read such words as well."""
        if not (self._may_learn(rule, known) and self._may_learn(unworded, known)):
            return frozenset()
        likely = seen.likely
        return likely - self._unmet(likely, event).keys()

    def _unmet(self, words: Collection[str], event: HealthEvent) -> dict[str, str]:
        """Which of them the event does not give what they need, and why."""
        unmet = {c.word: said for c in self._register.choices if c.word in words and (said := c.unmet(event))}
        return unmet | {word: why for word, why in self._register.unusable.items() if word in words}

    def _rule_for(self, event: HealthEvent, called: Sequence[str], known: set[str]) -> PolicyRule:
        return next((rule for rule in self.rules if _fits(rule.when, event, called, known)), UNKNOWN)

    def _fences(
        self, offered: Sequence[Choice], event: HealthEvent, facts: frozenset[Fact], past: TrackRecord
    ) -> list[tuple[frozenset[str], str, str]]:
        """What is taken away of it, whatever a rule says: (choices, sentence, name of the fence)."""
        interrupting = _words(choice for choice in offered if choice.interrupts)
        found: list[tuple[frozenset[str], str, str]] = []
        if facts & {Fact.WHOLE_NODE, Fact.BAD_NAME}:
            alone = (choice for choice in offered if choice.interrupts and choice.targets is nothing_else)
            nameless = _words(choice for choice in alone if not choice.whole_node)
            found.append((nameless, "no service is named that could be restarted", "no-service"))
        whole = _words(choice for choice in offered if choice.whole_node)
        if where := self.lifeline.on_host(event.node):
            found.append((whole, f"the mesh needs {where}, which is on {event.node}", "never"))
        if what := self.protected_in_event(event):
            sentence = f"{what} is on the never list: the mesh or its access depends on it"
            found.append((interrupting, sentence, "never"))
        if stopped := cannot_be_started(event, facts):
            found.append((interrupting, stopped, SIGHTING))
        if Fact.OPTED_OUT in facts:
            found.append((interrupting, "its owner's label forbids automatic restarts", "label"))
        for choice in offered:
            for target in choice.targets(event) if choice.interrupts else ():
                if said := self._kept_from(target, event.node):
                    found.append((_words([choice]), f"{choice.word} would touch {said}", "never"))
        for choice in offered:
            for condition in choice.conditions:
                if (condition.fact in facts) is not condition.must_hold:
                    found.append((_words([choice]), condition.sentence, condition.fence))
        for choice in offered:
            times = past.begun.get(choice.word, 0)
            if choice.per_hour is not None and times >= choice.per_hour:
                sentence = f"{choice.word} began {times} times here within the hour, its limit is {choice.per_hour}"
                found.append((_words([choice]), sentence, "per-hour"))
        if past.restarts >= self.max_restarts_per_hour:
            limit = self.max_restarts_per_hour
            sentence = f"repaired {past.restarts} times within the hour already, the limit is {limit}"
            found.append((_words(choice for choice in offered if choice.loop_guarded), sentence, "loop-guard"))
        return found


def _with_replaced(rule: PolicyRule, register: Register) -> PolicyRule:
    """Where it names a shipped remedy, the own one that stands in its place."""
    instead = register.replaced
    if instead.keys().isdisjoint(rule.allow):
        return rule
    allow = tuple(dict.fromkeys(instead.get(word, word) for word in rule.allow))
    return rule.model_copy(update={"allow": allow, "prefer": instead.get(rule.prefer, rule.prefer)})


@cache
def _shipped() -> Document:
    """The same object each time: reading it takes 0.05 s, and an operator's file is read over it again and again."""
    text = resources.files("mesh_core.policy").joinpath("default_policy.yml").read_text(encoding="utf-8")
    return read_policy(text, "default_policy.yml")


def _words(choices: Iterable[Choice]) -> frozenset[str]:
    return frozenset(choice.word for choice in choices)


def _fits(when: When, event: HealthEvent, called: Sequence[str], known: set[str]) -> bool:
    """`called`: what its sender calls it, in lower case. Patterns are asked last: most rules do not come so far."""
    if when.any and known.isdisjoint(when.any):
        return False
    if not (known.issuperset(when.all) and known.isdisjoint(when.none)):
        return False
    if when.severities and event.severity not in when.severities:
        return False
    if when.types and not _joined(when.types).match(event.type):
        return False
    if when.alerts and not any(map(_joined(when.alerts, lower=True).match, called)):
        return False
    if when.services and not (event.service and _joined(when.services, lower=True).match(event.service.lower())):
        return False
    return not when.nodes or _joined(when.nodes, lower=True).match(event.node.lower()) is not None


@lru_cache(maxsize=4096)
def _joined(patterns: tuple[str, ...], *, lower: bool = False) -> re.Pattern[str]:
    """Fits where one of them does. Compiled when the first event comes so far, for every policy."""
    return re.compile("|".join(translate(pattern.lower() if lower else pattern) for pattern in patterns))
