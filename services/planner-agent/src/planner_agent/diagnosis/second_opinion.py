"""A second opinion: when another model is asked as well, and which of the two answers counts. Pure; asks nobody.

Only of models that may choose: any other says what the rules say.
"""

from __future__ import annotations

from mesh_core.actions.choices import NOTIFY
from mesh_core.actions.register import risk_of_choice
from mesh_core.approvals.reasons import quoted
from mesh_core.llm.rules_fallback import Answered
from mesh_core.models.attempts import NOT_SURE, ModelAnswer
from mesh_core.models.proposals import Evidence
from mesh_core.policy.policy import Allowed
from mesh_core.security.redaction import redacted

ASKED_WITHIN_SECONDS = 10.0  # a first answer that took longer leaves no time for a second
SOURCE = "another model"


def is_wanted(answer: ModelAnswer, allowed: Allowed) -> bool:
    """Is it not sure, or against what is documented for certain?"""
    if answer.action == NOT_SURE:
        return True
    match = allowed.runbook
    if match is None or not match.is_certain:
        return False
    helps = allowed.actions.intersection(match.runbook.helps)
    return answer.action in match.runbook.useless or (bool(helps) and answer.action not in helps)


def settled(
    first: Answered[ModelAnswer], second: Answered[ModelAnswer], allowed: Allowed
) -> tuple[Answered[ModelAnswer], Answered[ModelAnswer]]:
    """(the one that counts, the other): the more careful of the two. Where the first is not sure, the second counts if
    it chooses what the rules prefer: then it is no guess."""
    if first.answer.action == NOT_SURE:
        counts = second.answer.action == allowed.preferred
    else:
        counts = _risk(second.answer) < _risk(first.answer)
    return (second, first) if counts else (first, second)


def as_evidence(other: Answered[ModelAnswer]) -> Evidence:
    """What the other one said, for the card."""
    word = other.answer.action.replace("_", " ")
    return Evidence(source=SOURCE, text=redacted(f"chose {word}; {quoted(other.answer.reason, other.model)}"))


def _risk(answer: ModelAnswer) -> int:
    """The less, the more careful; least is what touches nothing."""
    risk = risk_of_choice(answer.action)
    return -1 if answer.action in (NOT_SURE, NOTIFY.word) or risk is None else risk.rank
