"""One claimed action, from the claim to its end: is it still unhealthy? -> begin -> run -> outcome -> close.

The order of the steps is the design (docs/decisions/0050): at most once, whatever dies in between. What touches a host
is the runner's; what lies where is the ledger's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from executor_agent.admission.admission import dangers_of, permission_problem
from executor_agent.admission.beginning import lifeline_problem, never_ran, owner_problem, too_often
from executor_agent.admission.precondition import is_over, seconds_until_sure
from executor_agent.loop.bounded_runner import BoundedRunner, ExecutorLimits
from executor_agent.loop.neighbours import Neighbours
from executor_agent.loop.taking_back import is_to_be_taken_back, left_as_it_is
from executor_agent.loop.target_locks import TargetLocks
from executor_agent.reporting.outbox import Outbox
from executor_agent.reporting.reports import started_reports
from executor_agent.run_files.finalizer import Finalizer
from executor_agent.run_files.ledger import ActionRun, Ledger
from executor_agent.runner.interface import RunResult, TakenBack
from mesh_core.actions.register import action_type
from mesh_core.actions.target_state import TargetState, numbers_in
from mesh_core.models.events import Trust
from mesh_core.models.outcomes import Outcome, OutcomeVerdict
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.policy.current_config import SETTLING_SECONDS, ConfigReader

LOOK_AGAIN_SECONDS = 5.0
BEGAN_BEFORE = (
    "an action of this id ran before, and one id runs at most once; `mend retry` or `mend inject` makes another"
)

log = structlog.get_logger()


@dataclass
class ActiveRun:
    """A claimed action and the task that executes it. `cancel` tells the runner to come to an end."""

    run: ActionRun
    task: asyncio.Task[None] | None = None
    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    begun: bool = False


class Execution:
    """What every claimed action goes through; the same object for all of them. As many at a time as the runner's limits
    say."""

    def __init__(
        self,
        ledger: Ledger,
        config: ConfigReader,
        runner: BoundedRunner,
        outbox: Outbox,
        locks: TargetLocks,
        finalizer: Finalizer,
        *,
        neighbours: Neighbours | None = None,
        clock: Callable[[], datetime] = utc_now,
    ):
        self.ledger = ledger
        self.config = config
        self.runner = runner
        self.outbox = outbox
        self.locks = locks
        self.finalizer = finalizer
        self.limits: ExecutorLimits = runner.limits
        self.neighbours = neighbours
        self.clock = clock
        self._slots = asyncio.Semaphore(self.limits.parallel)

    async def execute(self, active: ActiveRun) -> None:
        """To its end, or until it must not begin any more. Raises only what is a fault of ours."""
        run = active.run
        await self.finalizer.report_claim(run)
        async with self.locks.hold(_turn_of(run.proposal)), self._slots:
            before = await self._look_until_sure(active)
            action = action_type(run.proposal.type)
            if is_over(run.proposal.event, before, sees_the_trouble=action.sees_the_trouble):
                outcome = self._withdrawn(run, before)
            elif await self._begin(active, before):
                outcome = await self._run(active, before)
            else:
                return
            await self.finalizer.retry_while_disk_full(run.id, self.ledger.conclude, run, outcome)
        await self.finalizer.close(run, outcome)

    async def _look_until_sure(self, active: ActiveRun) -> TargetState:
        """Until the target's own check had the time to see what somebody else saw."""
        run = active.run
        before = await self.runner.look(run)
        while (left := seconds_until_sure(run.proposal.event, before, self.clock())) > 0 and not active.cancel.is_set():
            log.info("executor.waits_for_its_own_check", action_id=run.id, seconds=round(left))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(active.cancel.wait(), min(left, LOOK_AGAIN_SECONDS))
            before = await self.runner.look(run)
        return before

    def _withdrawn(self, run: ActionRun, before: TargetState) -> Outcome:
        reason = f"{action_type(run.proposal.type).over}: {before.sentence}"
        if run.proposal.event.trust is Trust.FOREIGN and before.checked:
            reason = (
                f"its own health check says that it is healthy: {before.sentence}; nothing was touched. If the alert "
                "lasts, `mend inject` its event for another proposal"
            )
        return self.finalizer.outcome(run, "withdrawn", OutcomeVerdict.NOT_RUN, reason, before=before.facts)

    async def _begin(self, active: ActiveRun, before: TargetState) -> bool:
        """The point of no return. False: told to stop before, or this id began before; then nothing runs."""
        run = active.run
        if problem := await self._permission_problem(run, before):
            await self.finalizer.give_back(run, Folder.QUARANTINE, problem)
            return False
        active.begun = True
        while not active.cancel.is_set():
            try:
                await asyncio.to_thread(self.ledger.begin, run, before, self.clock())
            except FileExistsError:
                log.error("executor.began_before", action_id=run.id)
                await self.finalizer.quarantine(run.folder, BEGAN_BEFORE)
                return False
            except OSError as error:
                await self.finalizer.wait_for_disk(run.id, "begin", error)
            else:
                log.info("executor.began", action_id=run.id, type=run.proposal.type, target=run.proposal.target_key)
                self.outbox.try_put(started_reports(run.proposal, rfc3339(self.clock())))
                self.outbox.wake()
                return True
        return False

    async def _permission_problem(self, run: ActionRun, before: TargetState) -> str | None:
        """Asked once more, after all the waiting: config/ may have changed, and now the target was looked at."""
        config = self.config.read()
        if config.settling:  # being saved: two seconds later it is whole, or it is wrong
            await asyncio.sleep(SETTLING_SECONDS)
            config = self.config.read()
        problem = await asyncio.to_thread(permission_problem, run.proposal, config)
        for danger in () if problem else await asyncio.to_thread(dangers_of, run.proposal, config):
            log.warning(
                "executor.danger_was_approved", action_id=run.id, approved_by=run.intent.approver, danger=danger
            )
        problem = problem or never_ran(run.proposal, self.ledger.ran_in)
        problem = problem or await asyncio.to_thread(
            too_often, run.proposal, lambda: self.ledger.begun_within_hour(run.proposal, self.clock())
        )
        return problem or lifeline_problem(run.proposal, config, before) or owner_problem(run.proposal, before)

    async def _run(self, active: ActiveRun, before: TargetState) -> Outcome:
        run, started_at = active.run, rfc3339(self.clock())
        changes = action_type(run.proposal.type).touches_host and not run.proposal.preview_of
        others = await self.neighbours.before(run.proposal) if self.neighbours and changes else None
        result = await self.runner.run(run, active.cancel)
        seen_before = result.before or before.facts
        change = action_type(run.proposal.type).told_change(run.proposal, seen_before, result.after)
        back = await self._take_back(active, result, seen_before)
        beside = await others.after() if others and result.verdict is not OutcomeVerdict.NOT_RUN else ""
        return self.finalizer.outcome(
            run,
            result.result,
            result.verdict,
            "; ".join(part for part in (change, result.reason, back.reason, beside) if part),
            started_at=started_at,
            stages=(*result.stages, *back.stages),
            before=seen_before,
            after=result.after,
            undone=back.undone,
        )

    async def _take_back(self, active: ActiveRun, result: RunResult, before: Mapping[str, Any]) -> TakenBack:
        """What did not help is taken back, where that was approved with it; noted before it begins, so at most once."""
        run, action = active.run, action_type(active.run.proposal.type)
        if not is_to_be_taken_back(action, result):
            return left_as_it_is(action, result)
        if active.cancel.is_set():
            return left_as_it_is(action, result, "the executor was told to stop")
        if not (numbers := numbers_in(before)):
            return left_as_it_is(action, result, "what was there before was not measured")
        await self.finalizer.retry_while_disk_full(run.id, self.ledger.begin_undo, run)
        log.info("executor.takes_back", action_id=run.id, type=run.proposal.type)
        return await self.runner.take_back(run, numbers, active.cancel)


def _turn_of(proposal: Proposal) -> str:
    """Whose turn it waits for. No repair of a target waits for a preview, which changes nothing there."""
    return f"{proposal.target_key} preview" if proposal.preview_of else proposal.target_key
