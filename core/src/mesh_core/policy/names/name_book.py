"""The names that the mesh knows at this moment: config/inventory.yml, read again when it changed, and nodes' services.

An inventory that cannot be read knows no names, which is said once; what speaks of a host comes in all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog
import yaml

from mesh_core.models.events import HealthEvent
from mesh_core.models.records import is_name
from mesh_core.policy.names.known_names import KnownNames
from mesh_core.storage.files import read_regular

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
NOBODYS: Mapping[str, frozenset[str]] = {}

log = structlog.get_logger()


class NameBook:
    """Called for each message; costs one look at the file's status as long as nothing changed.

    `services` gives the services of each node, the same mapping as long as they are the same.
    """

    def __init__(self, inventory_file: Path, services: Callable[[], Mapping[str, frozenset[str]]] = lambda: NOBODYS):
        self._file = inventory_file
        self._services = services
        self._signature: tuple[int, ...] | None = None
        self._hosts: dict[str, str] = {}
        self._names = KnownNames()

    def __call__(self) -> KnownNames:
        hosts, services = self._inventory(), self._services()
        if hosts is not self._names.hosts or services is not self._names.services:
            self._names = KnownNames(hosts, services)
        return self._names

    def named(self, event: HealthEvent) -> HealthEvent:
        """A message by hand, under the mesh's names."""
        return self().named(event)

    def _inventory(self) -> dict[str, str]:
        signature: tuple[int, ...] | None
        try:
            status = self._file.stat()
            signature = (status.st_mtime_ns, status.st_ino, status.st_size)
        except OSError:
            signature = None
        if signature != self._signature:
            self._signature = signature
            self._hosts = self._read() if signature else {}
        return self._hosts

    def _read(self) -> dict[str, str]:
        raw = read_regular(self._file, MAX_BYTES)
        if raw is None:
            log.warning("name_book.inventory_unread", file=str(self._file))
            return {}
        try:
            return hosts_in(raw)
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            log.warning("name_book.inventory_unread", file=str(self._file), error=str(error)[:300])
            return {}


def hosts_in(text: bytes) -> dict[str, str]:
    """Host -> its address, '' for none, out of an inventory in YAML. What is no host's name is passed over."""
    found: dict[str, str] = {}
    for name, address in _hosts_of(yaml.load(text, Loader=_Lenient), "", 0):  # noqa: S506  (a SafeLoader, see below)
        found[name] = address or found.get(name, "")
    return found


def _hosts_of(groups: Any, address: str, depth: int) -> Iterator[tuple[str, str]]:
    for body in groups.values() if isinstance(groups, dict) and depth < MAX_DEPTH else ():
        if not isinstance(body, dict):
            continue
        here = _address(body.get("vars")) or address
        hosts = body.get("hosts")
        for name, own in hosts.items() if isinstance(hosts, dict) else ():
            if isinstance(name, str) and is_name(name):
                yield name, _address(own) or here
        yield from _hosts_of(body.get("children"), here, depth + 1)


def _address(variables: Any) -> str:
    said = variables.get("ansible_host") if isinstance(variables, dict) else None
    return said.strip() if isinstance(said, str) and "{{" not in said else ""


class _Lenient(yaml.SafeLoader):
    """Safe YAML that passes Ansible's own tags over, and follows no alias (they may swell)."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not read here", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


_Lenient.add_multi_constructor("!", lambda loader, suffix, node: None)
