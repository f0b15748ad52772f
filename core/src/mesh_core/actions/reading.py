"""A proposal file's bytes to a Proposal whose words we know, or the reason why not. Pure; nothing is trusted yet."""

from __future__ import annotations

from mesh_core.actions.register import PROPOSAL_ACTIONS, TYPE_NAMES
from mesh_core.models.parsing import read_record
from mesh_core.models.proposals import Proposal
from mesh_core.models.strict_json import Refusal


def read_proposal(raw: bytes, max_bytes: int) -> Proposal | Refusal:
    """A proposal file's bytes, strictly: the record's form, and a type and an action that are registered."""
    proposal = read_record(raw, Proposal, max_bytes)
    if isinstance(proposal, Refusal):
        return proposal
    if proposal.type not in TYPE_NAMES:
        return Refusal(f"type: it should be one of {', '.join(TYPE_NAMES)}")
    if proposal.action not in PROPOSAL_ACTIONS:
        return Refusal(f"action: it should be one of {', '.join(PROPOSAL_ACTIONS)}")
    return proposal
