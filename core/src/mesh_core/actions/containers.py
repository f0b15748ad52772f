"""The containers of a service: how a playbook finds them, looks at them and keeps them started, and what a look says.

Shared by the types that deal with containers. Pure; asks no engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mesh_core.actions.playbooks import LOOK_TASK, Task, UnsafeText, must_hold, play
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Proposal
from mesh_core.models.records import is_name

_COMPOSE_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
_COMPOSE_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

# Without `comparisons` a container whose settings drifted from the defaults would be made anew (and its data lost).
NEVER_RECREATE: Task = {"comparisons": {"*": "ignore"}, "recreate": False, "pull": "never"}


@dataclass(frozen=True)
class ContainerQuery:
    """`find` are the tasks that find them, `ids` a template of their ids, `there` fails where there is none."""

    variables: Task
    find: tuple[Task, ...]
    ids: str
    there: Task

    def look(self, node: str, service: str) -> str:
        """The look playbook."""
        inspect: Task = {"name": LOOK_TASK, "community.docker.docker_container_info": {"name": "{{ item }}"}}
        if "community.docker.docker_container_info" in self.find[0]:  # finding one by its name says all of it
            tasks = [{**{key: value for key, value in self.find[0].items() if key != "register"}, "name": LOOK_TASK}]
        else:
            tasks = [*self.find, {**inspect, "loop": self.ids}]
        return play(f"Look at {service} on {node}", node, self.variables, *tasks)

    def started(self, node: str, service: str) -> str:
        """The second look after a restart or a redeploy: the wished state, which must change nothing."""
        keep = {"name": "{{ item }}", "state": "started", **NEVER_RECREATE}
        started: Task = {"name": "It is started", "community.docker.docker_container": keep, "loop": self.ids}
        return play(f"{service} on {node} is started", node, self.variables, *self.find, self.there, started)


def compose_of(event: HealthEvent) -> tuple[str, str] | None:
    """(project, service) if the event's service is one of a compose project: `service == "<project>.<service>"`."""
    said = event.payload.get("compose")
    if isinstance(said, dict) and (claim := compose_claim(said.get("project"), said.get("service"))):
        return claim if event.service == f"{claim[0]}.{claim[1]}" else None
    return None


def engine_attributes(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the Docker engine's own event holds of its container, labels among it; None if it is no such event."""
    actor = payload.get("Actor")
    attributes = actor.get("Attributes") if isinstance(actor, dict) else None
    return attributes if isinstance(attributes, dict) else None


def compose_claim(project: object, service: object) -> tuple[str, str] | None:
    """Both, if both are names that compose itself would take."""
    if not isinstance(project, str) or not isinstance(service, str):
        return None
    return (project, service) if _COMPOSE_PROJECT.fullmatch(project) and _COMPOSE_SERVICE.fullmatch(service) else None


def container_of(event: HealthEvent) -> str | None:
    """The one container that the event is about, by its name; None where it names none of its service.

    A compose service may have several: then the event says which is sick. Its compose labels are asked for beside the
    name, so that an event leads to no container but those of its service.
    """
    if not compose_of(event):
        return event.service
    name = event.payload.get("container")
    return name if isinstance(name, str) and is_name(name) else None


def by_event(event: HealthEvent, node: str, service: str) -> ContainerQuery:
    """By the container's name, or by the compose labels that the event tells of, and its name among those."""
    if compose := compose_of(event):
        project, name = compose
        return by_labels(node, project, name, UnsafeText(project), container_of(event))
    find: Task = {
        "name": "Find the container",
        "community.docker.docker_container_info": {"name": "{{ mend_container }}"},
        "register": "found",
    }
    message = f"There is no container named {service} on {node}: nothing was restarted, nothing was made."
    return ContainerQuery(
        variables={"mend_container": UnsafeText(service)},
        find=(find,),
        ids="{{ [found.container.Id] }}",
        there=must_hold("It is there", "found.exists", message),
    )


def by_labels(
    node: str, project: str, name: str, project_value: object, container: str | None = None
) -> ContainerQuery:
    """Those of a service of a compose project: its name for people, and the value that Ansible gets.

    `container`: that one alone. Else all but those that were made by `run` and those that somebody stopped, which stay
    as they are; only where no other is there are they meant.
    """
    labels = ["com.docker.compose.project={{ mend_project }}", "com.docker.compose.service={{ mend_compose_service }}"]
    variables: Task = {"mend_project": project_value, "mend_compose_service": UnsafeText(name)}
    of_service = f"of the service {name} of the compose project {project} on {node}"
    if container:
        message = f"There is no container {container} {of_service}: nothing was restarted, nothing was made."
        return ContainerQuery(
            # The engine takes a pattern: a dot would be any letter. Docker's names begin with a slash, podman's do not.
            variables={**variables, "mend_named": UnsafeText(f"^/?{re.escape(container)}$")},
            find=(_containers("Find the container", {"label": labels, "name": ["{{ mend_named }}"]}, "found"),),
            ids="{{ found.containers | map(attribute='Id') | list }}",
            there=must_hold("It is there", "found.containers | length > 0", message),
        )
    # Podman's compose has no label that says that a container was made by `run`: it cannot be asked for by its value.
    by_run = [*labels, "com.docker.compose.oneoff=True"]
    rest = "map(attribute='Id') | difference(apart.containers | map(attribute='Id') | list) | list"
    every = f"found.containers | {rest}"
    not_stopped = f"found.containers | selectattr('Status', 'match', '{_NOT_STOPPED}') | {rest}"
    message = f"There is no container {of_service}: nothing was restarted, nothing was made."
    return ContainerQuery(
        variables=variables,
        find=(
            _containers("Find the containers by their compose labels", {"label": labels}, "found"),
            _containers("Find those that were made by run", {"label": by_run}, "apart"),
        ),
        ids=f"{{{{ ({not_stopped}) or ({every}) }}}}",
        there=must_hold("It is there", f"({every}) | length > 0", message),
    )


# In the engine's words. Ended by 0 or by one of the signals of a stop: somebody's will, as far as can be seen.
_NOT_STOPPED = r"Up |Restarting|Paused|Exited .(?!(0|137|143).)"


def _containers(title: str, filters: Task, register: str) -> Task:
    ask: Task = {"containers": True, "containers_all": True, "containers_filters": filters}
    return {"name": title, "community.docker.docker_host_info": ask, "register": register}


def read_look(proposal: Proposal, result: Mapping[str, Any]) -> TargetState:
    """What the look playbook answered: one container by its name, or each of a compose service."""
    if result.get("skipped"):  # none was found to look at
        return read_containers([])
    parts = result["results"] if isinstance(result.get("results"), list) else [result]
    if not all("exists" in part for part in parts):  # the runner drops a result of more than 700,000 characters
        return TargetState.seen(TargetStatus.UNKNOWN, "could not look: the answer was too long")
    return read_containers([part["container"] for part in parts if part["exists"]])


def read_containers(inspected: list[dict[str, Any]]) -> TargetState:
    """From what the engine says of each container of the service; the worst one counts."""
    if not inspected:
        return TargetState.seen(TargetStatus.UNHEALTHY, "there is no such container", exists=False)
    each = [_facts(container) for container in inspected]
    healths = [_health(facts) for facts in each]
    worst = next((h for h in (TargetStatus.UNHEALTHY, TargetStatus.UNKNOWN) if h in healths), TargetStatus.HEALTHY)
    return TargetState.seen(
        worst,
        "; ".join(f"{facts['name']} {_in_words(facts)}" for facts in each),
        exists=True,
        restarts=sum(facts["restart_count"] for facts in each),
        incarnation=" ".join(sorted(f"{facts['id']}@{facts['started_at']}" for facts in each)),
        start_period_seconds=max(facts["start_period_seconds"] for facts in each),
        checked=all(facts["health"] is not None for facts in each),
        containers=each,
    )


def _facts(container: dict[str, Any]) -> dict[str, Any]:
    state, config = container.get("State") or {}, container.get("Config") or {}
    check = config.get("Healthcheck") or {}
    health = (state.get("Health") or {}).get("Status")
    probes = int(check.get("Retries") or 3) + 1
    labels = config.get("Labels") or {}
    return {
        "id": str(container.get("Id") or "")[:12],
        "name": str(container.get("Name") or "").lstrip("/"),
        "image": str(config.get("Image") or ""),
        "ports": _published(container),
        "compose": {part: str(labels.get(f"com.docker.compose.{part}") or "") for part in ("project", "service")},
        "status": str(state.get("Status") or "unknown"),
        "exit_code": int(state.get("ExitCode") or 0),
        "oom_killed": bool(state.get("OOMKilled")),
        "restart_count": int(container.get("RestartCount") or 0),
        "started_at": str(state.get("StartedAt") or ""),
        "health": health if health not in (None, "", "none") else None,
        # How long it may take until the engine itself knows: its start period, then a full round of probes.
        "start_period_seconds": 0.0
        if health in (None, "", "none")
        else (int(check.get("StartPeriod") or 0) + probes * int(check.get("Interval") or 30_000_000_000)) / 1e9,
    }


def _published(container: dict[str, Any]) -> list[int]:
    """The ports of its host on which it answers, whether it runs or not."""
    bindings = (container.get("HostConfig") or {}).get("PortBindings") or {}
    said = [str((one or {}).get("HostPort") or "") for each in bindings.values() for one in each or ()]
    return sorted({int(port) for port in said if port.isdecimal()})


def _health(facts: dict[str, Any]) -> TargetStatus:
    if facts["status"] == "created":
        return TargetStatus.UNKNOWN
    if facts["status"] != "running" or facts["health"] == "unhealthy":
        return TargetStatus.UNHEALTHY
    return TargetStatus.UNKNOWN if facts["health"] == "starting" else TargetStatus.HEALTHY


def _in_words(facts: dict[str, Any]) -> str:
    words = facts["status"]
    if facts["status"] == "exited":
        words += f" ({facts['exit_code']}{', out of memory' if facts['oom_killed'] else ''})"
    if facts["health"]:
        words += f", health {facts['health']}"
    return f"{words}, restarted {facts['restart_count']} times by itself" if facts["restart_count"] else str(words)
