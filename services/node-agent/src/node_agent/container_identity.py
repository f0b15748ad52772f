"""Who a container is, whatever its id: its compose project and service, else its name. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mesh_core.models.events import Runtime


@dataclass(frozen=True, slots=True)
class Identity:
    key: str
    service: str
    container: str
    compose: dict[str, str] | None = None


def identity_for(names: list[str], labels: dict[str, str]) -> Identity:
    """Who a container is, whatever its id: compose project and service, else its name."""
    container = next((n for n in names if n.count("/") <= 1), names[0] if names else "").removeprefix("/")
    project, service = labels.get("com.docker.compose.project"), labels.get("com.docker.compose.service")
    if project and service:
        number = labels.get("com.docker.compose.container-number", "1")
        key = f"docker:{project}.{service}" + ("" if number in ("", "1") else f"#{number}")
        return Identity(key, f"{project}.{service}", container, {"project": project, "service": service})
    return Identity(f"docker:/{container}", container, container)


def identity_in_event(event: dict[str, Any]) -> Identity:
    """An event's attributes hold the container's name and its labels side by side."""
    attributes = {str(k): str(v) for k, v in (event.get("Actor", {}).get("Attributes") or {}).items()}
    return identity_for(["/" + attributes.get("name", "")], attributes)


def container_facts(identity: Identity, row: dict[str, Any]) -> dict[str, Any]:
    """What every event about it says; `row` is the engine's long or short form of it."""
    facts: dict[str, Any] = {"runtime": Runtime.DOCKER.value, "container": identity.container}
    if row.get("Id"):
        facts["container_id"] = str(row["Id"])[:12]
    if row.get("Image"):
        facts["image"] = row["Image"]
    if identity.compose:
        facts["compose"] = identity.compose
    return facts
