"""Restart the containers of a service. Makes none anew, whatever drifted."""

from __future__ import annotations

from mesh_core.actions.action_type import ActionType
from mesh_core.actions.choices import RESTART
from mesh_core.actions.containers import NEVER_RECREATE, by_event, read_look
from mesh_core.actions.playbooks import PlaybookSet, play, target_of
from mesh_core.models.events import HealthEvent, Runtime
from mesh_core.models.proposals import Proposal, Risk


def _fits(event: HealthEvent) -> bool:
    """An event that names no runtime means a container (the contract's default)."""
    return event.runtime in (None, Runtime.DOCKER)


def _playbooks(proposal: Proposal) -> PlaybookSet:
    node, service = target_of(proposal)
    found = by_event(proposal.event, node, service)
    options = {"name": "{{ item }}", "state": "started", "restart": True, **NEVER_RECREATE}
    restart = {"name": "Restart it", "community.docker.docker_container": options, "loop": found.ids}
    return PlaybookSet(
        apply=play(f"Restart {service} on {node}", node, found.variables, found.find, found.there, restart),
        look=found.look(node, service),
        converge=found.started(node, service),
    )


ACTION = ActionType(
    name="container_restart",
    risk=Risk.LOW,
    choice=RESTART,
    fits=_fits,
    playbooks=_playbooks,
    read_look=read_look,
)
