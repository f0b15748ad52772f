"""A proposal file's bytes to a Proposal, or the reason why not. Pure; nothing is trusted yet.

Two doors: what is to run or be edited must be of a type that there is; what only lies there (shown, counted, ended) may
be of a remedy that a person took away since.
"""

from __future__ import annotations

from mesh_core.actions.register import current, why_gone
from mesh_core.models.parsing import read_record
from mesh_core.models.proposals import Proposal
from mesh_core.models.strict_json import Refusal


def read_filed(raw: bytes, max_bytes: int) -> Proposal | Refusal:
    """A proposal file's bytes, strictly, of whatever type."""
    return read_record(raw, Proposal, max_bytes)


def read_proposal(raw: bytes, max_bytes: int) -> Proposal | Refusal:
    """The same, of a type and an action that are registered."""
    proposal = read_filed(raw, max_bytes)
    if isinstance(proposal, Refusal):
        return proposal
    register = current()
    for part, said in (("", proposal), ("preview_of.", proposal.preview_of)):
        if said is None:
            continue
        if gone := why_gone(said.type):
            return Refusal(f"{part}type: {gone}; it should be one of {', '.join(register.type_names)}")
        if said.action not in register.proposal_actions:
            return Refusal(f"{part}action: it should be one of {', '.join(register.proposal_actions)}")
    return proposal
