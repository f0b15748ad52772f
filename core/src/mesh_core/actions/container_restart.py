"""Restart the container that is sick; all of its service where the event does not say which. Makes none anew."""

from __future__ import annotations

from mesh_core.actions.action_type import ActionType
from mesh_core.actions.choices import RESTART
from mesh_core.actions.containers import NEVER_RECREATE, by_event, container_of, read_look
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
        apply=play(f"Restart {service} on {node}", node, found.variables, *found.find, found.there, restart),
        look=found.look(node, service),
        converge=found.started(node, service),
    )


def _touches(proposal: Proposal) -> str:
    name, place = container_of(proposal.event), f"on {proposal.node}"
    if name is None:
        return f"restarts every container of {proposal.service} {place} that nobody stopped: the event names none"
    return f"restarts 1 container {place}: {name}"


ACTION = ActionType(
    name="container_restart",
    risk=Risk.LOW,
    choice=RESTART,
    fits=_fits,
    playbooks=_playbooks,
    read_look=read_look,
    touches=_touches,
)
