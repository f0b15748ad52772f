"""A proposal as a person changed it: judged as the executor will judge it. Pure; files nothing, asks nobody."""

from __future__ import annotations

import hashlib

from mesh_core.actions.playbooks import playbook_for
from mesh_core.models.parsing import read_proposal
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, Action, Playbook, Proposal, ProposalType
from mesh_core.models.strict_json import Refusal
from mesh_core.policy.playbook_lint import lint_playbook
from mesh_core.policy.policy import Policy, proposal_type_for, risk_for

KEPT = ("id", "schema_version", "node", "service", "event", "requires_human", "created_at", "attempt", "model")


class NotAcceptable(ValueError):
    """What was edited cannot be filed; the text says what to change. It may hold text from the edited file."""


def edited_proposal(old: Proposal, raw: bytes, user: str, policy: Policy) -> Proposal:
    """The new proposal out of the edited bytes. NotAcceptable, with what to change, when the executor would refuse it.

    Type, risk and the playbook's sha256 follow from the rest: who changes `restart` to `notify` need not know them.
    """
    edited = read_proposal(raw, MAX_PROPOSAL_BYTES)
    if isinstance(edited, Refusal):
        raise NotAcceptable(f"this is no proposal: {edited.reason}")
    for field in KEPT:
        if getattr(edited, field) != getattr(old, field):
            raise NotAcceptable(f"{field} cannot be changed: it says which proposal this is and what it is about")
    changed: dict[str, object] = {"edited_by": user}
    if isinstance(edited.action, Action):
        kind = proposal_type_for(edited.action, edited.event)
        if kind is None:
            raise NotAcceptable("the action ignore runs nothing; reject the proposal instead")
        if not policy.permits(edited.action, edited.event):
            allowed = policy.allows(edited.event)
            may = ", ".join(sorted(a.value for a in allowed.actions))
            raise NotAcceptable(
                f"the policy does not allow {edited.action} for this event ({allowed.reason}); it allows {may}"
            )
        changed |= {"type": kind, "risk_level": risk_for(kind), "playbook": None}
    else:
        changed |= _own_playbook(edited, policy)
    proposal = edited.model_copy(update=changed)
    try:
        playbook_for(proposal)
    except ValueError as error:
        raise NotAcceptable(f"nothing could be run for it: {error}") from None
    if len(proposal.wire()) > MAX_PROPOSAL_BYTES:
        raise NotAcceptable(f"it is larger than {MAX_PROPOSAL_BYTES} bytes")
    return proposal


def _own_playbook(edited: Proposal, policy: Policy) -> dict[str, object]:
    """A person's own playbook: every sha256 in it written anew, then judged as the executor judges it."""
    if edited.playbook is None:
        raise NotAcceptable("the action playbook needs a playbook: {name, sha256, text, attachments}")
    playbook = _hashed_anew(edited.playbook)
    if wrong := lint_playbook(playbook, edited.node, policy.widened).sentence:
        raise NotAcceptable(f"its playbook may not run: {wrong}")
    kind = ProposalType.PLAYBOOK
    return {"type": kind, "risk_level": risk_for(kind), "playbook": playbook}


def _hashed_anew(playbook: Playbook) -> Playbook:
    """Where an attachment was changed, its tasks name it by its new sha256."""
    text, attachments = playbook.text, []
    for one in playbook.attachments:
        sha256 = _sha256(one.text)
        text = text.replace(f"files/{one.sha256}", f"files/{sha256}")
        attachments.append(one.model_copy(update={"sha256": sha256}))
    changed = {"text": text, "sha256": _sha256(text), "attachments": tuple(attachments)}
    return playbook.model_copy(update=changed)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
