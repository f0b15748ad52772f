"""Reasons: how the reason of a proposal is told to people, with whose words they are. Pure; judges nothing.

The rules' reason is ours. A model's is somebody else's text that a log may have shaped: named, bounded, in quotes.
"""

from __future__ import annotations

from mesh_core.incidents.event_types import EventType
from mesh_core.models.proposals import NO_MODEL, ModelRef, Proposal

MAX_MODEL_REASON = 240  # characters; a model is asked for 200
MAX_MODEL_NAME = 60
_MARKS = str.maketrans(dict.fromkeys('"“”„«»', "'"))


def is_a_models(proposal: Proposal) -> bool:
    """Did a model choose it, or write its tasks, rather than the rules or a person?"""
    return proposal.model.provider not in NO_MODEL


def told_reason(proposal: Proposal) -> str:
    """One line: the rules' reason as it is, a model's as `model NAME says: "..."`, and what the rules would have chosen
    instead. What was asked for in words says in our own who asked and who wrote it."""
    if proposal.event.type == EventType.PLAYBOOK_REQUESTED:
        return proposal.reason
    said, rules = quoted(proposal.reason, proposal.model, proposal.edited_by), proposal.rules_choice
    if rules is None or proposal.preview_of is not None:
        return said
    return f"{said}; the rules would have chosen {rules.action.replace('_', ' ')}, because {rules.reason}"


def quoted(reason: str, model: ModelRef, edited_by: str | None = None) -> str:
    """The same for a reason of which no proposal came."""
    if model.provider in NO_MODEL:
        return reason
    who = f"model {_bounded(model.name, MAX_MODEL_NAME)}"
    if edited_by:
        who += f", edited by {_bounded(edited_by, MAX_MODEL_NAME)},"
    return f'{who} says: "{_bounded(reason, MAX_MODEL_REASON)}"'


def _bounded(text: str, limit: int) -> str:
    """Without a mark that would end the quotation early."""
    line = " ".join(text.translate(_MARKS).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
