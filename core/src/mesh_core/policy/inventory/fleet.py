"""Groups, hosts and their variables, as a reader of the inventory finds them; and which hosts it cannot be had for.

A table that is filled by the readers (`yaml_form`, `ini_form`), then only asked. Reads no file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mesh_core.models.records import is_name
from mesh_core.policy.inventory.host_patterns import BadPattern, expand

ALL, UNGROUPED = "all", "ungrouped"
_PRIORITY = "ansible_group_priority"
MAX_DEPTH = 32  # groups in groups
MAX_SHOWN = 255  # characters of what stands in a host's place; no name is longer


@dataclass
class HostGroup:
    """`hosts` and `children` are names in the order of the file (dicts that are used as ordered sets)."""

    variables: dict[str, Any] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)


@dataclass
class Fleet:
    """`refused`: a host, or what stands in a host's place, and the sentence why nothing may be run there.

    `notes` are what the file says and nobody reads, Ansible neither.
    """

    groups: dict[str, HostGroup] = field(default_factory=lambda: {ALL: HostGroup(), UNGROUPED: HostGroup()})
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    refused_groups: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _direct: dict[str, set[str]] = field(default_factory=dict)  # host -> groups that name it
    _parents: dict[str, set[str]] = field(default_factory=dict)
    _depths: dict[str, int] = field(default_factory=dict)

    def group(self, name: str) -> HostGroup:
        return self.groups.setdefault(name, HostGroup())

    def add_hosts(self, group: str, pattern: str, variables: dict[str, Any], where: str) -> None:
        """The hosts that `pattern` stands for, into the group; `where` is its file and line, for people."""
        try:
            names, port = expand(pattern)
        except BadPattern as error:
            self.refuse(pattern[:MAX_SHOWN], f"{where}: {pattern[:MAX_SHOWN]!r} is left out: {error}")
            return
        for name in names:
            if not is_name(name):
                self._refuse_name(name[:MAX_SHOWN], where, has_address="ansible_host" in variables)
                continue
            if name not in self.hosts:
                self.hosts[name] = {} if port is None else {"ansible_port": port}
            self.hosts[name].update(variables)
            self.group(group).hosts[name] = None

    def _refuse_name(self, shown: str, where: str, *, has_address: bool) -> None:
        keep = "what it says" if has_address else f"the address: NAME: {{ansible_host: {shown!r}}}"
        self.refuse(
            shown,
            f"{where}: {shown!r} is left out: nothing can be approved for a host of this name; call it "
            f"by letters, digits, dot, dash and underscore and keep {keep}",
        )

    def refuse(self, host: str, reason: str) -> None:
        """The first reason stays."""
        self.refused.setdefault(host, reason)

    def refuse_hosts(self, pattern: str, reason: str) -> None:
        """Each host that it stands for."""
        try:
            names, _ = expand(pattern)
        except BadPattern:
            names = [pattern]
        for name in names:
            self.refuse(name, reason)

    def refuse_group(self, group: str, reason: str) -> None:
        """Every host in it, or in a group below it, has something that cannot be read."""
        self.refused_groups.setdefault(group, reason)

    def settle(self) -> None:
        """At the end of reading: who is in which group, and reasons that are about groups become the hosts' own."""
        for name, group in list(self.groups.items()):
            for host in group.hosts:
                self._direct.setdefault(host, set()).add(name)
            for child in group.children:
                self._parents.setdefault(child, set()).add(name)
        self._measure_depths()
        for host in self.hosts:
            if host in self.groups:
                self.refuse(host, f"{host} is a host and a group: give one of them another name")
            if reason := next((w for name in self.groups_of(host) if (w := self.refused_groups.get(name))), None):
                self.refuse(host, reason)

    def groups_of(self, host: str) -> list[str]:
        """Its groups and those above them, in the order in which Ansible lays their variables over each other."""
        found = set(self._direct.get(host, ()))
        todo = list(found)
        while todo:
            new = self._parents.get(todo.pop(), set()) - found
            found |= new
            todo += new
        found.add(ALL)
        if found <= {ALL, UNGROUPED}:
            found.add(UNGROUPED)
        else:
            found.discard(UNGROUPED)
        return sorted(found, key=lambda name: (self._depths.get(name, 0), self._priority(name), name))

    def _measure_depths(self) -> None:
        """How far below `all`; of several ways the longest. Circles have none, and are refused as what is too deep."""
        self._depths = {**dict.fromkeys(self.groups, 1), ALL: 0}
        for _ in range(MAX_DEPTH + 1):
            for child, parents in self._parents.items():
                self._depths[child] = max(self._depths.get(child, 1), *(self._depths[name] + 1 for name in parents))
        for name, depth in self._depths.items():
            if depth > MAX_DEPTH:
                reason = f"the group {name} is among its own children, or deeper than {MAX_DEPTH} groups"
                self.refuse_group(name, reason)

    def _priority(self, group: str) -> int:
        said = self.groups[group].variables.get(_PRIORITY, 1) if group in self.groups else 1
        return int(said) if isinstance(said, int) or (isinstance(said, str) and said.isdecimal()) else 1

    def variable_names(self) -> Iterator[str]:
        for variables in (*self.hosts.values(), *(group.variables for group in self.groups.values())):
            yield from variables
