"""Grounding: is an answer of the right form also about this event, and plain prose? Pure; asks nobody.

The list of causes is deliberately short: those that small models were seen to make up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mesh_core.actions.choices import IGNORE
from mesh_core.models.attempts import NOT_SURE, ModelAnswer
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Evidence
from mesh_core.policy.policy import Allowed
from planner_agent.prompts.echoes import repeats


def ungrounded(
    answer: ModelAnswer,
    event: HealthEvent,
    allowed: Allowed,
    evidence: Sequence[Evidence],
    own: str,
    *,
    may_choose: bool = False,
) -> str:
    """Why the answer may not be believed, or '' if nothing speaks against it. `own`: the reason that it was shown.
    `may_choose`: this model has shown that it chooses better than the rules."""
    if answer.node != event.node:
        return f"node is {answer.node!r}, the event's is {event.node!r}"
    if answer.service != event.service:
        return f"service is {answer.service!r}, the event's is {event.service!r}"
    if answer.action not in offered_words(allowed, may_choose=may_choose):
        return f"{answer.action} is not allowed for this event: {allowed.reason}"
    if answer.action != allowed.preferred and not may_choose:
        # Each model can be talked into choosing, until it has shown that it cannot.
        return f"it chooses {answer.action}, and only the rules' own choice counts ({allowed.preferred})"
    if found := _NOT_PROSE.search(answer.reason):
        return f"the reason holds {found[0]!r}, which is no plain sentence"
    texts = [f"{piece.source}\n{piece.text}" for piece in evidence]
    if repeats(answer.reason, texts, (event.type, allowed.reason, own)):
        return "the reason repeats a sentence of the evidence"
    claimed = [cause for cause in _CAUSES if cause.claim.search(answer.reason)]
    if not claimed:
        return ""
    # `oom_killed: false` shows that there was none
    telling = (p for p in evidence if p.text.lower() not in ("false", "null", "none", "0", "no"))
    seen = "\n".join([event.type, allowed.reason, *(f"{piece.source} {piece.text}" for piece in telling)])
    made_up = next((cause for cause in claimed if not cause.shown.search(seen)), None)
    return f"the reason names {made_up.name} as the cause, and the evidence shows nothing of it" if made_up else ""


def offered_words(allowed: Allowed, *, may_choose: bool) -> tuple[str, ...]:
    """What a model may answer, the rules' own choice first. That nothing is wrong only a field says, never a model."""
    words = [word for word in allowed.order if word != IGNORE.word or allowed.preferred == IGNORE.word]
    return (*words, NOT_SURE) if may_choose else tuple(words)


# A reason is shown on terminals, cards and in chats. It never needs to be code, a link or a command.
_NOT_PROSE = re.compile(
    r"://|\bwww\.|\{\{|\{%|\$\(|\$\{|`|&&|\|\||\|\s{0,3}(?:sh|bash)\b|<\||<[a-z/!]"
    r"|\brm -|\bsudo |\bcurl |\bwget |!!python",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Cause:
    """`claim` is how a reason names it; `shown` is what the evidence must hold for that."""

    name: str
    claim: re.Pattern[str]
    shown: re.Pattern[str]


def _cause(name: str, claim: str, shown: str) -> _Cause:
    return _Cause(name, re.compile(claim, re.IGNORECASE), re.compile(shown, re.IGNORECASE))


_CAUSES = (
    _cause(
        "memory",
        r"\boom|out of memory|memory (?:leak|exhaust|pressure)|ran out of (?:memory|ram)",
        r"oom|memory|\b137\b|\bram\b",
    ),
    _cause(
        "disk space",
        r"disk (?:is )?full|(?:no|out of|low) (?:disk )?space|disk space|storage (?:is )?full",
        r"disk|space|enospc|errno 28|storage|filesystem|inode",
    ),
    _cause("certificate", r"certificate|\btls\b|\bssl\b|x509", r"cert|tls|ssl|x509|https"),
    _cause(
        "name resolution",
        r"\bdns\b|name resolution|resolve (?:the )?(?:host|domain)",
        r"dns|resol|eai_|enotfound|no such host|nxdomain|getaddrinfo",
    ),
    _cause("corruption", r"corrupt", r"corrupt|checksum|csum|malformed|invalid page|checkpoint"),
    _cause(
        "attack",
        r"\battack|hack(?:ed|er)|intrus|malware|breach|compromis|\bddos",
        r"attack|hack|intrus|malware|breach|compromis|ddos|unauthor",
    ),
    _cause(
        "hardware",
        r"hardware (?:fail|fault|error)|(?:disk|drive) fail|overheat|power (?:fail|outage|loss)",
        r"hardware|smart|i/o error|drive|disk|temperature|thermal|power|\bups\b|ecc|raid",
    ),
    _cause(
        "an update",
        r"after (?:an? |the )?(?:recent )?(?:update|upgrade|deploy)|recent (?:update|upgrade|deploy)",
        r"updat|upgrad|deploy|version|package",
    ),
)
