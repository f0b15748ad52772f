"""The containers of a service: which are meant, how a playbook finds them, looks at them and keeps them started.

Shared by the types that deal with containers. Pure; asks no engine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mesh_core.actions.playbooks import LOOK_TASK, Task, UnsafeText, must_hold, play
from mesh_core.models.events import HealthEvent
from mesh_core.models.records import is_name

_COMPOSE_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
_COMPOSE_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

# Without `comparisons` a container whose settings drifted from the defaults would be made anew (and its data lost).
NEVER_RECREATE: Task = {"comparisons": {"*": "ignore"}, "recreate": False, "pull": "never"}


MAX_NAMED = 32  # containers that an event may name as meant; a node agent names no more

# In the engine's words. Ended by 0 or by one of the signals of a stop: somebody's will, as far as can be seen.
_NOT_STOPPED = r"Up |Restarting|Paused|Exited .(?!(0|137|143).)"


@dataclass(frozen=True)
class ContainerQuery:
    """`find` are the tasks that find them, `ids` an expression of their ids, `there` fails where there is none.

    `beside` finds those that live in the network of these and go with them, `beside_ids` likewise; '' where none do.
    """

    variables: Task
    find: tuple[Task, ...]
    ids: str
    there: Task
    beside: tuple[Task, ...] = ()
    beside_ids: str = ""

    def look(self, node: str, service: str) -> str:
        """The look playbook."""
        if "community.docker.docker_container_info" in self.find[0] and len(self.find) == 1 and not self.beside:
            # Finding one by its name says all of it.
            tasks = [{**{key: value for key, value in self.find[0].items() if key != "register"}, "name": LOOK_TASK}]
        else:
            tasks = [*self.find, *self.beside, {**inspect_each(self._all_ids), "name": LOOK_TASK}]
        return play(f"Look at {service} on {node}", node, self.variables, *tasks)

    def started(self, node: str, service: str) -> str:
        """The second look after a restart or a redeploy: the wished state, which must change nothing."""
        keep = {"name": "{{ item }}", "state": "started", **NEVER_RECREATE}
        started: Task = {
            "name": "It is started",
            "community.docker.docker_container": keep,
            "loop": f"{{{{ {self._all_ids} }}}}",
        }
        tasks = (*self.find, *self.beside, self.there, started)
        return play(f"{service} on {node} is started", node, self.variables, *tasks)

    @property
    def _all_ids(self) -> str:
        return f"{self.ids} + {self.beside_ids}" if self.beside else self.ids


def inspect_each(ids: str) -> Task:
    """All that the engine says of each container of an expression of ids."""
    ask: Task = {"community.docker.docker_container_info": {"name": "{{ item }}"}}
    return {"name": "", **ask, "loop": f"{{{{ {ids} }}}}"}


def compose_of(event: HealthEvent) -> tuple[str, str] | None:
    """(project, service) if the event's service is one of a compose project: `service == "<project>.<service>"`."""
    said = event.payload.get("compose")
    if isinstance(said, dict) and (claim := compose_claim(said.get("project"), said.get("service"))):
        return claim if event.service == f"{claim[0]}.{claim[1]}" else None
    return None


def may_be_of_compose(event: HealthEvent) -> tuple[str, str] | None:
    """(project, service) that somebody may have meant who typed `project.service` and told nothing else of it."""
    project, dot, service = (event.service or "").partition(".")
    return compose_claim(project, service) if dot and "compose" not in event.payload else None


def compose_claim(project: object, service: object) -> tuple[str, str] | None:
    """Both, if both are names that compose itself would take."""
    if not isinstance(project, str) or not isinstance(service, str):
        return None
    return (project, service) if _COMPOSE_PROJECT.fullmatch(project) and _COMPOSE_SERVICE.fullmatch(service) else None


def named_in(event: HealthEvent) -> tuple[str, ...]:
    """The containers that the event is about, by name; none where it names none of its service.

    A compose service may have several: then the event says which is sick, or which are up behind an address that is.
    Its compose labels are asked for beside the names, so an event leads to no container but those of its service.
    """
    if not compose_of(event):
        return (event.service,) if event.service else ()
    name = event.payload.get("container")
    return (name,) if isinstance(name, str) and is_name(name) else _names(event.payload.get("containers"))


def in_network_of(event: HealthEvent) -> tuple[str, ...]:
    """Those that live in the network of a container that the event names: with it they lose it, without it they stay
    without. What a run touches of them is what the engine says lives there, so nobody is drawn in by a name."""
    names = _names(event.payload.get("in_its_network"))
    return tuple(name for name in names if name not in named_in(event))


def replicas_of(event: HealthEvent) -> tuple[str, ...]:
    """Every container of its compose service, as far as the event says, stopped ones too."""
    return _names(event.payload.get("replicas")) if compose_of(event) else ()


def _names(listed: object) -> tuple[str, ...]:
    """Names that a list of foreign text holds, at most MAX_NAMED, each once; none of it where one is no name."""
    if not isinstance(listed, list) or not all(isinstance(name, str) and is_name(name) for name in listed):
        return ()
    return tuple(dict.fromkeys(listed))[:MAX_NAMED]


def by_event(event: HealthEvent, node: str, service: str) -> ContainerQuery:
    """By the container's name, or by the compose labels that the event tells of, and its names among those; with
    those in their network."""
    if compose := compose_of(event):
        project, name = compose
        found = by_labels(node, project, name, UnsafeText(project), named_in(event))
    else:
        found = _by_name(node, service, "found")
        if claim := may_be_of_compose(event):
            found = _by_either(_by_name(node, service, "named"), by_labels(node, *claim, UnsafeText(claim[0])))
    return _with_network(found, in_network_of(event))


def _by_name(node: str, service: str, register: str) -> ContainerQuery:
    find: Task = {
        "name": "Find the container",
        "community.docker.docker_container_info": {"name": "{{ mend_container }}"},
        "register": register,
    }
    message = f"There is no container named {service} on {node}: nothing was restarted, nothing was made."
    return ContainerQuery(
        variables={"mend_container": UnsafeText(service)},
        find=(find,),
        ids=f"([{register}.container.Id] if {register}.exists else [])",
        there=must_hold("It is there", f"{register}.exists", message),
    )


def _by_either(named: ContainerQuery, of_service: ContainerQuery) -> ContainerQuery:
    """The container of that very name; where there is none, those of the compose service that is called so."""
    ids = f"({named.ids} or {of_service.ids})"
    message = (
        "There is no such container, and no compose service of this name: nothing was restarted, nothing was made."
    )
    return ContainerQuery(
        variables={**named.variables, **of_service.variables},
        find=(*named.find, *of_service.find),
        ids=ids,
        there=must_hold("It is there", f"{ids} | length > 0", message),
    )


def _with_network(found: ContainerQuery, names: Sequence[str]) -> ContainerQuery:
    """Of these names only what the engine says lives in their network, and what nobody stopped."""
    if not names:
        return found
    ask = _containers("Find those that live in its network", {"name": ["{{ mend_beside }}"]}, "beside")
    ask["community.docker.docker_host_info"]["verbose_output"] = True  # or it leaves out which network
    networks = f"('container:' ~ ({found.ids} | join(' container:'))) | split(' ')"
    living = f"selectattr('HostConfig.NetworkMode', 'in', {networks})"
    return replace(
        found,
        variables={**found.variables, "mend_beside": _one_of(names)},
        beside=(ask,),
        beside_ids=(
            f"(beside.containers | selectattr('Status', 'match', '{_NOT_STOPPED}') | {living}"
            " | map(attribute='Id') | list)"
        ),
    )


OTHERS = "mend_others"  # the names of with_others(), as an expression


def with_others(found: ContainerQuery, node: str, names: Sequence[str]) -> ContainerQuery:
    """These too, by their own names and in this order; not `there` where one of them is gone."""
    ids = f"{found.ids} + {found.beside_ids}" if found.beside else found.ids
    ask = _containers("Find the others", {"name": ["{{ mend_named_others }}"]}, "others")
    own = found.there["ansible.builtin.assert"]
    message = f"{own['fail_msg']} Or one of these is gone from {node}: {', '.join(names)}."
    named: Task = {OTHERS: [UnsafeText(name) for name in names], "mend_named_others": _one_of(names)}
    return ContainerQuery(
        variables={**found.variables, **named},
        find=(*found.find, *found.beside, ask),
        ids=f"({ids} + {OTHERS})",
        there=must_hold(
            "All are there", f"{own['that'][0]} and others.containers | length == {OTHERS} | length", message
        ),
    )


def by_labels(
    node: str, project: str, name: str, project_value: object, containers: Sequence[str] = ()
) -> ContainerQuery:
    """Those of a service of a compose project: its name for people, and the value that Ansible gets.

    `containers`: none but these. One is meant whatever its state. Of several, and of all, those that were made by
    `run` are not, and those that somebody stopped stay as they are; only where no other is there are they meant.
    """
    labels = ["com.docker.compose.project={{ mend_project }}", "com.docker.compose.service={{ mend_compose_service }}"]
    variables: Task = {"mend_project": project_value, "mend_compose_service": UnsafeText(name)}
    of_service = f"of the service {name} of the compose project {project} on {node}"
    filters: Task = {"label": labels}
    if containers:
        variables["mend_named"] = _one_of(containers)
        filters["name"] = ["{{ mend_named }}"]
    if len(containers) == 1:
        message = f"There is no container {containers[0]} {of_service}: nothing was restarted, nothing was made."
        return ContainerQuery(
            variables=variables,
            find=(_containers("Find the container", filters, "found"),),
            ids="(found.containers | map(attribute='Id') | list)",
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
            _containers("Find the containers by their compose labels", filters, "found"),
            _containers("Find those that were made by run", {"label": by_run}, "apart"),
        ),
        ids=f"(({not_stopped}) or ({every}))",
        there=must_hold("It is there", f"({every}) | length > 0", message),
    )


def _one_of(names: Sequence[str]) -> UnsafeText:
    """As a pattern for the engine: a dot would be any letter. Docker's names begin with a slash, podman's do not."""
    escaped = [re.escape(name) for name in names]
    return UnsafeText(f"^/?{escaped[0]}$" if len(escaped) == 1 else f"^/?({'|'.join(escaped)})$")


def _containers(title: str, filters: Task, register: str) -> Task:
    ask: Task = {"containers": True, "containers_all": True, "containers_filters": filters}
    return {"name": title, "community.docker.docker_host_info": ask, "register": register}
