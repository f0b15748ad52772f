"""Which service of a compose project, or of a swarm, a container is: by the labels that an exporter copies, or by its
name. Pure.

A node agent calls it `project.service`, and a task by its swarm's service, whatever container it has just now.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_SWARM_LABEL = re.compile(r".*com_docker_swarm_service_name")
_TASK = re.compile(r"/?(.+)\.(?:[0-9]+|[0-9a-z]{25})\.[0-9a-z]{25}")  # service, slot or node, task
_LABEL = re.compile(r".*(?:com_docker|io_podman)_compose_(project|service|oneoff)")


def compose_in_labels(labels: Mapping[str, str]) -> tuple[str, str] | None:
    """(project, service), as cAdvisor writes the engine's labels: `container_label_com_docker_compose_project`."""
    found: dict[str, str] = {}
    for key, value in labels.items():
        if value and (label := _LABEL.fullmatch(_folded(key))):
            found[label[1]] = value
    if found.pop("oneoff", "").lower() == "true" or len(found) != 2:
        return None
    return found["project"], found["service"]


def compose_by_name(container: str, known: Iterable[str]) -> tuple[str, str] | None:
    """(project, service) of the one known `project.service` that would call its containers so; None for none."""
    body = re.fullmatch(
        r"(?:[0-9a-f]{12}_)?(.+)[-_][0-9]+", container
    )  # an old compose puts an id before what it replaces
    claims = [name.partition(".")[::2] for name in known if "." in name] if body else []
    fits = [claim for claim in claims if body and body[1] in ("-".join(claim), "_".join(claim))]
    return fits[0] if len(fits) == 1 else None


def swarm_service(container: str, labels: Mapping[str, str]) -> str:
    """The service of a swarm's task; '' where it is none."""
    said = next((value for key, value in labels.items() if value and _SWARM_LABEL.fullmatch(_folded(key))), "")
    task = _TASK.fullmatch(container)
    return said or (task[1] if task else "")


def _folded(key: str) -> str:
    return re.sub(r"[^a-z]", "_", key.lower())
