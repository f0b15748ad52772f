"""Did it get worse since somebody was told of it? How much a trouble weighs, and the comparison. Pure.

What weighs more passes every cooldown, every open proposal and every earlier decision about its subject. What was told
only ever grows while the trouble lasts, so two senders that disagree about it cannot take turns.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from mesh_core.actions.choices import IGNORE, NOTIFY
from mesh_core.actions.register import risk_of_choice
from mesh_core.incidents.event_types import DOES_NOT_ANSWER, DOES_NOT_RUN
from mesh_core.incidents.severities import rank
from mesh_core.models.events import HealthEvent, Severity
from mesh_core.models.proposals import Proposal, Risk
from mesh_core.policy.event_facts.facts import Fact, facts_for


class Weight(NamedTuple):
    """The worst that was told of a subject: the rank of its severity, how far it is down, how much was proposed for it,
    how much policy would have done by itself, of which type the last of it was, and with which event it was told.

    `host_stood_against`: more would have been proposed if anything could be run on its host, and that may change.
    """

    severity: int
    down: int
    proposed: int
    preferred: int
    type: str
    event_id: str
    host_stood_against: bool = False

    def wire(self) -> bytes:
        return json.dumps(self).encode()

    @classmethod
    def read(cls, raw: bytes) -> Weight | None:
        """None where nothing was told, or not in this form."""
        try:
            return cls(*json.loads(raw)) if raw else None
        except (ValueError, TypeError):
            return None

    def and_then(self, other: Weight) -> Weight:
        """The worst of both, told with `other`."""
        return other._replace(
            severity=max(self.severity, other.severity),
            down=max(self.down, other.down),
            proposed=max(self.proposed, other.proposed),
            preferred=max(self.preferred, other.preferred),
        )


def weight_of(event: HealthEvent, proposed: str, preferred: str) -> Weight:
    """Of trouble for which that choice was made, where policy preferred the other."""
    return Weight(
        rank(event.severity), _down(event), _measure(proposed), _measure(preferred), event.type, event.id or ""
    )


def weight_of_proposal(proposal: Proposal) -> Weight:
    """As far as its file tells."""
    return weight_of(proposal.event, proposal.action, proposal.action)


def as_bad_as(event: HealthEvent) -> Weight:
    """Of trouble that is in hand, while nobody knows yet what will be proposed for it."""
    least = _measure(NOTIFY.word)
    return Weight(rank(event.severity), 0, least, least, event.type, event.id or "")


def may_be_worse(event: HealthEvent, reported: Weight | None) -> bool:
    """Is it worth asking policy? Not for a plain repeat, of which there may be thousands."""
    if reported is None or rank(event.severity) > reported.severity or event.type != reported.type:
        return True
    if reported.host_stood_against:
        return True
    # Ignored for a reason that may be gone: a first look only, a node that had just come up.
    return reported.preferred == 0 and event.severity is not Severity.INFO


def is_worse(event: HealthEvent, preferred: str, reported: Weight) -> bool:
    """A worse severity; down where it was only ill; more to be done than ever before; or another type, for which more
    is to be done than was proposed (a model may have chosen less than policy)."""
    measure = _measure(preferred)
    return (
        rank(event.severity) > reported.severity
        or _down(event) > reported.down
        or measure > reported.preferred
        or (event.type != reported.type and measure > reported.proposed)
    )


def _down(event: HealthEvent) -> int:
    """0: it says nothing of that; 1: it runs, and does not answer as it should; 2: it does not run."""
    if event.type in DOES_NOT_RUN or facts_for(event) & {Fact.DOWN, Fact.GONE}:
        return 2
    return 1 if event.type in DOES_NOT_ANSWER else 0


def _measure(choice: str) -> int:
    """What it risks, over nothing (0) and a message (1): one remedy instead of another of its risk is nothing worse."""
    if choice in (IGNORE.word, NOTIFY.word):
        return int(choice == NOTIFY.word)
    risk = risk_of_choice(choice)  # a word that is no choice is a person's own playbook
    return 2 + (len(Risk) if risk is None else risk.rank)
