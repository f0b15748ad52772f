"""The hosts that may ever be touched, out of config/inventory.yml. Runs nothing: no plugins, no scripts, no templates.

The file is an Ansible inventory in YAML whose host names are written out one by one; what this room reads as a host
is exactly what Ansible will.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mesh_core.models.records import is_name

MAX_INVENTORY_BYTES = 1024 * 1024
_GROUP_KEYS = frozenset({"hosts", "children", "vars"})
_RESERVED = frozenset({"all", "ungrouped"})


class InventoryError(Exception):
    """The inventory cannot be used; the message names the file and the way to mend it."""


@dataclass(frozen=True)
class Inventory:
    """`text` is the file as it was read: the very bytes that an execution gets its own copy of.

    `variables` are the names that it gives values to, for any host.
    """

    hosts: frozenset[str]
    text: bytes
    variables: frozenset[str] = frozenset()

    @classmethod
    def load(cls, path: Path) -> Inventory:
        """Read the file once. InventoryError: missing, too large, not YAML, or a host that is not a plain name."""
        try:
            with path.open("rb") as handle:
                text = handle.read(MAX_INVENTORY_BYTES + 1)
        except OSError as error:
            raise InventoryError(
                f"{path}: cannot be read ({error.strerror}); write an Ansible inventory there, for example: "
                "all: {hosts: {localhost: {ansible_connection: local}}}"
            ) from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: bytes, source: str = "inventory") -> Inventory:
        """As `load`, from bytes; `source` is what error messages call them."""
        if len(text) > MAX_INVENTORY_BYTES:
            raise InventoryError(f"{source}: larger than {MAX_INVENTORY_BYTES} bytes; split the fleet or shorten it")
        try:
            tree = yaml.load(text, Loader=_InventoryLoader)  # noqa: S506  (a SafeLoader with two more tags)
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            where = getattr(error, "problem_mark", None)
            line = f", line {where.line + 1}" if where else ""
            raise InventoryError(f"{source}{line}: not YAML; correct the line and start again") from error
        if tree is None:
            raise InventoryError(f"{source}: empty; name at least one host under all: hosts:")
        if not isinstance(tree, dict):
            raise InventoryError(f"{source}: must be a mapping of groups, such as all: hosts: ...")
        hosts: set[str] = set()
        groups: set[str] = set(_RESERVED)
        variables: set[str] = set()
        for name, body in tree.items():
            hosts.update(_hosts_of(name, body, groups, variables, source, depth=0))
        if both := sorted(hosts & groups):
            raise InventoryError(f"{source}: {both[0]} is a host and a group; give one of them another name")
        if not hosts:
            raise InventoryError(f"{source}: names no host; add one under all: hosts:")
        return cls(frozenset(hosts), text, frozenset(variables))

    def is_host(self, name: str) -> bool:
        """Is this one of the hosts? Group names and patterns are not hosts."""
        return name in self.hosts

    def only(self, host: str) -> Inventory:
        """The same inventory as if it named this host alone: its groups with their variables, and nobody else's.

        InventoryError when it does not name the host.
        """
        if not self.is_host(host):
            raise InventoryError(f"the inventory does not name {host}; add it under all: hosts:")
        tree = yaml.compose(self.text, Loader=_InventoryLoader)
        assert tree is not None  # noqa: S101  (for the type checker: a host was read out of it)
        _keep_only(tree, host, _groups_with(tree, host))
        return Inventory(frozenset({host}), yaml.serialize(tree, Dumper=yaml.SafeDumper, encoding="utf-8"))


def _hosts_of(
    group: object, body: object, groups: set[str], variables: set[str], source: str, depth: int
) -> Iterator[str]:
    if not isinstance(group, str):
        raise InventoryError(f"{source}: the group name {group!r} is not text; put it in quotes")
    if depth > 32:
        raise InventoryError(f"{source}: groups are nested deeper than 32; flatten {group}")
    groups.add(group)
    if body is None:
        return
    if not isinstance(body, dict):
        raise InventoryError(f"{source}: the group {group} must be a mapping with hosts, children or vars")
    if unknown := sorted(str(key) for key in body if key not in _GROUP_KEYS):
        raise InventoryError(
            f"{source}: the group {group} has {unknown[0]!r}; only hosts, children and vars belong there"
        )
    variables.update(str(key) for key in _mapping(body.get("vars"), group, "vars", source))
    for name, own in _mapping(body.get("hosts"), group, "hosts", source).items():
        if not isinstance(name, str) or not is_name(name):
            raise InventoryError(
                f"{source}: {name!r} in the group {group} is not a host name that can be approved for; write each "
                "host out: letters, digits, dot, dash, underscore (no ranges, no patterns, no host:port)"
            )
        variables.update(str(key) for key in (own if isinstance(own, dict) else ()))
        yield name
    for child, child_body in _mapping(body.get("children"), group, "children", source).items():
        yield from _hosts_of(child, child_body, groups, variables, source, depth + 1)


def _parts(group: yaml.Node, key: str) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """(name, body) of a group's hosts or children."""
    for name, body in group.value if isinstance(group, yaml.MappingNode) else ():
        if name.value == key and isinstance(body, yaml.MappingNode):
            yield from body.value


def _groups_with(tree: yaml.Node, host: str) -> set[str]:
    """The groups that the host is in, itself or through a child; a group may be written in several places."""
    children: dict[str, set[str]] = {}
    found = {"all"}

    def walk(name: str, body: yaml.Node) -> None:
        if any(entry.value == host for entry, _ in _parts(body, "hosts")):
            found.add(name)
        for child, child_body in _parts(body, "children"):
            children.setdefault(name, set()).add(child.value)
            walk(child.value, child_body)

    for name, body in tree.value:
        walk(name.value, body)
    while more := {name for name, below in children.items() if below & found} - found:
        found |= more
    return found


def _keep_only(groups: yaml.Node, host: str, wanted: set[str]) -> None:
    """Take every other host, and every group without this one, out of a mapping of groups."""
    groups.value = [(name, body) for name, body in groups.value if name.value in wanted]
    for _, body in groups.value:
        if not isinstance(body, yaml.MappingNode):
            continue
        body.value = [(key, value) for key, value in body.value if key.value in _GROUP_KEYS]
        for key, value in body.value:
            if key.value == "hosts" and isinstance(value, yaml.MappingNode):
                value.value = [(name, variables) for name, variables in value.value if name.value == host]
            elif key.value == "children" and isinstance(value, yaml.MappingNode):
                _keep_only(value, host, wanted)


def _mapping(value: object, group: str, key: str, source: str) -> dict[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InventoryError(f"{source}: {key} of the group {group} must be a mapping (name: variables)")
    return value


class _InventoryLoader(yaml.SafeLoader):
    """Safe YAML that lets Ansible's own tags pass, unread, and refuses aliases that swell."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not read here", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def _opaque(loader: _InventoryLoader, node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


_InventoryLoader.add_constructor("!vault", _opaque)
_InventoryLoader.add_constructor("!unsafe", _opaque)
