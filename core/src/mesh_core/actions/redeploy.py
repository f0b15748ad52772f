"""Make the containers of one compose service anew from their declaration, which only the inventory can name."""

from __future__ import annotations

from mesh_core.actions.action_type import ActionType, Choice, FactCondition
from mesh_core.actions.compose_projects import (
    containers_made_anew,
    folder_known,
    is_wide,
    left_without,
    made_anew,
    missing_folder,
    of_service,
)
from mesh_core.actions.container_state import read_look
from mesh_core.actions.playbooks import PlaybookSet, play, target_of
from mesh_core.models.proposals import Proposal, Risk

_CHOICE = Choice(
    "redeploy",
    "create it again from its declaration; it is missing or not as declared",
    interrupts=True,
    stands_in=True,
    conditions=(FactCondition("compose", True, "no-compose", "no compose project is known to redeploy from"),),
)


def _playbooks(proposal: Proposal) -> PlaybookSet:
    node, service = target_of(proposal)
    event = proposal.event
    found = of_service(event, node, service)
    anew = made_anew(event, "{{ mend_compose_pull | default('missing') }}")
    return PlaybookSet(
        apply=play(f"Redeploy {service} on {node}", node, found.variables, folder_known(event, node, service), anew),
        look=found.look(node, service),
        converge=found.started(node, service),
    )


def _touches(proposal: Proposal) -> str:
    return f"makes {containers_made_anew(proposal)} anew and starts what was stopped too{left_without(proposal)}"


ACTION = ActionType(
    name="redeploy",
    risk=Risk.GUARDED,
    choice=_CHOICE,
    playbooks=_playbooks,
    read_look=read_look,
    touches=_touches,
    is_wide=is_wide,
    missing=missing_folder,
)
