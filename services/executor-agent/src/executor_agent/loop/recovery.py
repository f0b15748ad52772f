"""At the start, before new work: bring to an end what a crash cut short. Nothing that began is ever run again.

no claimed.json   the file is still in approved/: forget the folder
no `started`      nothing has touched the target: go on where it was
`started`         end what still runs, look at the target, close it as interrupted with what was seen
outcome.json      it ended; only the report or the last move is missing: repeat both
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from executor_agent.loop.execution import Execution
from executor_agent.loop.taking_back import KILLED, left_as_it_is
from executor_agent.processes.run_processes import end_processes
from executor_agent.reporting.reports import started_reports
from executor_agent.run_files.ledger import ActionRun, RunPhase
from executor_agent.runner.interface import RunResult
from mesh_core.actions.register import action_type
from mesh_core.models.outcomes import Outcome, OutcomeVerdict
from mesh_core.models.proposals import Folder
from mesh_core.runtime.pulse import LATE_SECONDS, Pulse

UNPROVEN = (
    "the executor crashed while it claimed this, and what lies here does not prove what was reviewed; "
    "look at claimed.json, and inject the event again (`mend inject`) if it is still wanted"
)
TOO_LATE = "it expired while the executor was down; if it is still wanted, `mend inject` the event again"

log = structlog.get_logger()


async def recover(execution: Execution, folders: list[Path], pulse: Pulse) -> list[ActionRun]:
    """Deal with every folder of running/; returns the runs that have yet to be executed. The caller is the only
    executor here."""
    # A folder may take one long look, and what it left behind some seconds to end.
    progress = pulse.watch("recovery", 2 * execution.limits.look_seconds + LATE_SECONDS)
    slots = asyncio.Semaphore(execution.limits.parallel)

    async def one(folder: Path) -> ActionRun | None:
        async with slots:
            run = await _recover(execution, folder)
            progress()
            return run

    runs = await asyncio.gather(*(one(folder) for folder in folders))
    pulse.rest("recovery")
    return [run for run in runs if run is not None]


async def _recover(execution: Execution, folder: Path) -> ActionRun | None:
    ledger, finalizer = execution.ledger, execution.finalizer
    phase = ledger.phase_of(folder)
    log.info("executor.recovering", action_id=folder.name, phase=phase.value)
    if phase is RunPhase.UNCLAIMED:
        ledger.drop_unclaimed(folder)
        return None
    run = ledger.resume(folder)
    if run is None:
        log.error("executor.unproven", action_id=folder.name, phase=phase.value)
        await finalizer.quarantine(folder, UNPROVEN)
        return None
    if phase is RunPhase.CLAIMED:
        if not run.proposal.expired(execution.clock()):
            return run
        await finalizer.give_back(run, Folder.EXPIRED, TOO_LATE)
        return None
    await finalizer.report_claim(run)
    outcome = ledger.outcome_of(folder) or await _interrupted(execution, run)
    await finalizer.close(run, outcome)
    return None


async def _interrupted(execution: Execution, run: ActionRun) -> Outcome:
    async with execution.locks.hold(run.proposal.target_key):
        ended = await asyncio.to_thread(end_processes, run.id)
        after = await execution.runner.look(run)
        started = execution.ledger.started_of(run)
        execution.outbox.try_put(started_reports(run.proposal, started.at))
        left = f"; {ended} processes that it had left were ended" if ended else ""
        reason = f"the executor was killed while it ran{left}; the target is {after.health}: {after.sentence}"
        killed = RunResult("interrupted", OutcomeVerdict.INCONCLUSIVE, reason)
        action, begun = action_type(run.proposal.type), execution.ledger.undo_began(run)
        back = KILLED if begun else left_as_it_is(action, killed, "the executor was killed")
        outcome = execution.finalizer.outcome(
            run,
            killed.result,
            killed.verdict,
            back.after(reason),
            started_at=started.at,
            before=started.before,
            after=after.facts,
            undone=back.undone,
        )
        await execution.finalizer.retry_while_disk_full(run.id, execution.ledger.conclude, run, outcome)
    return outcome
