"""How an action comes to its end on disk, and how that is reported. The same for the loop and for recovery; runs
nothing (Kubernetes calls this a finalizer: what must be done before a thing may go).

Every step may be repeated after a crash, and is repeated while the disk is full.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from executor_agent.reporting.outbox import Outbox
from executor_agent.reporting.reports import ended_reports, move_report
from executor_agent.run_files.ledger import ActionRun, Ledger
from mesh_core.approvals.executor_folders import ExecutorFolders
from mesh_core.models.outcomes import Outcome, OutcomeVerdict
from mesh_core.models.proposals import Folder
from mesh_core.models.records import parse_time, rfc3339
from mesh_core.runtime.metrics import EXECUTION_TIME, EXECUTIONS

DISK_RETRY_SECONDS = 1.0

log = structlog.get_logger()


class Finalizer:
    """`actor` signs the moves, `bundle` packs a run's folder."""

    def __init__(
        self,
        actions: ExecutorFolders,
        ledger: Ledger,
        outbox: Outbox,
        *,
        actor: str,
        bundle: Callable[[Path], object],
        clock: Callable[[], datetime],
    ):
        self.actions = actions
        self.ledger = ledger
        self.outbox = outbox
        self.actor = actor
        self.bundle = bundle
        self.clock = clock

    def outcome(
        self,
        run: ActionRun,
        result: Any,
        verdict: OutcomeVerdict,
        reason: str,
        *,
        started_at: str | None = None,
        **more: Any,
    ) -> Outcome:
        """The record of how `run` ended; `more` are fields of Outcome (stages, before, after)."""
        now = rfc3339(self.clock())
        return Outcome(
            action_id=run.id,
            attempt=run.proposal.attempt,
            digest=run.intent.digest,
            result=result,
            verdict=verdict,
            reason=reason[:2000],
            node=run.proposal.node,
            service=run.proposal.service,
            type=run.proposal.type,
            event_id=run.proposal.event.id,
            approved_by=run.intent.approver,
            started_at=started_at or now,
            finished_at=now,
            **more,
        )

    async def report_claim(self, run: ActionRun) -> None:
        """pending -> approved -> running; repeated after a crash, heard once."""
        proposal, timestamp = run.proposal, run.intent.claimed_at
        reason = proposal.reason if proposal.preview_of else ""  # whose preview that is
        yes = {"actor": run.intent.approver, "timestamp": timestamp, "reason": reason}
        reports = [
            move_report(proposal, Folder.PENDING, Folder.APPROVED, **yes),
            move_report(proposal, Folder.APPROVED, Folder.RUNNING, actor=self.actor, timestamp=timestamp),
        ]
        await asyncio.to_thread(self.outbox.try_put, reports)
        self.outbox.wake()

    async def close(self, run: ActionRun, outcome: Outcome) -> None:
        """With outcome.json on disk: bundle, report, move the folder. Each step may be repeated."""
        try:
            await asyncio.to_thread(self.bundle, run.folder)
        except Exception as error:
            # A bundle is a copy of what lies there anyway; its lack must not hold up a result.
            log.error("executor.bundle_failed", action_id=run.id, exc_info=error)
        ended = move_report(
            run.proposal,
            Folder.RUNNING,
            Folder(outcome.result),
            actor=self.actor,
            timestamp=outcome.finished_at,
            reason=outcome.reason,
        )
        await self.retry_while_disk_full(run.id, self.outbox.put, [ended, *ended_reports(run.proposal, outcome)])
        try:
            await self.retry_while_disk_full(run.id, self.ledger.finish, run, outcome)
        except FileExistsError:
            log.error("executor.finished_before", action_id=run.id, folder=outcome.result)
            await self.quarantine(run.folder, "an action of this id finished before")
        self.outbox.wake()
        EXECUTIONS.add(outcome.type, outcome.result, outcome.verdict)
        if outcome.result != "withdrawn":
            duration = parse_time(outcome.finished_at) - parse_time(outcome.started_at)
            EXECUTION_TIME.observe(max(0.0, duration.total_seconds()), outcome.type)
        log.info("executor.finished", action_id=run.id, result=outcome.result, verdict=outcome.verdict)

    async def give_back(self, run: ActionRun, folder: Folder, reason: str) -> None:
        """A claimed file that may not run any more leaves running/ as the file it was."""
        await self.retry_while_disk_full(run.id, self.actions.give_back, run.folder, run.name, folder, reason)
        log.warning("executor.put_back", action_id=run.id, to=folder.value, reason=reason)
        report = move_report(
            run.proposal,
            Folder.RUNNING,
            folder,
            actor=self.actor,
            timestamp=rfc3339(self.clock()),
            reason=reason,
            idempotency_key=f"{run.id}.{run.intent.digest}:{run.intent.claimed_at}:{folder.value}",
        )
        await asyncio.to_thread(self.outbox.try_put, [report])
        self.outbox.wake()

    async def quarantine(self, run_folder: Path, reason: str) -> None:
        """A folder of running/ that cannot be believed."""
        await self.retry_while_disk_full(run_folder.name, self.actions.quarantine, run_folder, reason)

    async def retry_while_disk_full(self, action_id: str, function: Callable[..., object], *arguments: Any) -> None:
        """Do it until the disk lets us. What happened is in memory meanwhile; a crash is recovery's business."""
        while True:
            try:
                await asyncio.to_thread(function, *arguments)
            except FileExistsError:
                raise
            except OSError as error:
                await self.wait_for_disk(action_id, function.__name__, error)
            else:
                return

    async def wait_for_disk(self, action_id: str, step: str, error: OSError) -> None:
        log.error("executor.disk_trouble", action_id=action_id, step=step, reason=str(error))
        await asyncio.sleep(DISK_RETRY_SECONDS)
