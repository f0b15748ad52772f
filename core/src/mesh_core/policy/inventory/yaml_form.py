"""An inventory in YAML -> the Fleet, as Ansible's own plugin reads it. A part that is wrong refuses its hosts."""

from __future__ import annotations

import yaml

from mesh_core.policy.inventory.fleet import ALL, MAX_DEPTH, Fleet
from mesh_core.policy.inventory.values import Unreadable, YamlText, is_nothing, is_text


def read_yaml(text: YamlText, fleet: Fleet) -> None:
    """Unreadable where it is no mapping of groups at all."""
    if not isinstance(text.root, yaml.MappingNode):
        raise Unreadable(f"{text.source}: it must be a mapping of groups, such as all: hosts: ...")
    _YamlForm(text, fleet).read(text.root)


class _YamlForm:
    def __init__(self, text: YamlText, fleet: Fleet) -> None:
        self.text = text
        self.fleet = fleet

    def read(self, root: yaml.Node) -> None:
        for name, body in self.text.pairs(root):
            if name.value == "plugin" and not is_nothing(body):
                raise Unreadable(
                    f"{self.text.where(name)}: it names an inventory plugin, which would be run; write its answer down "
                    "instead: ansible-inventory -i FILE --list --yaml"
                )
            self._group(name, body, 0)

    def _group(self, name: yaml.Node, body: yaml.Node, depth: int) -> str:
        group = str(name.value) if isinstance(name, yaml.ScalarNode) else self.text.where(name)
        if isinstance(body, yaml.ScalarNode) and not is_nothing(body):
            said = "is passed over: it is no group with hosts, children or vars"
            self.fleet.notes.append(f"{self.text.where(name)}: {group} {said}")
            return group
        self.fleet.group(group)
        if not is_text(name):
            why = f"{self.text.where(name)}: the group name {group!r} is no text; put it in quotes"
            self.fleet.refuse_group(group, why)
        if depth > MAX_DEPTH:
            why = f"{self.text.where(name)}: groups are nested deeper than {MAX_DEPTH}; flatten {group}"
            self.fleet.refuse_group(group, why)
            return group
        if is_nothing(body):
            return group
        try:
            parts = self.text.pairs(body)
        except Unreadable as error:
            self.fleet.refuse_group(group, f"{error} (the group {group})")
            return group
        for key, value in parts:
            self._part(group, key, value, depth)
        return group

    def _part(self, group: str, key: yaml.Node, value: yaml.Node, depth: int) -> None:
        if is_nothing(value):
            return
        match key.value:
            case "vars":
                self._variables(group, value)
            case "children":
                for name, body in self._entries(group, "children", value):
                    child = str(name.value)
                    if child == ALL:
                        why = f"{self.text.where(name)}: all is above every group, never below {group}"
                        self.fleet.refuse_group(group, why)
                        continue
                    self.fleet.group(group).children[self._group(name, body, depth + 1)] = None
            case "hosts":
                for name, body in self._entries(group, "hosts", value):
                    self._host(group, name, body)
            case other:
                self.fleet.notes.append(
                    f"{self.text.where(key)}: the group {group} has {str(other)[:80]!r}, which is passed over; "
                    "only hosts, children and vars belong there"
                )

    def _entries(self, group: str, key: str, value: yaml.Node) -> list[tuple[yaml.Node, yaml.Node]]:
        """Of hosts or children: a mapping, or the text of one name. A list is what people write and Ansible refuses."""
        nothing = yaml.ScalarNode("tag:yaml.org,2002:null", "", value.start_mark, value.end_mark)
        if is_text(value):
            return [(value, nothing)]
        try:
            return self.text.pairs(value)
        except Unreadable as error:
            self.fleet.refuse_group(group, f"{error} ({key} of the group {group})")
        return [(one, nothing) for one in value.value if is_text(one)] if isinstance(value, yaml.SequenceNode) else []

    def _variables(self, group: str, value: yaml.Node) -> None:
        try:
            self.fleet.group(group).variables.update(self.text.variables(value))
        except Unreadable as error:
            self.fleet.refuse_group(group, f"{error} (vars of the group {group})")

    def _host(self, group: str, name: yaml.Node, body: yaml.Node) -> None:
        pattern = str(name.value)
        if not is_text(name):
            why = f"{self.text.where(name)}: the host {pattern[:80]!r} is no text; put it in quotes"
            self.fleet.refuse(pattern[:80], why)
            return
        try:
            variables = {} if isinstance(body, yaml.ScalarNode) and not body.value else self.text.variables(body)
        except Unreadable as error:
            variables = {}
            self.fleet.refuse_hosts(pattern, f"{error} (the host {pattern})")
        self.fleet.add_hosts(group, pattern, variables, self.text.where(name))
