"""What the loop asks of whoever really touches a host: look at a target, run an action. Words only, no deeds.

`action_runner.py` does it with Ansible; the tests of the loop have one that follows a script.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from mesh_core.actions.target_state import TargetState
from mesh_core.models.outcomes import OutcomeVerdict, Stage
from mesh_core.models.proposals import Proposal

OnLine = Callable[[str, str], None]  # (stage, line); never blocks, may be called from any thread


@dataclass(frozen=True)
class RunResult:
    """How a run ended. `done`: ran to its end and helped (or could not be shown not to)."""

    result: Literal["done", "failed", "interrupted"]
    verdict: OutcomeVerdict
    reason: str
    stages: tuple[Stage, ...] = ()
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    did_not_help: bool = False  # it began, and it is known that what it was for did not come of it


@dataclass(frozen=True)
class TakenBack:
    """`undone` as in the outcome; None: there was nothing to take back."""

    undone: bool | Literal["failed"] | None
    reason: str = ""
    stages: tuple[Stage, ...] = ()

    def after(self, reason: str) -> str:
        """The reason of a run, with this behind it."""
        return f"{reason}; {self.reason}" if self.reason else reason


class Runner(Protocol):
    async def look(self, proposal: Proposal, run_dir: Path) -> TargetState:
        """Look at the target, changing nothing there. UNKNOWN where there is nothing to look at (a notification).

        May be cancelled at any time; then nothing of it is left running.
        """
        ...

    async def run(self, proposal: Proposal, run_dir: Path, on_line: OnLine, cancel: asyncio.Event) -> RunResult:
        """Run it once, in `run_dir`, every child with MEND_RUN=<id> in its environment.

        Returns soon after `cancel` is set (`interrupted`), with no child left. Failing is a value, not an exception.
        """
        ...

    async def take_back(
        self, proposal: Proposal, run_dir: Path, before: Mapping[str, int], on_line: OnLine, cancel: asyncio.Event
    ) -> TakenBack:
        """Take back what `run` did, once, and look whether all is as the numbers `before` say; likewise."""
        ...
