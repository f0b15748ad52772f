"""The units and containers that a remedy would interrupt: what an agent found of them, and what a look sees there.

So what may never be touched, and what its owner forbids, holds whatever it is called and whoever names it. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.actions.container_state import facts_of
from mesh_core.actions.playbooks import Task
from mesh_core.actions.remedies.event_values import EVENTS_OWN, told_beside
from mesh_core.actions.remedies.looking import COMMAND
from mesh_core.actions.remedies.remedy_file import TARGETS, Remedy
from mesh_core.incidents.own_processes import MESH_PROCESS
from mesh_core.models.events import HealthEvent

_NO_TEXT = "''"  # in a template
# Of a container's labels those that decide whether it may be touched; others hold secrets.
_TELLING = "(?i).*(mendmesh|autoheal|restart|com[.]docker[.]compose[.](project|service)$)"


def targets_in(remedy: Remedy, event: HealthEvent) -> tuple[Mapping[str, Any], ...]:
    """Those that its params name out of what was found, with what else was found of each."""
    named = [(param, param.value_in(event)) for param in remedy.targets.values() if param.from_ != EVENTS_OWN]
    return tuple({**told_beside(event, param.from_), param.type: str(name)} for param, name in named if name)


def looks_at_targets(remedy: Remedy) -> list[tuple[Task, Task]]:
    """(the task that asks what it is, what read_targets() needs of its answer); none for what interrupts nothing.

    No failure of these fails the look: a host may have only one of two managers.
    """
    targets = remedy.targets.items() if remedy.may_interrupt else ()
    asked = [_look_at(name, kind) for name, param in targets for kind in TARGETS[param.type]]
    return [*asked, _look_for_mesh()] if remedy.whole_node else asked


def read_targets(told: object) -> dict[str, Any]:
    """Facts of a look, in the words of any other one."""
    each = [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []
    found = [one["container"] for one in each if isinstance(one.get("container"), dict)]
    containers = [facts_of(container) for container in found if container.get("Name")]
    facts: dict[str, Any] = {"containers": containers} if containers else {}
    for one in each:
        lines = dict(line.partition("=")[::2] for line in str(one.get("unit", "")).splitlines())
        if lines.get("Id"):
            facts |= {"unit": lines["Id"], "exec_start": lines.get("ExecStart", "")}
        if isinstance(mesh := one.get("mesh"), list):
            facts["carries_mesh"] = bool(mesh)
    return facts


def _look_for_mesh() -> tuple[Task, Task]:
    """Its services as processes of that host, those in its containers among them."""
    ask = {"paths": ["/proc"], "patterns": ["cmdline"], "recurse": True, "depth": 2, "contains": MESH_PROCESS}
    task: Task = {"name": "See whether the mesh lives here", "ansible.builtin.find": ask, "register": "mend_mesh"}
    return {**task, "failed_when": False}, {
        "mesh": "{{ mend_mesh.files | default([]) | map(attribute='path') | list }}"
    }


def _look_at(name: str, kind: str) -> tuple[Task, Task]:
    value, register = f"{{{{ {name} }}}}", f"mend_{kind}_{name}"
    if kind == "unit":
        argv = ["systemctl", "show", "--property=Id", "--property=ExecStart", "--", value]
        ask: Task = {COMMAND: {"argv": argv}}
        told: Task = {"unit": f"{{{{ {register}.stdout | default('') }}}}"}
    else:
        ask = {"community.docker.docker_container_info": {"name": value}}
        told = {"container": _part_of_container(register)}
    return {"name": f"See what {name} is", **ask, "register": register, "failed_when": False}, told


def _part_of_container(register: str) -> Task:
    """Of the engine's long form."""

    def part(of: str, key: str, default: str) -> str:
        return f"({of}.{key} | default({default}, true))"

    container = part(register, "container", "{}")
    config = part(container, "Config", "{}")
    labels = f"{part(config, 'Labels', '{}')} | dict2items | selectattr('key', 'match', '{_TELLING}')"
    ports = part(part(container, "HostConfig", "{}"), "PortBindings", "{}")
    return {
        "Name": f"{{{{ {part(container, 'Name', _NO_TEXT)} }}}}",
        "Config": {
            "Image": f"{{{{ {part(config, 'Image', _NO_TEXT)} }}}}",
            "Labels": f"{{{{ {labels} | list | items2dict }}}}",
        },
        "HostConfig": {"PortBindings": f"{{{{ {ports} }}}}"},
    }
