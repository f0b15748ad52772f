"""Claim -> is it still sick? -> begin -> run -> outcome -> report -> finish. At most once, whatever dies in between.

The order of the steps is the design (docs/decisions/0050). What touches a host is the Runner's; what is believed of a
file is intake's; what lies where is the ledger's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from executor_agent.endings import Endings
from executor_agent.intake import permission_problem
from executor_agent.ledger import Ledger, Run
from executor_agent.live import LiveLines
from executor_agent.precondition import is_over
from executor_agent.processes import end_processes
from executor_agent.report import Outbox, begun
from executor_agent.rules import SETTLING_SECONDS, RulesReader
from executor_agent.runner import Runner, RunResult
from executor_agent.sweep import Sweep
from executor_agent.targets import Targets
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.approvals.store import Actions
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder
from mesh_core.models.records import rfc3339
from mesh_core.runtime.pulse import Pulse

SOON_SECONDS = 0.25
CANCEL_SECONDS = 10.0  # what a runner gets to end in when it is told to
BEGAN_BEFORE = (
    "an action of this id ran before, and one id runs at most once; `mend retry` or `mend inject` makes another"
)
LAST_LOOK_SECONDS = 10.0  # a look while we are stopping

log = structlog.get_logger()


@dataclass(frozen=True)
class Limits:
    """Bounds that an operator chose; seconds."""

    parallel: int = 4
    run_seconds: float = 600.0
    look_seconds: float = 60.0
    stop_seconds: float = 25.0
    scan_seconds: float = 2.0

    @property
    def longest_stop_seconds(self) -> float:
        """From SIGTERM to the last line, when everything goes slowly."""
        return self.stop_seconds + CANCEL_SECONDS + LAST_LOOK_SECONDS + 5


@dataclass
class Work:
    """A claimed action and the task that carries it. `cancel` tells the runner to come to an end."""

    run: Run
    task: asyncio.Task[None] | None = None
    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    begun: bool = False


def utc_now() -> datetime:
    return datetime.now(UTC)


class Executor:
    """`run` is the whole life; everything else is handed in."""

    def __init__(
        self,
        actions: Actions,
        ledger: Ledger,
        rules: RulesReader,
        runner: Runner,
        outbox: Outbox,
        lines: LiveLines,
        targets: Targets,
        limits: Limits,
        *,
        node: str,
        bundle: Callable[[Path], object] = lambda folder: None,
        clock: Callable[[], datetime] = utc_now,
        pulse: Pulse | None = None,
    ):
        self.actions = actions
        self.ledger = ledger
        self.rules = rules
        self.runner = runner
        self.outbox = outbox
        self.lines = lines
        self.targets = targets
        self.limits = limits
        self.clock = clock
        by = f"executor@{node}"
        self.endings = Endings(actions, ledger, outbox, by=by, bundle=bundle, clock=clock)
        self.sweep = Sweep(actions, ledger, rules, outbox, by=by, node=node, clock=clock)
        self._slots = asyncio.Semaphore(limits.parallel)
        self._works: dict[str, Work] = {}
        self._wake = asyncio.Event()
        self._broken: BaseException | None = None
        self._pulse = pulse or Pulse()

    def hint(self) -> None:
        """Something may have come into approved/: look now, not in two seconds."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: claim and carry. Recovery comes before (recovery.py)."""
        stopper = asyncio.ensure_future(stop.wait())
        turned = self._pulse.watch("the scan of approved/")
        try:
            while not stop.is_set():
                self._wake.clear()
                await self._round(stop, turned)
                turned()
                if self._broken is not None:
                    raise self._broken
                seconds = min(SOON_SECONDS, self.limits.scan_seconds) if self.sweep.soon else self.limits.scan_seconds
                waker = asyncio.ensure_future(self._wake.wait())
                await asyncio.wait({stopper, waker}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                waker.cancel()
        finally:
            stopper.cancel()
            self._pulse.rest("the scan of approved/")
            await self._wind_down()
        if self._broken is not None:
            raise self._broken

    def carry_on(self, run: Run) -> None:
        """Begin to carry a claimed action (new, or found again after a restart)."""
        work = Work(run)
        self._works[run.id] = work
        work.task = asyncio.create_task(self._carry(work), name=f"carry {run.id}")
        work.task.add_done_callback(lambda task: self._carried(run.id, task))

    @property
    def carrying(self) -> int:
        """How many actions are claimed and not at their end."""
        return len(self._works)

    async def idle(self) -> None:
        """Return when nothing is being carried."""
        while tasks := [work.task for work in self._works.values() if work.task]:
            await asyncio.wait(tasks)
            await asyncio.sleep(0)

    async def _round(self, stop: asyncio.Event, turned: Callable[[], None]) -> None:
        for file_name in await asyncio.to_thread(self.sweep.names):
            turned()
            if stop.is_set():
                return
            run = await asyncio.to_thread(self.sweep.take, file_name)
            if run is not None:
                self.carry_on(run)
        await asyncio.to_thread(self.sweep.expire_pending)
        await asyncio.to_thread(self.outbox.tell, ())  # what a full disk kept back
        self.outbox.ring()

    # ---- one action ----------------------------------------------------------------------------------------------

    async def _carry(self, work: Work) -> None:
        run = work.run
        await self.endings.tell_claim(run)
        async with self.targets.hold(run.proposal.target_key), self._slots:
            look = await self.look(run)
            if is_over(run.proposal.event, look):
                outcome = self.endings.outcome(
                    run, "withdrawn", "not_run", f"the trouble went away first: {look.sentence}"
                )
                outcome = outcome.model_copy(update={"before": look.facts})
            elif not await self._begin(work, look):
                return
            else:
                outcome = await self._run(work, look)
            await self.endings.insist(run.id, self.ledger.conclude, run, outcome)
        await self.endings.close(run, outcome)

    async def _begin(self, work: Work, look: TargetState) -> bool:
        """The point of no return. False: told to stop before, or this id began before; then nothing runs."""
        run = work.run
        rules = self.rules.read()
        if rules.settling:  # being saved: two seconds later it is whole, or it is wrong
            await asyncio.sleep(SETTLING_SECONDS)
            rules = self.rules.read()
        if problem := await asyncio.to_thread(permission_problem, run.proposal, rules):
            await self.endings.put_back(run, Folder.QUARANTINE, problem)
            return False
        work.begun = True
        while not work.cancel.is_set():
            try:
                await asyncio.to_thread(self.ledger.begin, run, look, self.clock())
            except FileExistsError:
                log.error("executor.began_before", action_id=run.id)
                await self.endings.insist(run.id, self.actions.quarantine, run.folder, BEGAN_BEFORE)
                return False
            except OSError as error:
                await self.endings.disk_trouble(run.id, "begin", error)
            else:
                log.info("executor.began", action_id=run.id, type=run.proposal.type, pair=run.proposal.target_key)
                self.outbox.tell(begun(run.proposal, rfc3339(self.clock())))
                self.outbox.ring()
                return True
        return False

    async def _run(self, work: Work, look: TargetState) -> Outcome:
        run, started = work.run, rfc3339(self.clock())
        task = asyncio.ensure_future(
            self.runner.run(
                run.proposal, run.folder, lambda stage, line: self.lines.add(run.id, stage, line), work.cancel
            )
        )
        asked = asyncio.ensure_future(work.cancel.wait())
        try:
            await asyncio.wait({task, asked}, timeout=self.limits.run_seconds, return_when=asyncio.FIRST_COMPLETED)
            in_time, told_to_stop = task.done(), work.cancel.is_set()
            if not in_time:
                work.cancel.set()
                await asyncio.wait({task}, timeout=CANCEL_SECONDS)
                if not task.done():
                    task.cancel()
                    await asyncio.wait({task}, timeout=CANCEL_SECONDS)
                await asyncio.to_thread(end_processes, run.id)
        finally:
            asked.cancel()
            task.cancel()
        result = _result_of(task)
        if result.result == "interrupted":
            if not in_time and not told_to_stop:
                why = f"it took longer than {self.limits.run_seconds:g} s and was ended"
                seen = await self.look(run)
                result = RunResult("failed", "inconclusive", f"{why}; {seen.sentence}", result.stages, after=seen.facts)
            else:
                result = await self._interrupted(run, result)
        return self.endings.outcome(
            run,
            result.result,
            result.verdict,
            result.reason,
            started_at=started,
            stages=result.stages,
            before=result.before or look.facts,
            after=result.after,
        )

    async def _interrupted(self, run: Run, result: RunResult) -> RunResult:
        seen = await self.look(run, LAST_LOOK_SECONDS)
        reason = f"{result.reason or 'the executor was told to stop'}; the target is {seen.health}: {seen.sentence}"
        return RunResult("interrupted", "inconclusive", reason, result.stages, result.before, seen.facts)

    # ---- what recovery needs as well -----------------------------------------------------------------------------

    async def look(self, run: Run, seconds: float | None = None) -> TargetState:
        """Look at the target within bounds; whatever goes wrong is UNKNOWN."""
        try:
            async with asyncio.timeout(min(seconds or self.limits.look_seconds, self.limits.look_seconds)):
                return await self.runner.look(run.proposal, run.folder)
        except TimeoutError:
            return TargetState(TargetStatus.UNKNOWN, "the look took too long")
        except Exception as error:
            # A look may fail in any way; it must never decide more than "unknown".
            log.warning("executor.look_failed", action_id=run.id, exc_info=error)
            return TargetState(TargetStatus.UNKNOWN, f"the look failed: {error}"[:500])

    # ---- stopping ------------------------------------------------------------------------------------------------

    def _carried(self, action_id: str, task: asyncio.Task[None]) -> None:
        self._works.pop(action_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = self._broken or error
            self._wake.set()

    async def _wind_down(self) -> None:
        """What has not begun stays claimed for the next start; what has begun gets its time, then is told to end."""
        for work in self._works.values():
            if not work.begun and work.task:
                work.task.cancel()
        tasks = [work.task for work in self._works.values() if work.task]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self.limits.stop_seconds)
        for work in self._works.values():
            if work.task in late:
                log.warning("executor.run_cancelled", action_id=work.run.id, after_seconds=self.limits.stop_seconds)
                work.cancel.set()
        if late:
            await asyncio.wait(late)


def _result_of(task: asyncio.Future[RunResult]) -> RunResult:
    if not task.done() or task.cancelled():
        return RunResult("interrupted", "inconclusive", "it did not end when it was told to")
    error = task.exception()
    if error is not None:  # a runner may raise anything; the action has failed, the executor has not
        log.error("executor.runner_failed", exc_info=error)
        return RunResult("failed", "inconclusive", f"the runner failed: {type(error).__name__}: {error}"[:1000])
    return task.result()
