"""A runner's work within the bounds that an operator chose: it ends in time, and it may raise or hang as it likes.

What comes back is a value in every case; nothing that it started is left by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from executor_agent.processes.run_processes import end_processes
from executor_agent.reporting.live_output import LiveOutput
from executor_agent.run_files.ledger import ActionRun
from executor_agent.runner.interface import OnLine, Runner, RunResult, TakenBack
from mesh_core.actions.register import action_type
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.outcomes import OutcomeVerdict

CANCEL_SECONDS = 10.0  # what a runner gets to end in when it is told to
LAST_LOOK_SECONDS = 10.0  # a look while we are stopping

log = structlog.get_logger()
T = TypeVar("T")


@dataclass(frozen=True)
class ExecutorLimits:
    """Bounds that an operator chose; seconds."""

    parallel: int = 4
    run_seconds: float = 600.0
    look_seconds: float = 60.0
    stop_seconds: float = 25.0
    scan_seconds: float = 2.0

    def seconds_of(self, type_name: str) -> float:
        """How long a run may last: as its type says, and never longer than any."""
        own = action_type(type_name).longest_seconds
        return self.run_seconds if own is None else min(own, self.run_seconds)

    @property
    def longest_stop_seconds(self) -> float:
        """From SIGTERM to the last line, when everything goes slowly."""
        return self.stop_seconds + CANCEL_SECONDS + LAST_LOOK_SECONDS + 5


class BoundedRunner:
    """`cancel` tells the runner to come to an end; it is set, too, when its time is up. Lines go to `output`."""

    def __init__(self, runner: Runner, output: LiveOutput, limits: ExecutorLimits):
        self.limits = limits
        self._runner = runner
        self._output = output

    async def look(self, run: ActionRun, seconds: float | None = None) -> TargetState:
        """Look at the target; whatever goes wrong is UNKNOWN."""
        try:
            async with asyncio.timeout(min(seconds or self.limits.look_seconds, self.limits.look_seconds)):
                return await self._runner.look(run.proposal, run.folder)
        except TimeoutError:
            return TargetState(TargetStatus.UNKNOWN, "the look took too long")
        except Exception as error:
            # A look may fail in any way; it must never decide more than "unknown".
            log.warning("executor.look_failed", action_id=run.id, exc_info=error)
            return TargetState(TargetStatus.UNKNOWN, f"the look failed: {error}"[:500])

    async def run(self, run: ActionRun, cancel: asyncio.Event) -> RunResult:
        """Run it once. One that did not come to its end is looked at: its reason says how the target is."""
        work = self._runner.run(run.proposal, run.folder, self._on_line(run), cancel)
        task, in_time = await self._in_time(run, work, cancel)
        result = _result_of(task)
        return await self._ended_early(run, result, in_time=in_time) if result.result == "interrupted" else result

    async def take_back(self, run: ActionRun, before: Mapping[str, int], cancel: asyncio.Event) -> TakenBack:
        """Take back what a run did, once."""
        work = self._runner.take_back(run.proposal, run.folder, before, self._on_line(run), cancel)
        task, in_time = await self._in_time(run, work, cancel)
        return _taken_back(task, in_time=in_time)

    def _on_line(self, run: ActionRun) -> OnLine:
        return lambda stage, line: self._output.add(run.id, stage, line)

    async def _in_time(
        self, run: ActionRun, work: Coroutine[Any, Any, T], cancel: asyncio.Event
    ) -> tuple[asyncio.Future[T], bool]:
        """The runner's work, ended or done, and False if its own time ran out; whatever it started is gone by then."""
        task = asyncio.ensure_future(work)
        cancelled = asyncio.ensure_future(cancel.wait())
        try:
            seconds = self.limits.seconds_of(run.proposal.type)
            await asyncio.wait({task, cancelled}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            in_time = task.done() or cancel.is_set()
            if not task.done():
                cancel.set()
                await _end(run, task)
        finally:
            cancelled.cancel()
            task.cancel()
        return task, in_time

    async def _ended_early(self, run: ActionRun, result: RunResult, *, in_time: bool) -> RunResult:
        """A run that took too long has failed; one that we were told to stop is interrupted. Both say what is seen."""
        if not in_time:
            after = await self.look(run)
            reason = (
                f"it took longer than {self.limits.seconds_of(run.proposal.type):g} s and was ended; {after.sentence}"
            )
            return RunResult("failed", OutcomeVerdict.INCONCLUSIVE, reason, result.stages, after=after.facts)
        after = await self.look(run, LAST_LOOK_SECONDS)
        reason = result.reason or "the executor was told to stop"
        reason = f"{reason}; the target is {after.health}: {after.sentence}"
        return RunResult("interrupted", OutcomeVerdict.INCONCLUSIVE, reason, result.stages, result.before, after.facts)


async def _end(run: ActionRun, task: asyncio.Future[T]) -> None:
    """It was asked to end: wait, then make it, then end what it left behind."""
    await asyncio.wait({task}, timeout=CANCEL_SECONDS)
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_SECONDS)
    await asyncio.to_thread(end_processes, run.id)


def _result_of(task: asyncio.Future[RunResult]) -> RunResult:
    if not task.done() or task.cancelled():
        return RunResult("interrupted", OutcomeVerdict.INCONCLUSIVE, "it did not end when it was told to")
    error = task.exception()
    if error is not None:  # a runner may raise anything; the action has failed, the executor has not
        log.error("executor.runner_failed", exc_info=error)
        return RunResult(
            "failed", OutcomeVerdict.INCONCLUSIVE, f"the runner failed: {type(error).__name__}: {error}"[:1000]
        )
    return task.result()


def _taken_back(task: asyncio.Future[TakenBack], *, in_time: bool) -> TakenBack:
    if not task.done() or task.cancelled():
        why = "it was told to stop" if in_time else "it took too long and was ended"
        return TakenBack("failed", f"it could not be taken back: {why}; look there")
    if error := task.exception():  # as of a run: whatever a runner raises, the executor goes on
        log.error("executor.undo_failed", exc_info=error)
        return TakenBack("failed", f"it could not be taken back: {type(error).__name__}: {error}"[:1000])
    return task.result()
