"""What is around the proposals: inventory, policy, who works, who is silent. Reads files, asks nobody over a network.

What only a connection can tell (does Redis take writes?) is handed in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from mesh_core.approvals.action_folders import ActionFolders, modified_ns
from mesh_core.approvals.executors_sight import hidden_from_executor
from mesh_core.approvals.obstacles import Surroundings
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder
from mesh_core.policy.current_config import ConfigReader
from mesh_core.runtime.executor_notes import read_targets
from mesh_core.runtime.heartbeats import FRESH_SECONDS, heartbeat_file, heartbeats, what_is_stuck
from mesh_core.runtime.services import EXECUTOR
from mesh_core.storage.file_stamp import WhenChanged, stamp_of
from mesh_core.storage.listing import entries

NEWEST_RUNS = 50
UNREACHABLE = 4  # Ansible's exit status where a host gave no answer; in a syntax check it means something else

T = TypeVar("T")


class SurroundingsReader:
    """For one runtime folder; keep it, and only what changed is read again. `config`: the reader of that folder's."""

    def __init__(self, runtime: Path, config: ConfigReader | None = None):
        self._runtime = runtime
        self._actions = ActionFolders(runtime)
        self._config = config or ConfigReader(runtime)
        self._unreached = WhenChanged(self._read_unreached, lambda: tuple(map(stamp_of, self._ended)))

    def read(self, *, offline: Mapping[str, str], redis: str = "") -> Surroundings:
        """`offline`: silent nodes, since when; `redis`: why it takes no writes. Blocks on the disk."""
        config = self._config.read()
        return Surroundings(
            inventory=self._as_executor(self._config.inventory_file, config.inventory),
            policy=self._as_executor(self._config.policy_file, config.policy),
            targets=read_targets(self._runtime),
            offline=offline,
            unreached=self._unreached.value(),
            executor=executor_trouble(self._runtime),
            redis=redis,
            may_approve=self._may_approve(),
        )

    def _as_executor(self, path: Path, read: T) -> T | str | None:
        """What it finds there, who reads it at a run; None where this user may not look and it may."""
        if told := hidden_from_executor(self._runtime, path):
            return told
        if os.path.exists(path) and not os.access(path, os.R_OK):  # noqa: PTH110  (False where none may look)
            return None
        return read

    def _may_approve(self) -> bool:
        folders = map(self._actions.folder, (Folder.PENDING, Folder.APPROVED))
        return all(os.access(folder, os.W_OK | os.X_OK) for folder in folders)

    @property
    def _ended(self) -> tuple[Path, Path]:
        return self._actions.folder(Folder.DONE), self._actions.folder(Folder.FAILED)

    def _read_unreached(self) -> dict[str, str]:
        """The hosts that the newest run there could not reach, and when it ended, as far as it is among the newest."""
        newest: dict[str, Outcome] = {}
        for folder in self._ended:
            found = sorted(entries(folder), key=modified_ns, reverse=True)[:NEWEST_RUNS]
            for outcome in filter(None, (self._actions.outcome_at(Path(entry.path)) for entry in found)):
                known = newest.get(outcome.node)
                if known is None or known.finished_at < outcome.finished_at:
                    newest[outcome.node] = outcome
        return {node: outcome.finished_at for node, outcome in newest.items() if _got_no_answer(outcome)}


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


def _got_no_answer(outcome: Outcome) -> bool:
    return any(stage.rc == UNREACHABLE and stage.name != "syntax" for stage in outcome.stages)


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
