"""What may be touched and done at this moment: the inventory and config/policy.yml, read again when they change.

A file that cannot be used forbids everything that needs it; it never stops the executor.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from mesh_core.policy.inventory import Inventory, InventoryError
from mesh_core.policy.inventory.variable_files import inventory_stamp
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.policy import NO_LIFELINE, BadPolicy, Policy
from mesh_core.storage.file_stamp import stamp_of

SETTLING_SECONDS = 2.0

log = structlog.get_logger()


@dataclass(frozen=True)
class ConfigSnapshot:
    """An inventory or policy that cannot be used is the sentence that says why.

    `settling`: one of them was saved a moment ago and may be half of itself.
    """

    inventory: Inventory | str
    policy: Policy | str
    settling: bool = False


class ConfigReader:
    """`config` is the folder with both files, `lifeline` what is protected whatever they say."""

    def __init__(self, config: Path, lifeline: Lifeline = NO_LIFELINE):
        self.lifeline = lifeline
        self.inventory_file = config / "inventory.yml"
        self.policy_file = config / "policy.yml"
        self._stamps: tuple[object, ...] | None = None
        self._snapshot = ConfigSnapshot("not read yet", "not read yet")

    def read(self) -> ConfigSnapshot:
        """The config of now; nothing but stat calls when nothing changed."""
        stamps = (inventory_stamp(self.inventory_file), stamp_of(self.policy_file))
        if stamps != self._stamps:
            self._snapshot = ConfigSnapshot(self._inventory(), self._policy())
            self._stamps = stamps
        broken = isinstance(self._snapshot.inventory, str) or isinstance(self._snapshot.policy, str)
        if broken and (_just_saved(self.inventory_file) or _just_saved(self.policy_file)):
            return ConfigSnapshot(self._snapshot.inventory, self._snapshot.policy, settling=True)
        return self._snapshot

    def _inventory(self) -> Inventory | str:
        try:
            inventory = Inventory.load(self.inventory_file)
        except InventoryError as error:
            log.warning("executor.inventory_unusable", file=str(self.inventory_file), reason=str(error))
            return str(error)
        for host, reason in inventory.refused.items():
            log.warning("executor.host_unusable", host=host, reason=reason)
        return inventory

    def _policy(self) -> Policy | str:
        try:
            return Policy.load(self.policy_file, self.lifeline)
        except BadPolicy as error:
            log.warning("executor.policy_unusable", file=str(self.policy_file), reason=str(error))
            return str(error)


def _just_saved(path: Path) -> bool:
    try:
        return abs(time.time() - os.stat(path).st_mtime) < SETTLING_SECONDS  # noqa: PTH116  (one call, no Path)
    except OSError:
        return False
