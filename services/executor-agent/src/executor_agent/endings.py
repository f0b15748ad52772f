"""How an action comes to its end on disk, and how that is told. The same for the loop and for recovery; runs nothing.

Every step may be repeated after a crash, and is repeated while the disk is full.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from executor_agent.ledger import Ledger, Run
from executor_agent.report import Outbox, ended, moved
from mesh_core.approvals.store import Actions
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder
from mesh_core.models.records import parse_time, rfc3339
from mesh_core.runtime.metrics import EXECUTION_TIME, EXECUTIONS

DISK_RETRY_SECONDS = 1.0

log = structlog.get_logger()


class Endings:
    """`by` signs the moves, `bundle` packs a run's folder."""

    def __init__(
        self,
        actions: Actions,
        ledger: Ledger,
        outbox: Outbox,
        *,
        by: str,
        bundle: Callable[[Path], object],
        clock: Callable[[], datetime],
    ):
        self.actions = actions
        self.ledger = ledger
        self.outbox = outbox
        self.by = by
        self.bundle = bundle
        self.clock = clock

    def outcome(
        self, run: Run, result: Any, verdict: Any, reason: str, *, started_at: str | None = None, **more: Any
    ) -> Outcome:
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

    async def tell_claim(self, run: Run) -> None:
        """pending -> approved -> running; repeated after a crash, told once."""
        said = {
            "kind": run.proposal.type,
            "node": run.proposal.node,
            "service": run.proposal.service,
            "at": run.intent.claimed_at,
        }
        told = [
            moved(run.id, Folder.PENDING, Folder.APPROVED, by=run.intent.approver, **said),  # type: ignore[arg-type]
            moved(run.id, Folder.APPROVED, Folder.RUNNING, by=self.by, **said),  # type: ignore[arg-type]
        ]
        await asyncio.to_thread(self.outbox.tell, told)
        self.outbox.ring()

    async def close(self, run: Run, outcome: Outcome) -> None:
        """With outcome.json on disk: bundle, report, move the folder. Each step may be repeated."""
        try:
            await asyncio.to_thread(self.bundle, run.folder)
        except Exception as error:
            # A bundle is a copy of what lies there anyway; its lack must not hold up a result.
            log.error("executor.bundle_failed", action_id=run.id, exc_info=error)
        update = moved(
            run.id,
            Folder.RUNNING,
            Folder(outcome.result),
            kind=outcome.type,
            node=outcome.node,
            service=outcome.service,
            by=self.by,
            reason=outcome.reason,
            at=outcome.finished_at,
        )
        await self.insist(run.id, self.outbox.put, [update, *ended(run.proposal, outcome)])
        try:
            await self.insist(run.id, self.ledger.finish, run, outcome)
        except FileExistsError:
            log.error("executor.finished_before", action_id=run.id, folder=outcome.result)
            await self.insist(run.id, self.actions.quarantine, run.folder, "an action of this id finished before")
        self.outbox.ring()
        EXECUTIONS.add(outcome.type, outcome.result, outcome.verdict)
        if outcome.result != "withdrawn":
            took = parse_time(outcome.finished_at) - parse_time(outcome.started_at)
            EXECUTION_TIME.observe(max(0.0, took.total_seconds()), outcome.type)
        log.info("executor.finished", action_id=run.id, result=outcome.result, verdict=outcome.verdict)

    async def put_back(self, run: Run, folder: Folder, reason: str) -> None:
        """A claimed file that may not run any more leaves running/ as the file it was."""
        await self.insist(run.id, self.actions.give_back, run.folder, run.name, folder, reason)
        log.warning("executor.put_back", action_id=run.id, to=folder.value, reason=reason)
        update = moved(
            run.id,
            Folder.RUNNING,
            folder,
            kind=run.proposal.type,
            node=run.proposal.node,
            service=run.proposal.service,
            by=self.by,
            reason=reason,
            at=rfc3339(self.clock()),
            once=f"{run.id}.{run.intent.digest}:{run.intent.claimed_at}:{folder.value}",
        )
        await asyncio.to_thread(self.outbox.tell, [update])
        self.outbox.ring()

    async def insist(self, action_id: str, function: Callable[..., object], *arguments: Any) -> None:
        """Do it until the disk lets us. What happened is in memory meanwhile; a crash is recovery's business."""
        while True:
            try:
                await asyncio.to_thread(function, *arguments)
            except FileExistsError:
                raise
            except OSError as error:
                await self.disk_trouble(action_id, function.__name__, error)
            else:
                return

    async def disk_trouble(self, action_id: str, what: str, error: OSError) -> None:
        log.error("executor.disk_trouble", action_id=action_id, what=what, reason=str(error))
        await asyncio.sleep(DISK_RETRY_SECONDS)
