"""The hosts that come with a request: a list with commas, or an inventory as Ansible reads it, which only names them.

Where a host is and how it is reached, config/inventory.yml says alone; a login may be asked for, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic import ValidationError

from mesh_core.models.config_file import first_problem
from mesh_core.models.records import is_name
from mesh_core.models.requests import MAX_HOSTS
from mesh_core.models.run_options import SshLogin
from mesh_core.policy.inventory.fleet import ALL, UNGROUPED, Fleet
from mesh_core.policy.inventory.inventory import read_fleet
from mesh_core.policy.inventory.values import Unreadable, YamlText

MAX_BYTES = 64 * 1024
_LOGIN = {"ansible_user": "user", "ansible_ssh_user": "user", "ansible_port": "port", "ansible_ssh_port": "port"}


@dataclass(frozen=True)
class HostList:
    """`hosts` in their order, `groups` those that it has itself, `logins` by host where it says one."""

    hosts: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    logins: Mapping[str, SshLogin] = field(default_factory=dict)

    def named(self, name: str) -> tuple[str, ...]:
        """The hosts of a group of its own; any other name stands for itself."""
        return self.groups.get(name, (name,))


def with_host_list(request: Mapping[str, Any], listed: HostList) -> dict[str, Any]:
    """A request's fields with these hosts beside those that it names. Groups of the list stand for their hosts."""
    both = dict.fromkeys([*request.get("hosts", ()), *listed.hosts])
    added: dict[str, Any] = {"hosts": [*both]}
    for word in ("limit", "role_hosts"):
        if names := request.get(word):
            added[word] = [*dict.fromkeys(host for name in names for host in listed.named(name))]
    if listed.logins:
        said = {host: login.model_dump(mode="json") for host, login in listed.logins.items()}
        added["logins"] = {**said, **request.get("logins", {})}
    return {**request, **added}


def read_host_list(text: str, source: str) -> HostList:
    """`web01,web02`, INI (lines may be parted by a written-out \\n), YAML or JSON. Unreadable: one sentence."""
    text = text.replace("\\n", "\n") if "\n" not in text else text
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise Unreadable(f"{source}: larger than {MAX_BYTES} bytes")
    listed = [name.strip() for name in text.strip().strip(",").split(",")]
    if all(map(is_name, listed)):
        return HostList(_each_once(listed, source))
    fleet = _Named()
    raw = text.encode("utf-8", "replace")
    _check_keys(raw, source)
    read_fleet(raw, source, fleet)
    fleet.settle()
    for why in (*fleet.twice, *fleet.refused.values(), *fleet.refused_groups.values()):
        raise Unreadable(why)
    if not fleet.hosts:
        raise Unreadable(f"{source}: names no host")
    _check_variables(fleet, source)
    own = {
        name: tuple(h for h in fleet.hosts if name in fleet.groups_of(h))
        for name in fleet.groups.keys() - {ALL, UNGROUPED}
    }
    return HostList(tuple(fleet.hosts), own, _logins(fleet, source))


class _Named(Fleet):
    """A fleet that knows what was said twice."""

    def __init__(self) -> None:
        super().__init__()
        self.twice: list[str] = []

    def add_hosts(self, group: str, pattern: str, variables: dict[str, Any], where: str) -> None:
        before = {name: (dict(said), name in self.group(group).hosts) for name, said in self.hosts.items()}
        super().add_hosts(group, pattern, variables, where)
        if len(self.hosts) > MAX_HOSTS:
            raise Unreadable(f"{where}: more than {MAX_HOSTS} hosts; one request is for {MAX_HOSTS} at most")
        for name, (said, member) in before.items():
            if self.hosts[name] != said or (member and pattern == name):
                self.twice.append(f"{where}: {name} is there twice; say once what is meant by it")


def _each_once(names: list[str], source: str) -> tuple[str, ...]:
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise Unreadable(f"{source}: {twice} is there twice; name each host once")
    if len(names) > MAX_HOSTS:
        raise Unreadable(f"{source}: {len(names)} hosts, and one request is for {MAX_HOSTS} at most; ask in parts")
    return tuple(names)


def _check_keys(raw: bytes, source: str) -> None:
    """Of a key that is there twice Ansible takes the last one; here nobody guesses."""
    try:
        root = YamlText(raw, source).root
    except Unreadable:
        return  # INI, or what read_fleet has the words for
    todo = [root] if root is not None else []
    while todo:
        node = todo.pop()
        if isinstance(node, yaml.MappingNode):
            keys = [str(key.value) for key, _ in node.value]
            if twice := next((key for key in keys if keys.count(key) > 1), None):
                raise Unreadable(f"{source}, line {node.start_mark.line + 1}: {twice[:80]} is there twice; say it once")
            todo += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            todo += node.value


def _said_of(fleet: Fleet) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from ((f"the group {name}", group.variables) for name, group in fleet.groups.items())
    yield from fleet.hosts.items()


def _check_variables(fleet: Fleet, source: str) -> None:
    for whose, variables in _said_of(fleet):
        for name in variables:
            if name not in _LOGIN:
                raise Unreadable(
                    f"{source}: {name[:80]} of {whose} is config/inventory.yml's to say, and stands there or nowhere; "
                    "an inventory that comes with a request names hosts, and of each ansible_user and ansible_port"
                )


def _logins(fleet: Fleet, source: str) -> dict[str, SshLogin]:
    found: dict[str, SshLogin] = {}
    for host, own in fleet.hosts.items():
        parts = [*(fleet.groups[name].variables for name in fleet.groups_of(host) if name in fleet.groups), own]
        said = {_LOGIN[name]: value for part in parts for name, value in part.items()}
        if said:
            try:
                found[host] = SshLogin.model_validate(said)
            except ValidationError as error:
                raise Unreadable(f"{source}: ansible_{first_problem(error)} (of {host})") from None
    return found
