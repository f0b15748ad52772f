"""What is around the proposals: inventory, policy, who works, who is silent. Reads files, asks nobody over a network.

What only a connection can tell (does Redis take writes?) is handed in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from mesh_core.approvals.action_folders import ActionFolders, modified_ns
from mesh_core.approvals.executors_sight import EXECUTOR, hidden_from_executor
from mesh_core.approvals.obstacles import Surroundings
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder
from mesh_core.policy.inventory import Inventory, InventoryError
from mesh_core.policy.inventory.variable_files import inventory_stamp
from mesh_core.policy.policy import BadPolicy, Policy
from mesh_core.runtime.heartbeats import FRESH_SECONDS, heartbeat_file, heartbeats, what_is_stuck
from mesh_core.runtime.targets_note import read_targets
from mesh_core.storage.file_stamp import stamp_of
from mesh_core.storage.listing import entries

NEWEST_RUNS = 50
UNREACHABLE = 4  # Ansible's exit status where a host gave no answer; in a syntax check it means something else

T = TypeVar("T")


class SurroundingsReader:
    """For one runtime folder; keep it, and only what changed is read again."""

    def __init__(self, runtime: Path):
        self._runtime = runtime
        self._actions = ActionFolders(runtime)
        self._inventory = _WhenChanged(runtime / "config" / "inventory.yml", _read_inventory, inventory_stamp)
        self._runs = _LastRuns(self._actions)
        self._policy = _WhenChanged(runtime / "config" / "policy.yml", _read_policy, stamp_of)

    def read(self, *, offline: Mapping[str, str], redis: str = "") -> Surroundings:
        """`offline`: silent nodes, since when; `redis`: why it takes no writes. Blocks on the disk."""
        return Surroundings(
            inventory=self._as_executor(self._inventory),
            policy=self._as_executor(self._policy),
            targets=read_targets(self._runtime),
            offline=offline,
            unreached=self._runs.unreached(),
            executor=executor_trouble(self._runtime),
            redis=redis,
            may_approve=self._may_approve(),
        )

    def _as_executor(self, config: _WhenChanged[T]) -> T | str | None:
        """What it finds there, who reads it at a run; None where this user may not look and it may."""
        if told := hidden_from_executor(self._runtime, config.path):
            return told
        if os.path.exists(config.path) and not os.access(config.path, os.R_OK):  # noqa: PTH110  (False where none may look)
            return None
        return config.value()

    def _may_approve(self) -> bool:
        folders = map(self._actions.folder, (Folder.PENDING, Folder.APPROVED))
        return all(os.access(folder, os.W_OK | os.X_OK) for folder in folders)


def executor_trouble(runtime: Path) -> str:
    """Why nothing that is approved would run now, as a sentence; '' while an executor works here."""
    age = heartbeats(runtime).get(EXECUTOR)
    if age is None:
        return "no executor has run here yet"
    if stuck := what_is_stuck(heartbeat_file(runtime, EXECUTOR)):
        return f"the executor does not work: {stuck}"
    if age > FRESH_SECONDS:
        return f"the executor is down: it gave no sign of life for {_span(age)}"
    return ""


class _LastRuns:
    """How the newest run on each host went, as far as it is among the newest of all; read again after another."""

    def __init__(self, actions: ActionFolders):
        self._actions = actions
        self._seen: tuple[object, dict[str, str]] | None = None

    def unreached(self) -> dict[str, str]:
        """The hosts that the newest run there could not reach, and when it ended."""
        stamp = tuple(stamp_of(self._actions.folder(folder)) for folder in (Folder.DONE, Folder.FAILED))
        if self._seen is None or self._seen[0] != stamp:
            self._seen = (stamp, self._read())
        return self._seen[1]

    def _read(self) -> dict[str, str]:
        newest: dict[str, Outcome] = {}
        for folder in (Folder.DONE, Folder.FAILED):
            found = sorted(entries(self._actions.folder(folder)), key=modified_ns, reverse=True)[:NEWEST_RUNS]
            for outcome in filter(None, (self._actions.outcome_at(Path(entry.path)) for entry in found)):
                known = newest.get(outcome.node)
                if known is None or known.finished_at < outcome.finished_at:
                    newest[outcome.node] = outcome
        return {node: outcome.finished_at for node, outcome in newest.items() if _got_no_answer(outcome)}


def _got_no_answer(outcome: Outcome) -> bool:
    return any(stage.rc == UNREACHABLE and stage.name != "syntax" for stage in outcome.stages)


class _WhenChanged(Generic[T]):
    """What was read out of one file (and what belongs to it), read again when that is another."""

    def __init__(self, path: Path, read: Callable[[Path], T], stamp: Callable[[Path], object]):
        self.path = path
        self._read = read
        self._stamp = stamp
        self._seen: tuple[object, T] | None = None

    def value(self) -> T:
        stamp = self._stamp(self.path)
        if self._seen is None or self._seen[0] != stamp:
            self._seen = (stamp, self._read(self.path))
        return self._seen[1]


def _read_inventory(path: Path) -> Inventory | str:
    try:
        return Inventory.load(path)
    except InventoryError as error:
        return str(error)


def _read_policy(path: Path) -> Policy | str:
    try:
        return Policy.load(path)
    except BadPolicy as error:
        return str(error)


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
