"""What may be touched and done at this moment: the inventory, config/policy.yml, config/remedies and config/runbooks,
read again when they change.

The planner proposes and the executor decides by it, and whoever shows a proposal says by it what the executor would
decide. A file that cannot be used forbids everything that needs it; it stops nobody.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mesh_core.actions.register import current
from mesh_core.policy.inventory import Inventory, InventoryError
from mesh_core.policy.inventory.variable_files import inventory_stamp
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.lifeline_note import notes_stamp, read_lifeline
from mesh_core.policy.policy import NO_LIFELINE, BadPolicy, Policy
from mesh_core.policy.remedy_folder import RemedyFolder
from mesh_core.runbooks.folder import RunbookFolder
from mesh_core.runbooks.index import RunbookIndex
from mesh_core.storage.file_stamp import WhenChanged, stamp_of

SETTLING_SECONDS = 2.0


@dataclass(frozen=True)
class ConfigSnapshot:
    """An inventory or policy that cannot be used is the sentence that says why.

    `settling`: one of them, or a remedy, was saved a moment ago and may be half of itself.
    """

    inventory: Inventory | str
    policy: Policy | str
    settling: bool = False


class ConfigReader:
    """Of one runtime folder. `lifeline` is protected beside what the services noted and the policy lists.

    `complain` hears (file, sentence) of all that cannot be used, each time it is read.
    """

    def __init__(
        self,
        runtime: Path,
        lifeline: Lifeline = NO_LIFELINE,
        complain: Callable[[Path, str], object] = lambda file, sentence: None,
    ):
        self._runtime = runtime
        self._lifeline = lifeline
        self._complain = complain
        self.inventory_file = runtime / "config" / "inventory.yml"
        self.policy_file = runtime / "config" / "policy.yml"
        self.remedies = RemedyFolder(runtime, complain)
        self.runbooks = RunbookFolder(runtime, lambda: current().choice_words, complain)
        self._inventory = WhenChanged(self._read_inventory, lambda: inventory_stamp(self.inventory_file))
        # A policy names remedies and heeds runbooks: with others it is another one.
        self._policy = WhenChanged(
            self._read_policy,
            lambda: (self.remedies.use(), self.runbooks.index(), stamp_of(self.policy_file), notes_stamp(runtime)),
        )

    def read(self) -> ConfigSnapshot:
        """The config of now; nothing but looks at files' status when nothing changed. Blocks."""
        inventory, policy = self._inventory.value(), self.policy()
        broken = isinstance(inventory, str) or isinstance(policy, str)
        settling = broken and (_just_saved(_saved_at(self.inventory_file)) or _just_saved(_saved_at(self.policy_file)))
        return ConfigSnapshot(inventory, policy, settling or _just_saved(self.remedies.newest_change()))

    def policy(self) -> Policy | str:
        """The policy of now, for whoever does not need the hosts. Blocks."""
        return self._policy.value()

    def inventory(self) -> Inventory | str:
        """The inventory of now, for whoever does not need the policy. Blocks."""
        return self._inventory.value()

    def unusable_remedies(self) -> list[str]:
        """A sentence for each of a person's own that cannot be read, or whose playbook may not run; of the latter none
        where the policy cannot be used, which is told by itself. Blocks."""
        register, policy = self.remedies.use(), self.policy()
        refused = {} if isinstance(policy, str) else policy.refused_playbooks()
        return [*register.refused.values(), *(f"{name}.yml: {why}" for name, why in refused.items())]

    def _read_inventory(self) -> Inventory | str:
        try:
            inventory = Inventory.load(self.inventory_file)
        except InventoryError as error:
            self._complain(self.inventory_file, str(error))
            return str(error)
        for host, reason in inventory.refused.items():
            self._complain(self.inventory_file, f"{host} cannot be used: {reason}")
        return inventory

    def _read_policy(self) -> Policy | str:
        try:
            return current_policy(self._runtime, self._lifeline, self.runbooks.index())
        except BadPolicy as error:
            self._complain(self.policy_file, str(error))
            return str(error)


class LatestPolicy:
    """The policy of now, for whoever must always have one. Raises BadPolicy where there is none at the start; one that
    is spoilt later is complained of, and the last good one counts on. `config` says what the files say."""

    def __init__(self, runtime: Path, lifeline: Lifeline, complain: Callable[[Path, str], object]):
        self.config = ConfigReader(runtime, lifeline, complain)
        policy = self.config.policy()
        if isinstance(policy, str):
            raise BadPolicy(policy)
        self._good = policy

    def now(self) -> Policy:
        """Blocks for a look at the files' status."""
        policy = self.config.policy()
        if isinstance(policy, Policy):
            self._good = policy
        return self._good


def current_policy(runtime: Path, lifeline: Lifeline = NO_LIFELINE, runbooks: RunbookIndex | None = None) -> Policy:
    """The policy of a runtime folder, with what its services noted and `lifeline` protected. Raises BadPolicy.

    By the register of this process: its own remedies are those that a ConfigReader read last; without `runbooks` only
    the shipped ones are known."""
    return Policy.load(runtime / "config" / "policy.yml", lifeline | read_lifeline(runtime), runbooks)


def _saved_at(path: Path) -> float:
    try:
        return os.stat(path).st_mtime  # noqa: PTH116  (one call, no Path)
    except OSError:
        return 0.0


def _just_saved(moment: float) -> bool:
    return abs(time.time() - moment) < SETTLING_SECONDS
