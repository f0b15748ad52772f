"""A service of a compose project, made anew from its declaration: in which folder that lies only the inventory can say.

Shared by the types that make containers anew. Pure; runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.actions.containers import (
    ContainerQuery,
    by_labels,
    compose_claim,
    compose_of,
    in_network_of,
    replicas_of,
)
from mesh_core.actions.playbooks import Task, UnsafeText, must_hold
from mesh_core.models.events import HealthEvent
from mesh_core.models.owner_labels import labels_in, stop_timeout_in
from mesh_core.models.proposals import Proposal


def declared_in(event: HealthEvent) -> tuple[str, str] | None:
    """(project, service): as for a restart, or in the labels of an engine's event about this service."""
    for labels in labels_in(event.payload):
        service = labels.get("com.docker.compose.service", event.service)
        claim = compose_claim(labels.get("com.docker.compose.project"), service)
        if claim and event.service in (claim[1], f"{claim[0]}.{claim[1]}"):
            return claim
    return compose_of(event)


def of_service(event: HealthEvent, node: str, service: str) -> ContainerQuery:
    """Its containers; where the event names no project that we may believe, only the inventory can name it."""
    if compose := declared_in(event):
        return by_labels(node, compose[0], compose[1], UnsafeText(compose[0]))
    project = "{{ (mend_compose_projects | default({})).get(mend_compose_service, '') }}"
    return by_labels(node, f"of {service}", service, project)


def folder_known(event: HealthEvent, node: str, service: str) -> Task:
    """Fails where the inventory does not say where the project lies."""
    return must_hold(
        "The folder of the project is known",
        "mend_project in (mend_compose_dirs | default({}))",
        _unknown_folder(node, *_needed(event, service)),
    )


def made_anew(event: HealthEvent, pull: str) -> Task:
    """All containers of the service anew, and of no other: only what was approved is touched."""
    options: Task = {
        "project_src": "{{ mend_compose_dirs[mend_project] }}",
        "project_name": "{{ mend_project }}",
        "services": ["{{ mend_compose_service }}"],
        "state": "present",
        "recreate": "always",
        "dependencies": False,
        "pull": pull,
    }
    if asked := stop_timeout_in(event.payload):
        options["timeout"] = asked.seconds  # else compose's own stop_grace_period
    return {"name": "Make its containers anew", "community.docker.docker_compose_v2": options}


def containers_made_anew(proposal: Proposal) -> str:
    """`2 containers (w1, w2) of shop.web on n1`."""
    said = "every container"
    if names := replicas_of(proposal.event):
        said = f"{len(names)} container{'s' if len(names) > 1 else ''} ({', '.join(names)})"
    return f"{said} of {proposal.service} on {proposal.node}"


def left_without(proposal: Proposal) -> str:
    """What lives in the network of what is made anew; '' for nothing."""
    beside = in_network_of(proposal.event)
    return f"; {', '.join(beside)} in its network will be without one until made anew too" if beside else ""


def is_wide(proposal: Proposal) -> bool:
    """Are there several containers of the service, or does nobody say how many?"""
    return len(replicas_of(proposal.event)) != 1


def missing_folder(proposal: Proposal, variables: Mapping[str, Any]) -> str:
    """A sentence where the inventory does not say where its project lies: what cannot be read may name it."""
    known = True
    if declared := declared_in(proposal.event):
        project: object = declared[0]
    else:
        known = _says(variables, "mend_compose_projects", proposal.service)
        projects = variables.get("mend_compose_projects")
        project = projects.get(proposal.service) if isinstance(projects, Mapping) else None
    known = known and _says(variables, "mend_compose_dirs", project)
    return "" if known else _unknown_folder(proposal.node, *_needed(proposal.event, proposal.service or ""))


def _says(variables: Mapping[str, Any], name: str, key: object) -> bool:
    value = variables.get(name)
    return name in variables and (key is None or not isinstance(value, Mapping) or key in value)


def _needed(event: HealthEvent, service: str) -> tuple[str, str]:
    """(the project, as people read it; what the inventory has to say of it)"""
    if compose := declared_in(event):
        return compose[0], f"mend_compose_dirs with {compose[0]} and its folder"
    return f"of {service}", f"mend_compose_projects {{{service}: PROJECT}} and mend_compose_dirs"


def _unknown_folder(node: str, project: str, needed: str) -> str:
    return (
        f"The inventory does not say where the compose project {project} lies on {node}: "
        f"add {needed} to the variables of {node} in config/inventory.yml."
    )
