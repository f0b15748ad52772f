"""Who a container is, whatever its id: its compose project and service, its swarm task, else its name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh_core.models.events import Runtime
from node_agent.containers.container_labels import owners_labels

# podman-compose writes some of its labels in Docker's words only, some in its own only.
_COMPOSE = ("com.docker.compose.", "io.podman.compose.")
_SWARM_SERVICE, _SWARM_TASK = "com.docker.swarm.service.name", "com.docker.swarm.task.name"

MAX_PORTS = 32
UP = ("running", "restarting", "paused")  # states of what has not ended


@dataclass(frozen=True, slots=True)
class Identity:
    """`labels` are what its owner says to the mesh; they are no part of who it is."""

    key: str
    service: str
    container: str
    compose: dict[str, str] | None = None
    swarm: dict[str, str] | None = None
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def is_bare(self) -> bool:
        """Is its own name all that says which service it is?"""
        return self.compose is None and self.swarm is None


def identity_for(names: list[str], labels: Mapping[str, str]) -> Identity:
    """Who a container is, whatever its id: what it was declared as, else its name."""
    container = next((n for n in names if n.count("/") <= 1), names[0] if names else "").removeprefix("/")
    ours = owners_labels(labels)
    project, service = _compose(labels, "project"), _compose(labels, "service")
    if project and service and not is_one_off(labels):
        number = _compose(labels, "container-number")
        key = f"docker:{project}.{service}" + ("" if number in ("", "1") else f"#{number}")
        compose = {"project": project, "service": service}
        return Identity(key, f"{project}.{service}", container, compose, labels=ours)
    if service := labels.get(_SWARM_SERVICE, ""):
        # `<service>.<slot>.<task id>`: each try at a task is a container of its own.
        slot = labels.get(_SWARM_TASK, "").removeprefix(f"{service}.").partition(".")[0]
        swarm = {"service": service, "slot": slot}
        return Identity(f"docker:swarm/{service}#{slot}", service, container, swarm=swarm, labels=ours)
    return Identity(f"docker:/{container}", container, container, labels=ours)


def identity_in_event(event: dict[str, Any]) -> Identity:
    """An event's attributes hold the container's name and its labels side by side."""
    attributes = {str(k): str(v) for k, v in (event.get("Actor", {}).get("Attributes") or {}).items()}
    return identity_for(["/" + attributes.get("name", "")], attributes)


def is_one_off(labels: Mapping[str, str]) -> bool:
    """Is it a `compose run`? Its end is for whoever waits for it."""
    return _compose(labels, "oneoff").lower() == "true"


def one_each(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the engine's short forms the one that counts for each identity: what runs, the sick first, else the newest.

    A swarm keeps the ends of a task's earlier lives, and who replaces a container may leave the old one beside it. Of
    several that run under one number (two colours of a service) none hides that another is sick.
    """
    chosen: dict[str, dict[str, Any]] = {}
    for row in rows:
        key = identity_for(row.get("Names") or [], row.get("Labels") or {}).key
        if key not in chosen or _rank(row) > _rank(chosen[key]):
            chosen[key] = row
    return list(chosen.values())


def _rank(row: dict[str, Any]) -> tuple[bool, bool, int]:
    created, state = row.get("Created"), row.get("State")
    sick = state == "restarting" or "(unhealthy)" in str(row.get("Status"))
    return state in UP, sick, created if isinstance(created, int) else 0


def container_facts(identity: Identity, row: dict[str, Any]) -> dict[str, Any]:
    """What every event about it says; `row` is the engine's long or short form of it."""
    facts: dict[str, Any] = {"runtime": Runtime.DOCKER.value, "container": identity.container}
    if row.get("Id"):
        facts["container_id"] = str(row["Id"])[:12]
    if row.get("Image"):
        facts["image"] = row["Image"]
    if identity.compose:
        facts["compose"] = identity.compose
    if identity.swarm:
        facts["swarm"] = identity.swarm
    if identity.labels:
        facts["labels"] = identity.labels
    if ports := published_ports(row):
        facts["ports"] = ports
    return facts


def published_ports(row: dict[str, Any]) -> list[int]:
    """The ports of its host on which it answers, at most MAX_PORTS: what it is, whatever its name says."""
    bindings = (row.get("HostConfig") or {}).get("PortBindings") or {}
    said = [(one or {}).get("HostPort") for each in bindings.values() for one in each or ()]
    said += [one.get("PublicPort") for one in row.get("Ports") or () if isinstance(one, dict)]
    return sorted({int(port) for port in map(str, said) if port.isdecimal()})[:MAX_PORTS]


def _compose(labels: Mapping[str, str], name: str) -> str:
    return next((labels[prefix + name] for prefix in _COMPOSE if labels.get(prefix + name)), "")
