"""A real executor process with the scripted runner, that dies by its own kill -9 at the step it is told; started by
test_recovery.py. Not a test: `python crashing.py RUNTIME REDIS_URL STEP`, STEP `none` to live on."""

from __future__ import annotations

from mesh_core.runtime.log import setup

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from executor_rig import ScriptedRunner, undoes_by_itself
from ptyprocess import PtyProcess

from executor_agent import lifecycle
from executor_agent.lifecycle import ExecutorLifecycle
from executor_agent.loop import approved_scanner, bounded_runner, execution
from executor_agent.loop.bounded_runner import ExecutorLimits
from executor_agent.processes import orphans
from executor_agent.reporting import outbox
from executor_agent.run_files import ledger
from executor_agent.runner.interface import OnLine, RunResult, TakenBack
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.approvals import executor_folders
from mesh_core.messaging import bus
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.proposals import ActionUpdate, Proposal
from mesh_core.runtime import pulse
from mesh_core.runtime.service import serve
from mesh_core.storage import file_lock


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after(owner: Any, name: str) -> None:
    real: Callable[..., Any] = getattr(owner, name)

    def wrapped(*arguments: Any, **more: Any) -> Any:
        result = real(*arguments, **more)
        die()
        return result

    setattr(owner, name, wrapped)


def dying_before(owner: Any, name: str) -> None:
    def wrapped(*_: Any, **__: Any) -> None:
        die()

    setattr(owner, name, wrapped)


class Runner(ScriptedRunner):
    """Leaves a child with the marker behind, as a playbook of minutes would."""

    step = "none"

    async def run(self, proposal: Proposal, run_dir: Path, on_line: OnLine, cancel: Any) -> RunResult:
        if self.step == "in the run":
            await asyncio.create_subprocess_exec(
                *("sleep", "600"), env={"PATH": os.environ["PATH"], "MEND_RUN": proposal.id}, start_new_session=True
            )
        result = await super().run(proposal, run_dir, on_line, cancel)
        if self.step in ("in the run", "after the run"):
            die()
        if "the undo" in self.step:
            return replace(result, result="failed", verdict=OutcomeVerdict.NOT_HELPED, did_not_help=True)
        if self.step in COPIES:
            await asyncio.to_thread(_die_between_fork_and_exec)
        return result

    async def take_back(self, *arguments: Any) -> TakenBack:
        back = await super().take_back(*arguments)
        if self.step == "in the undo":
            die()
        return back


def _die_between_fork_and_exec() -> None:
    """As ansible-runner begins a stage: in a terminal of its own. The copy finds its terminal hung up, and goes on as a
    copy of this process."""
    real = os.forkpty

    def forkpty() -> tuple[int, int]:
        pid, descriptor = real()
        if pid == 0:
            os.kill(executor_pid, signal.SIGKILL)
            # Not until it has another parent: that may come before the last thread there has closed the terminal.
            with suppress(OSError):
                while os.get_terminal_size(0):
                    time.sleep(0.01)
        return pid, descriptor

    executor_pid = os.getpid()
    os.forkpty = forkpty  # type: ignore[assignment]
    PtyProcess.spawn(["true"], echo=False)


def _as_before_the_copies_were_told() -> None:
    """An executor whose copies keep its lock and outlive it."""
    take = file_lock.FileLock.take

    def taken(self: file_lock.FileLock, **more: bool) -> bool:
        mine = take(self, **more)
        file_lock._held.clear()
        return mine

    file_lock.FileLock.take = taken  # type: ignore[method-assign]


COPIES = ("a copy", "a copy with the lock")

STEPS: dict[str, Callable[[], object]] = {
    "a scan that hangs": lambda: _hanging_scan(),
    "a copy": orphans.die_with_parent,
    "a copy with the lock": _as_before_the_copies_were_told,
    "none": lambda: None,
    "before the claim": lambda: dying_before(ledger.Ledger, "claim"),
    "after mkdir": lambda: dying_before(executor_folders, "rename_exclusive"),
    "after the claim": lambda: dying_after(ledger.Ledger, "claim"),
    "before the look": lambda: dying_before(bounded_runner.BoundedRunner, "look"),
    "before started": lambda: dying_before(ledger.Ledger, "begin"),
    "between executed and started": lambda: _at_second(ledger, "create_whole"),
    "after started": lambda: dying_after(ledger.Ledger, "begin"),
    "in the run": lambda: None,
    "after the run": lambda: None,
    "undoes": undoes_by_itself,
    "before the undo": lambda: (undoes_by_itself(), dying_before(ledger.Ledger, "begin_undo")),
    "in the undo": undoes_by_itself,
    "after outcome": lambda: dying_after(ledger.Ledger, "conclude"),
    "before the report": lambda: _third_put(),
    "after the report": lambda: dying_before(ledger.Ledger, "finish"),
    "after finish": lambda: dying_after(ledger.Ledger, "finish"),
    "in the middle of telling": lambda: _told_but_not_noted(),
    "two hours later": lambda: _two_hours_later(),
}


def _at_second(owner: Any, name: str) -> None:
    real, calls = getattr(owner, name), []

    def wrapped(*arguments: Any, **more: Any) -> Any:
        calls.append(name)
        if len(calls) == 2:
            die()
        return real(*arguments, **more)

    setattr(owner, name, wrapped)


def _hanging_scan() -> None:
    pulse.Pulse.watch.__defaults__ = (2.0,)  # type: ignore[attr-defined]
    approved_scanner.ApprovedScanner.names = lambda self: time.sleep(3600) or []  # type: ignore[method-assign, func-returns-value]


def _third_put() -> None:
    """The result's report is the third thing that is told."""
    real, calls = outbox.Outbox.put, []

    def wrapped(self: outbox.Outbox, reports: Any) -> None:
        if reports:
            calls.append(reports)
        if len(calls) == 3:
            die()
        real(self, reports)

    outbox.Outbox.put = wrapped  # type: ignore[method-assign]


def _told_but_not_noted() -> None:
    """Redis has the result, the outbox still has it as well."""
    real = bus.Bus.publish

    async def wrapped(self: bus.Bus, record: Any, **more: Any) -> bool:
        told = await real(self, record, **more)
        if isinstance(record, ActionUpdate) and record.from_folder == "running":
            die()
        return told

    bus.Bus.publish = wrapped  # type: ignore[method-assign]


def _two_hours_later() -> None:
    def later() -> datetime:
        return datetime.now(UTC) + timedelta(hours=2)

    lifecycle.utc_now = later  # type: ignore[attr-defined]
    execution.Execution.__init__.__kwdefaults__["clock"] = later


def main() -> None:
    runtime, redis_url, step = Path(sys.argv[1]), sys.argv[2], os.environ.get("DIES_AT", sys.argv[3])
    setup("executor-agent")
    runner = Runner(
        runtime / "runs", looks=(TargetState(TargetStatus.UNHEALTHY, "it does not answer", {"answers": 0}),)
    )
    runner.step = step
    runner.seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0
    STEPS[step]()
    made = ExecutorLifecycle(
        runtime, runner, redis_url, ExecutorLimits(scan_seconds=0.2, stop_seconds=5), node="tester"
    )
    serve("executor-agent", runtime, {"execute": made.run}, pulse=made.pulse, stop_seconds=20)


if __name__ == "__main__":
    main()
