"""A person's own playbook, which travels inside its proposal: exactly those bytes run. No model may answer it."""

from __future__ import annotations

from mesh_core.actions.action_type import ActionType
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.models.proposals import Proposal, Risk


def _playbooks(proposal: Proposal) -> PlaybookSet:
    if proposal.playbook is None:
        raise ValueError("a proposal of type playbook carries no playbook")
    files = {f"files/{one.sha256}": one.text for one in proposal.playbook.attachments}
    return PlaybookSet(proposal.playbook.text, "", "", files=files)


def _touches(proposal: Proposal) -> str:
    return f"runs every task of the playbook on {proposal.node}"


ACTION = ActionType(
    name="playbook",
    risk=Risk.HIGH,  # of a person's own; what was asked for in words is judged by its tasks (policy/playbook_risk.py)
    choice=None,
    touches=_touches,
    playbooks=_playbooks,
    next_step="the executor runs its playbook, then once more in check mode, which must change nothing, on",
)
