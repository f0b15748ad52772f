"""The names that the mesh knows at this moment: the inventory, read again when it changed, and nodes' services.

An inventory that cannot be read knows no names, which is said once; what speaks of a host comes in all the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import structlog

from mesh_core.models.events import HealthEvent
from mesh_core.policy.inventory import Inventory, InventoryError
from mesh_core.policy.inventory.variable_files import inventory_stamp
from mesh_core.policy.names.known_names import KnownNames
from mesh_core.storage.file_stamp import WhenChanged

NOBODYS: Mapping[str, frozenset[str]] = {}

log = structlog.get_logger()


class NameBook:
    """Called for each message; costs a look at the status of the inventory's files as long as nothing changed.

    `services` gives the services of each node, the same mapping as long as they are the same;
    `domains` are the house's own.
    """

    def __init__(
        self,
        inventory_file: Path,
        services: Callable[[], Mapping[str, frozenset[str]]] = lambda: NOBODYS,
        domains: Collection[str] = (),
    ):
        self._file = inventory_file
        self._services = services
        self._domains = frozenset(domains)
        self._hosts = WhenChanged(self._read, lambda: inventory_stamp(inventory_file))
        self._names = KnownNames()
        self.is_closed = False  # an inventory is there, and this user may not read it: others here know more names

    def __call__(self) -> KnownNames:
        hosts, services = self._hosts.value(), self._services()
        if hosts is not self._names.hosts or services is not self._names.services:
            self._names = KnownNames(hosts, services, self._domains)
        return self._names

    def named(self, event: HealthEvent) -> HealthEvent:
        """A message by hand, under the mesh's names."""
        return self().named(event)

    def _read(self) -> Mapping[str, str]:
        self.is_closed = False
        if not os.path.exists(self._file):  # noqa: PTH110  (False where none may look)
            return {}
        try:
            return Inventory.load(self._file).addresses()
        except InventoryError as error:
            self.is_closed = isinstance(error.__cause__, OSError)
            log.warning("name_book.inventory_unread", file=str(self._file), error=str(error)[:300])
            return {}
