"""What came of a runner's task that is done or was ended: its value, or what it means that there is none."""

from __future__ import annotations

import asyncio

import structlog

from executor_agent.runner.interface import RunResult, TakenBack
from mesh_core.models.outcomes import OutcomeVerdict

log = structlog.get_logger()


def result_of(task: asyncio.Future[RunResult]) -> RunResult:
    """Of a run."""
    if not task.done() or task.cancelled():
        return RunResult("interrupted", OutcomeVerdict.INCONCLUSIVE, "it did not end when it was told to")
    error = task.exception()
    if error is not None:  # a runner may raise anything; the action has failed, the executor has not
        log.error("executor.runner_failed", exc_info=error)
        return RunResult(
            "failed", OutcomeVerdict.INCONCLUSIVE, f"the runner failed: {type(error).__name__}: {error}"[:1000]
        )
    return task.result()


def taken_back(task: asyncio.Future[TakenBack], *, in_time: bool) -> TakenBack:
    """Of an undo. `in_time`: its own time had not run out."""
    if not task.done() or task.cancelled():
        why = "it was told to stop" if in_time else "it took too long and was ended"
        return TakenBack("failed", f"it could not be taken back: {why}; look there")
    if error := task.exception():  # as of a run: whatever a runner raises, the executor goes on
        log.error("executor.undo_failed", exc_info=error)
        return TakenBack("failed", f"it could not be taken back: {type(error).__name__}: {error}"[:1000])
    return task.result()
