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

from executor_agent.executor import Executor
from executor_agent.ledger import Run, Step
from executor_agent.processes import end_processes
from executor_agent.report import begun
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder
from mesh_core.runtime.pulse import LATE_SECONDS, Pulse

BROKEN = (
    "the executor crashed while it claimed this, and what lies here does not prove what was reviewed; "
    "look at claimed.json, and inject the event again (`mend inject`) if it is still wanted"
)

log = structlog.get_logger()


async def recover(executor: Executor, pulse: Pulse) -> int:
    """Deal with every folder in running/; returns how many. The caller is the only executor (standby.alone)."""
    # A folder may take one long look, and what it left behind some seconds to end.
    turned = pulse.watch("recovery", 2 * executor.limits.look_seconds + LATE_SECONDS)
    folders = await asyncio.to_thread(executor.actions.running)
    slots = asyncio.Semaphore(executor.limits.parallel)

    async def one(folder: Path) -> Run | None:
        async with slots:
            found = await _recover(executor, folder)
            turned()
            return found

    going_on = await asyncio.gather(*(one(folder) for folder in folders))
    pulse.rest("recovery")
    for run in going_on:
        if run is not None:
            executor.carry_on(run)
    return len(folders)


async def _recover(executor: Executor, folder: Path) -> Run | None:
    ledger = executor.ledger
    step = ledger.step_of(folder)
    log.info("executor.recovering", action_id=folder.name, step=step.value)
    if step is Step.UNCLAIMED:
        ledger.drop_unclaimed(folder)
        return None
    run = ledger.resume(folder)
    if run is None:
        log.error("executor.unproven", action_id=folder.name, step=step.value)
        await executor.endings.insist(folder.name, executor.actions.quarantine, folder, BROKEN)
        return None
    if step is Step.CLAIMED:
        return await _go_on(executor, run)
    await executor.endings.tell_claim(run)
    outcome = ledger.outcome_of(folder)
    if outcome is None:
        outcome = await _interrupted(executor, run)
    await executor.endings.close(run, outcome)
    return None


async def _go_on(executor: Executor, run: Run) -> Run | None:
    if run.proposal.expired(executor.clock()):
        await executor.endings.put_back(
            run,
            Folder.EXPIRED,
            "it expired while the executor was down; if it is still wanted, `mend inject` the event again",
        )
        return None
    return run


async def _interrupted(executor: Executor, run: Run) -> Outcome:
    async with executor.targets.hold(run.proposal.target_key):
        ended = await asyncio.to_thread(end_processes, run.id)
        seen = await executor.look(run)
        started = executor.ledger.started_of(run)
        executor.outbox.tell(begun(run.proposal, started.at))
        left = f"; {ended} processes that it had left were ended" if ended else ""
        outcome = executor.endings.outcome(
            run,
            "interrupted",
            "inconclusive",
            f"the executor was killed while it ran{left}; the target is {seen.health}: {seen.sentence}",
            started_at=started.at,
            before=started.before,
            after=seen.facts,
        )
        await executor.endings.insist(run.id, executor.ledger.conclude, run, outcome)
    return outcome
