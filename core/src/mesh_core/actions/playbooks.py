"""From an approved proposal to the playbooks that run: built as data, dumped as YAML. Pure; runs nothing, asks nobody.

Only two kinds of text from outside ever enter: node and service names that match the name pattern, and the bytes of
a playbook that a person reviewed. Nothing that a model or an event *says* becomes part of a playbook. Whatever
differs from host to host (where supervisorctl lies, which folder a compose project has) is a variable of the host in
config/inventory.yml, never of the event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from mesh_core.models.events import HealthEvent, Runtime
from mesh_core.models.proposals import Proposal, ProposalType
from mesh_core.models.records import is_name

APPLY_FILE, LOOK_FILE, CONVERGE_FILE = "apply.yml", "look.yml", "converge.yml"
LOOK_TASK = "look"  # the look is the result of the task of this name

_COMPOSE_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
_COMPOSE_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_HOSTS = frozenset({"all", "ungrouped"})  # Ansible's own groups: as `hosts:` they would mean everybody

_SYSTEMD_FACTS = (
    "LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,ExecMainPID,ActiveEnterTimestampMonotonic"
)

Task = dict[str, Any]


@dataclass(frozen=True)
class PlaybookSet:
    """YAML texts; '' where there is none (a notification has none at all, a person's own playbook only `apply`).

    `apply` changes the host, `look` only reads it, `converge` says the wished state and must change nothing.
    `files` are the attachments that `apply` names, by their path beside it: `files/<sha256>`.
    """

    apply: str
    look: str
    converge: str
    files: Mapping[str, str] = field(default_factory=dict)


def playbook_for(proposal: Proposal) -> PlaybookSet:
    """The playbooks of a proposal. ValueError (a sentence) where no honest playbook can be made of it."""
    return _MAKERS[proposal.type](proposal)


def compose_of(event: HealthEvent) -> tuple[str, str] | None:
    """(project, service) if the event's service is one of a compose project: `service == "<project>.<service>"`."""
    said = event.payload.get("compose")
    if isinstance(said, dict) and (claim := _compose_claim(said.get("project"), said.get("service"))):
        return claim if event.service == f"{claim[0]}.{claim[1]}" else None
    return None


def _declared_in(event: HealthEvent) -> tuple[str, str] | None:
    """Where a redeploy finds the declaration: as above, or in the labels of an engine's event about this service."""
    actor = event.payload.get("Actor")
    attributes = actor.get("Attributes") if isinstance(actor, dict) else None
    for labels in (event.payload.get("labels"), attributes):
        if isinstance(labels, dict):
            service = labels.get("com.docker.compose.service", event.service)
            claim = _compose_claim(labels.get("com.docker.compose.project"), service)
            if claim and event.service in (claim[1], f"{claim[0]}.{claim[1]}"):
                return claim
    return compose_of(event)


def _compose_claim(project: object, service: object) -> tuple[str, str] | None:
    if not isinstance(project, str) or not isinstance(service, str):
        return None
    return (project, service) if _COMPOSE_PROJECT.fullmatch(project) and _COMPOSE_SERVICE.fullmatch(service) else None


def _container_restart(proposal: Proposal) -> PlaybookSet:
    node, service = _names(proposal)
    variables, find, ids, missing = _containers(proposal.event, node, service)
    restart = {
        "name": "{{ item }}",
        "state": "started",
        "restart": True,
        **_NEVER_RECREATE,
    }
    return PlaybookSet(
        apply=_play(
            f"Restart {service} on {node}",
            node,
            variables,
            find,
            missing,
            {"name": "Restart it", "community.docker.docker_container": restart, "loop": ids},
        ),
        look=_play(f"Look at {service} on {node}", node, variables, *_container_look(find)),
        converge=_containers_started(node, service, variables, find, missing, ids),
    )


# Without `comparisons` a container whose settings drifted from the defaults would be made anew (and its data lost).
_NEVER_RECREATE: Task = {"comparisons": {"*": "ignore"}, "recreate": False, "pull": "never"}


def _containers_started(node: str, service: str, variables: Task, find: Task, missing: Task, ids: str) -> str:
    """The second look after a restart or a redeploy: the wished state, which must change nothing."""
    keep = {"name": "{{ item }}", "state": "started", **_NEVER_RECREATE}
    started: Task = {"name": "It is started", "community.docker.docker_container": keep, "loop": ids}
    return _play(f"{service} on {node} is started", node, variables, find, missing, started)


def _containers(event: HealthEvent, node: str, service: str) -> tuple[Task, Task, str, Task]:
    """(play variables, the task that finds the containers, their ids as a template, the task that fails without)."""
    compose = compose_of(event)
    if compose is None:
        variables: Task = {"mend_container": _Literal(service)}
        find: Task = {
            "name": "Find the container",
            "community.docker.docker_container_info": {"name": "{{ mend_container }}"},
            "register": "found",
        }
        ids = "{{ [found.container.Id] }}"
        there = "found.exists"
        message = f"There is no container named {service} on {node}: nothing was restarted, nothing was made."
        return variables, find, ids, _missing(there, message)
    project, name = compose
    return _compose_containers(node, project, name, _Literal(project))


def _compose_containers(node: str, project: str, name: str, project_value: object) -> tuple[Task, Task, str, Task]:
    """The same for a service of a compose project: its name for people, and the value that Ansible gets."""
    variables: Task = {"mend_project": project_value, "mend_compose_service": _Literal(name)}
    find: Task = {
        "name": "Find the containers by their compose labels",
        "community.docker.docker_host_info": {
            "containers": True,
            "containers_all": True,
            "containers_filters": {
                "label": [
                    "com.docker.compose.project={{ mend_project }}",
                    "com.docker.compose.service={{ mend_compose_service }}",
                    "com.docker.compose.oneoff=False",
                ]
            },
        },
        "register": "found",
    }
    message = (
        f"There is no container of the service {name} of the compose project {project} on {node}: "
        "nothing was restarted, nothing was made."
    )
    ids = "{{ found.containers | map(attribute='Id') | list }}"
    return variables, find, ids, _missing("found.containers | length > 0", message)


def _missing(there: str, message: str) -> Task:
    return {
        "name": "It is there",
        "ansible.builtin.assert": {"that": [there], "fail_msg": message, "quiet": True},
    }


def _container_look(find: Task) -> tuple[Task, ...]:
    if "community.docker.docker_container_info" in find:
        return ({**{key: value for key, value in find.items() if key != "register"}, "name": LOOK_TASK},)
    return (
        find,
        {
            "name": LOOK_TASK,
            "community.docker.docker_container_info": {"name": "{{ item }}"},
            "loop": "{{ found.containers | map(attribute='Id') | list }}",
        },
    )


def _service_restart(proposal: Proposal) -> PlaybookSet:
    node, service = _names(proposal)
    match proposal.event.runtime:
        case Runtime.SYSTEMD:
            return _systemd_restart(node, service)
        case Runtime.SUPERVISOR:
            return _supervisor_restart(node, service)
        case _:
            raise ValueError(
                "a service_restart needs payload.runtime systemd or supervisor in its event; "
                "a container is restarted with container_restart"
            )


def _systemd_restart(node: str, service: str) -> PlaybookSet:
    variables: Task = {"mend_unit": _Literal(service)}
    show = {
        "name": LOOK_TASK,
        "ansible.builtin.command": {
            "argv": ["systemctl", "show", "--no-pager", f"--property={_SYSTEMD_FACTS}", "--", "{{ mend_unit }}"]
        },
        "changed_when": False,
        "check_mode": False,
    }
    # A unit that failed too often refuses to start until it is forgiven; on a healthy unit this does nothing.
    forgive = {
        "name": "Forgive earlier failures",
        "ansible.builtin.command": {"argv": ["systemctl", "reset-failed", "--", "{{ mend_unit }}"]},
        "changed_when": False,
        "failed_when": False,
    }
    restart = {
        "name": "Restart it",
        "ansible.builtin.systemd_service": {"name": "{{ mend_unit }}", "state": "restarted"},
    }
    keep = {"name": "It is started", "ansible.builtin.systemd_service": {"name": "{{ mend_unit }}", "state": "started"}}
    return PlaybookSet(
        apply=_play(f"Restart {service} on {node}", node, variables, forgive, restart),
        look=_play(f"Look at {service} on {node}", node, variables, show),
        converge=_play(f"{service} on {node} is started", node, variables, keep),
    )


def _supervisor_restart(node: str, service: str) -> PlaybookSet:
    variables: Task = {
        "mend_program": _Literal(service),
        "mend_ctl": "{{ [mend_supervisorctl | default('supervisorctl')]"
        " + (['-c', mend_supervisor_conf] if mend_supervisor_conf is defined else []) }}",
    }
    # supervisorctl's exit codes differ from version to version; what it prints about the program does not.
    restart = {
        "name": "Restart it",
        "ansible.builtin.command": {"argv": "{{ mend_ctl + ['restart', mend_program] }}"},
        "register": "restarted",
        "changed_when": "(mend_program ~ ': started') in restarted.stdout_lines",
        "failed_when": False,
    }
    started = {
        "name": "Supervisor started it",
        "ansible.builtin.assert": {
            "that": ["(mend_program ~ ': started') in restarted.stdout_lines | default([])"],
            "fail_msg": f"supervisor on {node} did not start {service}: "
            "{{ restarted.stdout | default('', true) }} {{ restarted.stderr | default('', true) }}"
            "{{ restarted.msg | default('', true) }}",
            "quiet": True,
        },
    }
    status = {
        "name": LOOK_TASK,
        "ansible.builtin.command": {"argv": "{{ mend_ctl + ['status', mend_program] }}"},
        "register": "seen",
        "changed_when": False,
        "failed_when": False,
        "check_mode": False,
    }
    running = {
        "name": "It is started",
        "ansible.builtin.assert": {
            "that": ["seen.stdout is search('(STARTING|RUNNING)')"],
            "fail_msg": f"supervisor on {node} does not run {service}",
            "quiet": True,
        },
    }
    return PlaybookSet(
        apply=_play(f"Restart {service} on {node}", node, variables, restart, started),
        look=_play(f"Look at {service} on {node}", node, variables, status),
        converge=_play(f"{service} on {node} is started", node, variables, status, running),
    )


def _redeploy(proposal: Proposal) -> PlaybookSet:
    node, service = _names(proposal)
    compose = _declared_in(proposal.event)
    if compose is None:
        # The event names no project that we may believe: then only the operator's inventory can.
        project, needed = f"of {service}", f"mend_compose_projects {{{service}: PROJECT}} and mend_compose_dirs"
        variables, find, ids, missing = _compose_containers(
            node, project, service, "{{ (mend_compose_projects | default({})).get(mend_compose_service, '') }}"
        )
    else:
        project, needed = compose[0], f"mend_compose_dirs with {compose[0]} and its folder"
        variables, find, ids, missing = _compose_containers(node, project, compose[1], _Literal(project))
    known: Task = {
        "name": "The folder of the project is known",
        "ansible.builtin.assert": {
            "that": ["mend_project in (mend_compose_dirs | default({}))"],
            "fail_msg": f"The inventory does not say where the compose project {project} lies on {node}: "
            f"add {needed} to the variables of {node} in config/inventory.yml.",
            "quiet": True,
        },
    }
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
    return PlaybookSet(
        apply=_play(f"Redeploy {service} on {node}", node, variables, known, anew),
        look=_play(f"Look at {service} on {node}", node, variables, *_container_look(find)),
        converge=_containers_started(node, service, variables, find, missing, ids),
    )


def _notify(proposal: Proposal) -> PlaybookSet:
    return PlaybookSet("", "", "")


def _reviewed(proposal: Proposal) -> PlaybookSet:
    if proposal.playbook is None:
        raise ValueError("a proposal of type playbook carries no playbook")
    files = {f"files/{one.sha256}": one.text for one in proposal.playbook.attachments}
    return PlaybookSet(proposal.playbook.text, "", "", files)


_MAKERS: dict[ProposalType, Callable[[Proposal], PlaybookSet]] = {
    ProposalType.CONTAINER_RESTART: _container_restart,
    ProposalType.SERVICE_RESTART: _service_restart,
    ProposalType.REDEPLOY: _redeploy,
    ProposalType.NOTIFY: _notify,
    ProposalType.PLAYBOOK: _reviewed,
}


def _names(proposal: Proposal) -> tuple[str, str]:
    """(node, service), once more against the pattern: this is the last gate before text becomes a command."""
    node, service = proposal.node, proposal.service
    if service is None:
        raise ValueError(f"a {proposal.type.value} needs a service, and this proposal is about a whole node")
    for word, name in (("node", node), ("service", service)):
        if not is_name(name):
            raise ValueError(f"the {word} of this proposal is not a plain name: {name!r}")
    if node in _NOT_HOSTS:
        raise ValueError(f"the node {node} is a group of Ansible's own, not a host")
    if (proposal.event.node, proposal.event.service) != (node, service):
        raise ValueError("the proposal names another node or service than its own event")
    return node, service


def _play(title: str, node: str, variables: Task, *tasks: Task) -> str:
    play = {"name": title, "hosts": node, "gather_facts": False, "vars": variables, "tasks": list(tasks)}
    return yaml.dump([play], Dumper=_PlayDumper, sort_keys=False, width=110, allow_unicode=True, explicit_start=True)


class _Literal(str):
    """Text that Ansible must never read as a template (`!unsafe`)."""

    __slots__ = ()


class _PlayDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_PlayDumper.add_representer(_Literal, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style="'"))
