"""Tell people, and touch no host: always among what policy may fall back to."""

from __future__ import annotations

from mesh_core.actions.action_type import ActionType
from mesh_core.actions.choices import NOTIFY
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.models.proposals import Proposal, Risk


def _playbooks(proposal: Proposal) -> PlaybookSet:
    return PlaybookSet("", "", "")


ACTION = ActionType(
    name="notify",
    risk=Risk.LOW,
    choice=NOTIFY,
    playbooks=_playbooks,
    touches_host=False,
    effect="sends a notification to NOTIFY_URLS and touches no host",
    next_step="a notification goes out about",
)
