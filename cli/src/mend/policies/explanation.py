"""Why a policy says what it says of one event: rule, facts, words, names, runbook, trace, what was held back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mend.policies.heard_fields import fields_saying
from mesh_core.actions.choices import NOTIFY
from mesh_core.incidents.at_work import why_held
from mesh_core.incidents.event_types import RECOVERIES
from mesh_core.incidents.rule import is_benign
from mesh_core.models.events import HealthEvent
from mesh_core.policy.classifier.classifier import BOTH, NO_HARM
from mesh_core.policy.classifier.value_words import every_word
from mesh_core.policy.event_facts.facts import facts_for
from mesh_core.policy.offer import CLASSIFIER, DOUBT
from mesh_core.policy.policy import Allowed, Policy
from mesh_core.policy.track_record import NOTHING_KNOWN, TrackRecord
from mesh_core.runbooks.wording import heading

ASKED, RECOVERY, BENIGN = "asked", "recovery", "benign"


@dataclass(frozen=True)
class HeldBack:
    """A choice that was offered on the way and is not in the end, and by whom it was taken away."""

    choice: str
    by: str
    why: str


@dataclass(frozen=True)
class HeardName:
    """By which of its words a kind of names was heard, and in which fields."""

    words: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """`route`: is the policy asked about such an event at all? `facts`, `cues`, `names`: with the fields that
    say them. `weighed`: where the classifier chose, how much each feature that it knows spoke for that rather than for
    a notification, what weighed most first; where a restart or a redeploy was doubted, how much each spoke for harm."""

    event: HealthEvent
    allowed: Allowed
    route: str
    facts: Mapping[str, tuple[str, ...]]
    cues: Mapping[str, tuple[str, ...]]
    names: Mapping[str, HeardName]
    held_back: tuple[HeldBack, ...] = field(default=())
    weighed: Mapping[str, float] = field(default_factory=dict)

    @property
    def fitted(self) -> str:
        """The rule that fitted; `none` where no rule knows the event."""
        return self.allowed.trace[0].name

    def as_json(self) -> dict[str, Any]:
        event, allowed = self.event, self.allowed
        match = allowed.runbook
        return {
            "event": {name: getattr(event, name) for name in ("id", "type", "node", "service", "severity")},
            "route": self.route,
            "waits_for": why_held(self.event),
            "rule": self.fitted,
            "facts": {word: list(said) for word, said in self.facts.items()},
            "cues": {word: list(said) for word, said in self.cues.items()},
            "names": {kind: {"words": list(one.words), "fields": list(one.fields)} for kind, one in self.names.items()},
            "runbook": {"told": heading(match), "id": match.runbook.id, "certain": match.is_certain} if match else None,
            "trace": [vars(entry) for entry in allowed.trace],
            "held_back": [vars(one) for one in self.held_back],
            "weighed": {feature: round(weight, 3) for feature, weight in self.weighed.items()},
            "preferred": allowed.preferred,
            "decided_by": allowed.rule,
            "order": list(allowed.order),
            "reason": allowed.reason,
        }


def explain(
    event: HealthEvent, policy: Policy, past: TrackRecord = NOTHING_KNOWN, untouchable: str = ""
) -> Explanation:
    """What `policy` says of `event`, after what was done to its target lately. `untouchable`: why nothing can be run on
    its host."""
    allowed = policy.allows(event, past, untouchable)
    return Explanation(
        event=event,
        allowed=allowed,
        route=RECOVERY if event.type in RECOVERIES else BENIGN if is_benign(event) else ASKED,
        facts=fields_saying(event, facts_for),
        cues=fields_saying(event, policy.cues_in),
        names={
            kind: HeardName(policy.words_of_names(kind, event), fields)
            for kind, fields in fields_saying(event, policy.names_in).items()
        },
        held_back=tuple(_held_back(allowed)),
        weighed=_weighed(event, policy, allowed),
    )


def _held_back(allowed: Allowed) -> list[HeldBack]:
    taken = {word: entry for entry in allowed.trace for word in entry.removed if word not in allowed.actions}
    return [HeldBack(word, entry.name, entry.sentence) for word, entry in taken.items()]


def _weighed(event: HealthEvent, policy: Policy, allowed: Allowed) -> dict[str, float]:
    """Of what was chosen, what spoke for the choice; else of what was taken away because people called it harm, what
    spoke for harm."""
    if policy.learnt is None:
        return {}
    seen, entries = policy.features_of(event) | every_word(event), {entry.name: entry for entry in allowed.trace}
    chosen = entries.get(CLASSIFIER)
    if chosen and chosen.preferred != NOTIFY.word:
        return policy.learnt.choices.speaking(seen, chosen.preferred, NOTIFY.word)
    if DOUBT not in entries:
        return {}
    harms = policy.learnt.harms
    harm = max((*entries[DOUBT].removed, BOTH), key=harms.chances(seen).__getitem__)
    return harms.speaking(seen, harm, NO_HARM)
