"""Ask a host, in check mode, what a proposal would change there. Changes nothing; only a person asks for it.

What it runs are the playbooks of the proposal that it is of: its file carries all that these are made of, so what was
approved is what runs.
"""

from __future__ import annotations

from mesh_core.actions.action_type import ActionType
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.models.proposals import Proposal, Risk


def _playbooks(proposal: Proposal) -> PlaybookSet:
    raise ValueError("a preview says in preview_of which proposal it is of, and this one does not")


ACTION = ActionType(
    name="preview",
    risk=Risk.LOW,
    choice=None,
    playbooks=_playbooks,
    only_asks=True,
    longest_seconds=120,  # somebody waits for it, and it holds one of the executor's places
    next_step="the executor asks in check mode what would change on",
)
