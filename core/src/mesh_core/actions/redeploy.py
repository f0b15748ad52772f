"""Make the containers of one compose service anew from their declaration, which only the inventory can name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.actions.action_type import ActionType, Choice, FactCondition
from mesh_core.actions.container_state import read_look
from mesh_core.actions.containers import by_labels, compose_claim, compose_of, in_network_of, replicas_of
from mesh_core.actions.playbooks import PlaybookSet, Task, UnsafeText, must_hold, play, target_of
from mesh_core.models.events import HealthEvent
from mesh_core.models.owner_labels import labels_in, stop_timeout_in
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
    project, needed = _needed(proposal)
    if compose := _declared_in(proposal.event):
        found = by_labels(node, project, compose[1], UnsafeText(project))
    else:
        # The event names no project that we may believe: then only the operator's inventory can.
        found = by_labels(
            node, project, service, "{{ (mend_compose_projects | default({})).get(mend_compose_service, '') }}"
        )
    known = must_hold(
        "The folder of the project is known",
        "mend_project in (mend_compose_dirs | default({}))",
        _unknown_folder(node, project, needed),
    )
    anew: Task = {
        "name": "Make its containers anew",
        "community.docker.docker_compose_v2": {
            "project_src": "{{ mend_compose_dirs[mend_project] }}",
            "project_name": "{{ mend_project }}",
            "services": ["{{ mend_compose_service }}"],
            "state": "present",
            "recreate": "always",
            "dependencies": False,  # only what was approved is touched
            "pull": "{{ mend_compose_pull | default('missing') }}",
        },
    }
    if asked := stop_timeout_in(proposal.event.payload):
        anew["community.docker.docker_compose_v2"]["timeout"] = asked.seconds  # else compose's own stop_grace_period
    return PlaybookSet(
        apply=play(f"Redeploy {service} on {node}", node, found.variables, known, anew),
        look=found.look(node, service),
        converge=found.started(node, service),
    )


def _needed(proposal: Proposal) -> tuple[str, str]:
    """(the project, as people read it; what the inventory has to say of it)"""
    if compose := _declared_in(proposal.event):
        return compose[0], f"mend_compose_dirs with {compose[0]} and its folder"
    service = proposal.service
    return f"of {service}", f"mend_compose_projects {{{service}: PROJECT}} and mend_compose_dirs"


def _missing(proposal: Proposal, variables: Mapping[str, Any]) -> str:
    """The folder of its project: what is given but cannot be read may name it."""
    known = True
    if declared := _declared_in(proposal.event):
        project: object = declared[0]
    else:
        known = _says(variables, "mend_compose_projects", proposal.service)
        projects = variables.get("mend_compose_projects")
        project = projects.get(proposal.service) if isinstance(projects, Mapping) else None
    known = known and _says(variables, "mend_compose_dirs", project)
    return "" if known else _unknown_folder(proposal.node, *_needed(proposal))


def _says(variables: Mapping[str, Any], name: str, key: object) -> bool:
    value = variables.get(name)
    return name in variables and (key is None or not isinstance(value, Mapping) or key in value)


def _unknown_folder(node: str, project: str, needed: str) -> str:
    return (
        f"The inventory does not say where the compose project {project} lies on {node}: "
        f"add {needed} to the variables of {node} in config/inventory.yml."
    )


def _declared_in(event: HealthEvent) -> tuple[str, str] | None:
    """(project, service): as for a restart, or in the labels of an engine's event about this service."""
    for labels in labels_in(event.payload):
        service = labels.get("com.docker.compose.service", event.service)
        claim = compose_claim(labels.get("com.docker.compose.project"), service)
        if claim and event.service in (claim[1], f"{claim[0]}.{claim[1]}"):
            return claim
    return compose_of(event)


def _touches(proposal: Proposal) -> str:
    place, said = f"{proposal.service} on {proposal.node}", "every container"
    names, beside = replicas_of(proposal.event), in_network_of(proposal.event)
    if names:
        said = f"{len(names)} container{'s' if len(names) > 1 else ''} ({', '.join(names)})"
    left = f"; {', '.join(beside)} in its network will be without one until made anew too" if beside else ""
    return f"makes {said} of {place} anew and starts what was stopped too{left}"


def _is_wide(proposal: Proposal) -> bool:
    return len(replicas_of(proposal.event)) != 1


ACTION = ActionType(
    name="redeploy",
    risk=Risk.GUARDED,
    choice=_CHOICE,
    playbooks=_playbooks,
    read_look=read_look,
    touches=_touches,
    is_wide=_is_wide,
    missing=_missing,
)
