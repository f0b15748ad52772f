"""Which hosts there are, what is said of each, why one cannot be used, and the inventory of one alone."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mesh_core.policy.inventory.fleet import ALL, UNGROUPED, Fleet
from mesh_core.policy.inventory.ini_form import is_ini, read_ini
from mesh_core.policy.inventory.values import Unreadable, YamlText, dump, sealed_in
from mesh_core.policy.inventory.variable_files import (
    GROUP_VARS,
    HOST_VARS,
    FileIndex,
    FilesTooLarge,
    VariableFiles,
    files_for,
    index_of,
    owner_of,
    read_variable_files,
    variables_in,
)
from mesh_core.policy.inventory.yaml_form import read_yaml
from mesh_core.policy.names.known_names import KnownNames

MAX_INVENTORY_BYTES = 1024 * 1024
_WORD = re.compile(r"\w+")
_CONNECTING = "ansible_"  # what Ansible itself reads before it does anything on a host


class InventoryError(Exception):
    """The inventory cannot be used; the message names the file and the way to mend it."""


@dataclass(frozen=True)
class _Beside:
    """The files in group_vars/ and host_vars/: which there are, and what each says that is for somebody, by path."""

    index: FileIndex
    variables: Mapping[str, dict[str, Any]]

    def variables_for(self, kind: str, name: str) -> list[dict[str, Any]]:
        return [self.variables.get(path, {}) for path in files_for(self.index, kind, name)]


@dataclass(frozen=True)
class Inventory:
    """`hosts` are those that can be used, `refused` the others, each with the sentence why.

    `text` is the file as it was read, `files` what lies in group_vars/ and host_vars/ beside it, by path; `variables`
    are the names that all of them give values to, for any host; `notes` what stands there and has no meaning.
    """

    hosts: frozenset[str]
    text: bytes
    variables: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    files: VariableFiles = field(default_factory=dict)
    _fleet: Fleet = field(default_factory=Fleet, repr=False, compare=False)
    _beside: _Beside = field(default_factory=lambda: _Beside({}, {}), repr=False, compare=False)

    @classmethod
    def load(cls, path: Path) -> Inventory:
        """Read the file once, and what belongs to it. InventoryError: missing, too large, or no host can be used."""
        try:
            with open(path, "rb", opener=_without_waiting) as handle:
                if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                    raise InventoryError(f"{path}: is no regular file; put one in its place")
                text = handle.read(MAX_INVENTORY_BYTES + 1)
            files = read_variable_files(path.parent)
        except IsADirectoryError:
            raise InventoryError(
                f"{path}: is a folder, and one file is read here; write all that Ansible finds in it into one: "
                "ansible-inventory -i FOLDER --list --yaml"
            ) from None
        except OSError as error:
            raise InventoryError(
                f"{path}: cannot be read ({error.strerror}); write an Ansible inventory there, for example: "
                "all: {hosts: {localhost: {ansible_connection: local}}}"
            ) from error
        except FilesTooLarge as error:
            raise InventoryError(str(error)) from error
        return cls.parse(text, str(path), files)

    @classmethod
    def parse(cls, text: bytes, source: str = "inventory", files: VariableFiles | None = None) -> Inventory:
        """As `load`, from bytes; `source` is what error messages call them."""
        if len(text) > MAX_INVENTORY_BYTES:
            raise InventoryError(f"{source}: larger than {MAX_INVENTORY_BYTES} bytes; split the fleet or shorten it")
        fleet, files = Fleet(), files or {}
        try:
            read_fleet(text, source, fleet)
        except Unreadable as error:
            raise InventoryError(str(error)) from None
        folder = source.rpartition("/")[0]
        beside = _Beside(index_of(files), _read_files(files, f"{folder}/" if folder else "", fleet))
        fleet.settle()
        for host in fleet.hosts.keys() - fleet.refused.keys():
            if why := _sealed_problem(_variables(fleet, beside, host)):
                fleet.refuse(host, why)
        hosts = frozenset(fleet.hosts.keys() - fleet.refused.keys())
        if not hosts and fleet.refused:
            raise InventoryError(
                "; ".join(["no host of it can be used", *list(dict.fromkeys(fleet.refused.values()))[:3]])
            )
        if not hosts:
            raise InventoryError("; ".join([f"{source}: names no host; add one under all: hosts:", *fleet.notes[:3]]))
        names = frozenset([*fleet.variable_names(), *(name for part in beside.variables.values() for name in part)])
        return cls(hosts, text, names, fleet.refused, tuple(fleet.notes), files, fleet, beside)

    def is_host(self, name: str) -> bool:
        """Is this one of the hosts that can be used? Group names and patterns are not hosts."""
        return name in self.hosts

    def problem_with(self, name: str) -> str | None:
        """Why nothing can be run on this host, and what to write where; None when it can."""
        if name in self.hosts:
            return None
        if name in self.refused:
            return f"the inventory cannot be used for the host {name}: {self.refused[name]}"
        line = f"{name} ansible_host=ADDRESS" if is_ini(self.text) else f"{name}: {{ansible_host: ADDRESS}}"
        why = f"the host {name} is not in config/inventory.yml"
        if twin := next((host for host in sorted(self.hosts) if host.lower() == name.lower()), None):
            return f"{why}, but {twin} is: call it {name} there too, or set NODE_NAME={twin} where its node agent runs"
        if at := next((host for host, address in self.addresses().items() if address == name), None):
            return f"{why}, but {at} has this address: set NODE_NAME={at} where its node agent runs"
        if (same := KnownNames(self.addresses()).node(name)) in self.hosts:
            return (
                f"{why}, but {same} is, the same name otherwise written: set NODE_NAME={same} where its node agent runs"
            )
        if name in self._fleet.groups:
            return f"{why}: {name} is a group there; only hosts are touched, one at a time"
        return f"{why}; add it there{'' if is_ini(self.text) else ' under all: hosts:'}, for example `{line}`"

    @property
    def group_names(self) -> frozenset[str]:
        """Of a person's own groups."""
        return frozenset(self._fleet.groups) - {ALL, UNGROUPED}

    def members_of(self, group: str) -> tuple[str, ...] | None:
        """The hosts of a group that can be used, those of groups below it among them; None where there is no such
        group."""
        if group not in self._fleet.groups:
            return None
        return tuple(host for host in sorted(self.hosts) if group in self._fleet.groups_of(host))

    def variables_of(self, host: str) -> dict[str, Any]:
        """What is said of a host, one over the other as Ansible does. Templates are not filled in."""
        return _variables(self._fleet, self._beside, host)

    def addresses(self) -> dict[str, str]:
        """Every host that it names, those that cannot be used among them, with its address; '' where none is known."""
        return {host: _address_in(self.variables_of(host)) for host in self._fleet.hosts}

    def only(self, host: str, over: Mapping[str, Any] | None = None) -> Inventory:
        """The same inventory as if it named this host alone: its groups with their variables, and nobody else's.

        `over` are variables of the host that win over all that is said of it. Always in YAML. InventoryError when it
        does not name the host, or cannot be used for it.
        """
        if problem := self.problem_with(host):
            raise InventoryError(problem)
        groups, wanted = self._fleet.groups_of(host), [*files_for(self._beside.index, HOST_VARS, host)]
        own = self._fleet.hosts[host]
        if over:  # a file in host_vars/ would win over what stands in the inventory itself
            layers, wanted = [own, *self._beside.variables_for(HOST_VARS, host), over], []
            own = {name: value for layer in layers for name, value in layer.items()}
        tree: dict[str, Any] = {}
        for name in groups:
            group = self._fleet.group(name)
            parts = {
                "vars": dict(group.variables),
                "hosts": {host: own if name == ALL else None},
                "children": {child: None for child in group.children if child in groups},
            }
            if name != ALL and host not in group.hosts:
                del parts["hosts"]
            tree[name] = {key: part for key, part in parts.items() if part} or None
            wanted += files_for(self._beside.index, GROUP_VARS, name)
        return Inventory.parse(dump(tree), "inventory", {path: self.files[path] for path in wanted})


def _without_waiting(path: str, flags: int) -> int:
    """A named pipe would keep whoever opens it until somebody writes into it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _variables(fleet: Fleet, beside: _Beside, host: str) -> dict[str, Any]:
    """Ansible's order: groups in the inventory, their files, the host in the inventory, its files."""
    groups = fleet.groups_of(host)
    parts = [fleet.group(name).variables for name in groups]
    parts += [part for name in groups for part in beside.variables_for(GROUP_VARS, name)]
    parts.append(fleet.hosts.get(host, {}))
    parts += beside.variables_for(HOST_VARS, host)
    return {name: value for part in parts for name, value in part.items()}


def _address_in(variables: dict[str, Any]) -> str:
    said = variables.get("ansible_host")
    return said.strip() if isinstance(said, str) and "{{" not in said and sealed_in(said) is None else ""


def _sealed_problem(variables: dict[str, Any]) -> str | None:
    """Why nobody reaches this host without the vault's password: what Ansible connects by is encrypted."""
    sealed = {name: text for name, value in variables.items() if (text := sealed_in(value))}
    for name, value in variables.items() if sealed else ():
        words = {name, *(_WORD.findall(value) if isinstance(value, str) and "{{" in value else ())}
        if name.startswith(_CONNECTING) and (used := sorted(words & sealed.keys())):
            why = f"{sealed[used[0]].where}: {used[0]} is encrypted with ansible-vault, which is not opened here"
            return f"{why}; name a key file that the executor may read, or write it in plain"
    return None


def read_fleet(text: bytes, source: str, fleet: Fleet) -> None:
    """By what it is, not by its name. What is no mapping in YAML is INI, if it has lines as INI has them. Unreadable
    where it is neither."""
    program = f"{source}: it is a program; write its answer down: ansible-inventory -i FILE --list --yaml"
    try:
        tree = YamlText(text, source)
    except Unreadable:
        if text.startswith(b"#!"):
            raise Unreadable(program) from None
        if not is_ini(text):
            raise
        read_ini(text, source, fleet)
        return
    if tree.root is None:
        raise Unreadable(f"{source}: empty; name at least one host under all: hosts:")
    if text.startswith(b"#!") and not isinstance(tree.root, yaml.MappingNode):
        raise Unreadable(program)
    if isinstance(tree.root, yaml.MappingNode) or not (is_ini(text) or _is_plain_text(tree.root)):
        read_yaml(tree, fleet)
    else:
        read_ini(text, source, fleet)


def _is_plain_text(root: yaml.Node) -> bool:
    """Names of hosts, one a line, are one long text for YAML."""
    return isinstance(root, yaml.ScalarNode) and root.style is None and not root.value.startswith("-")


def _read_files(files: VariableFiles, folder: str, fleet: Fleet) -> dict[str, dict[str, Any]]:
    """What each says, by its path. One that cannot be read refuses the hosts that it is for."""
    said: dict[str, dict[str, Any]] = {}
    known = {GROUP_VARS: {*fleet.groups}, HOST_VARS: {*fleet.hosts, *fleet.refused}}
    for path, content in files.items():
        kind, name = owner_of(path)
        if name not in known[kind]:
            thing = "group" if kind == GROUP_VARS else "host"
            fleet.notes.append(f"{folder}{path} is for no {thing} of the inventory")
            continue
        said[path] = {}
        try:
            said[path] = variables_in(content, f"{folder}{path}")
        except Unreadable as error:
            if kind == GROUP_VARS:
                fleet.refuse_group(name, str(error))
            else:
                fleet.refuse(name, str(error))
    return said
