"""The runner that really touches hosts: syntax -> apply -> converge -> verify through Ansible, a preview, or a message.

Joins the rooms that know how; decides nothing about files, ids or reports. Everything that it starts ends with it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.run_files.ledger import STARTED_FILE
from executor_agent.runner.ansible import (
    INVENTORY_FILE,
    StageContext,
    StageLimits,
    run_stage,
    write_before,
    write_project,
)
from executor_agent.runner.interface import OnLine, RunResult, TakenBack
from executor_agent.runner.login import login_variables
from executor_agent.runner.original_probe import OriginalProbe
from executor_agent.runner.previewing import run_preview
from executor_agent.runner.stages import UNDO, UNDONE, stages_for
from executor_agent.runner.target_state import answered, look
from executor_agent.runner.verify import WatchLimits, verify
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.register import action_type, playbook_for
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.approvals.reasons import told_reason
from mesh_core.models.outcomes import OutcomeVerdict, Stage
from mesh_core.models.proposals import Proposal
from mesh_core.notifications.notifier import AppriseSender
from mesh_core.policy.inventory import Inventory, InventoryError
from mesh_core.storage.files import write_whole

UNPROVEN = "its playbook ran once; whether it would still change something was not asked (verify none)"
ACKNOWLEDGED = "acknowledged by whoever approved it; nobody else was told, for NOTIFY_URLS is not set"


class ActionRunner:
    """A Runner (interface.py). `inventory_file` is read anew for each run, which then keeps its own copy. `keys`: the
    folder of the keys that a proposal may name."""

    def __init__(
        self,
        pool: AnsiblePool,
        inventory_file: Path,
        *,
        keys: Path | None = None,
        notify_urls: Sequence[str] = (),
        limits: StageLimits | None = None,
        settle: WatchLimits | None = None,
        probe: OriginalProbe | None = None,
    ):
        self.pool = pool
        self.inventory_file = inventory_file
        self.keys = keys
        self.notify_urls = notify_urls
        self.teller = AppriseSender()  # whoever made us closes it
        self.limits = limits or StageLimits()
        self.settle = settle or WatchLimits()
        self.probe = probe

    async def look(self, proposal: Proposal, run_dir: Path) -> TargetState:
        context = self._context(proposal, run_dir, threading.Event())
        try:
            if action_type(proposal.type).read_look and not (run_dir / STARTED_FILE).exists():
                await asyncio.to_thread(self._prepare, proposal, run_dir)
            return await asyncio.to_thread(look, proposal, context)
        except InventoryError as error:
            return TargetState(TargetStatus.UNKNOWN, str(error))
        finally:
            context.cancel.set()

    async def run(self, proposal: Proposal, run_dir: Path, on_line: OnLine, cancel: asyncio.Event) -> RunResult:
        if not action_type(proposal.type).touches_host:
            return await self._notify(proposal, run_dir, on_line)
        try:
            if not (run_dir / "inventory" / INVENTORY_FILE).exists():
                await asyncio.to_thread(self._prepare, proposal, run_dir)
            plays = playbook_for(proposal)
        except (InventoryError, ValueError) as error:
            return RunResult("failed", OutcomeVerdict.NOT_RUN, str(error))
        async with _relayed(cancel) as stopped:
            context = self._context(proposal, run_dir, stopped)
            if proposal.preview_of:
                return await run_preview(proposal, context, _stage_lines(on_line, "preview"))
            return await self._stages(proposal, plays, context, on_line)

    async def take_back(
        self, proposal: Proposal, run_dir: Path, before: Mapping[str, int], on_line: OnLine, cancel: asyncio.Event
    ) -> TakenBack:
        async with _relayed(cancel) as stopped:
            context = self._context(proposal, run_dir, stopped)
            await asyncio.to_thread(write_before, run_dir, before)
            return await asyncio.to_thread(self._take_back, proposal, context, _stage_lines(on_line, UNDO.name))

    def _take_back(self, proposal: Proposal, context: StageContext, on_line: Callable[[str], None]) -> TakenBack:
        ran = [run_stage(UNDO, context, on_line)]
        seen = TargetState(TargetStatus.UNKNOWN)
        for _ in range(self.settle.needed):
            if context.cancel.is_set():
                break
            state, stage = answered(proposal, UNDONE, context)
            ran.append(stage)
            seen = state or seen
            if stage.ok:
                reason = f"it was taken back, and all is as before: {seen.sentence}"
                return TakenBack(True, reason, tuple(ran))
            context.cancel.wait(self.settle.every_seconds)
        wrong = next(stage.detail for stage in ran if not stage.ok) if not context.cancel.is_set() else "told to stop"
        now = f"; now: {seen.sentence}" if seen.sentence else ""
        return TakenBack("failed", f"it could not be taken back: {wrong}{now}", tuple(ran))

    async def _stages(
        self, proposal: Proposal, plays: PlaybookSet, context: StageContext, on_line: OnLine
    ) -> RunResult:
        ran: list[Stage] = []
        changing = False
        recovered = await self.probe.listen(proposal) if self.probe else None
        for plan in stages_for(plays):
            if context.cancel.is_set():
                return _interrupted(ran)
            changing = changing or plan.point_of_no_return
            ran.append(await asyncio.to_thread(run_stage, plan, context, _stage_lines(on_line, plan.name)))
            if context.cancel.is_set():
                return _interrupted(ran)
            if not ran[-1].ok:
                return await self._failed(proposal, ran, context, changing=changing)
        if not plays.proof:
            on_line("verify", UNPROVEN)
            return RunResult("done", OutcomeVerdict.INCONCLUSIVE, UNPROVEN, tuple(ran))
        heard = _stage_lines(on_line, "verify")
        proof = await verify(proposal, context, heard, settle=self.settle, probe_recovered=recovered)
        ran.append(proof.stage)
        if context.cancel.is_set() and proof.verdict is not OutcomeVerdict.PROVEN:
            return _interrupted(ran)
        return RunResult(
            "done" if proof.verdict is OutcomeVerdict.PROVEN else "failed",
            proof.verdict,
            proof.reason,
            tuple(ran),
            after=proof.after,
            did_not_help=proof.verdict is OutcomeVerdict.NOT_HELPED,
        )

    async def _failed(
        self, proposal: Proposal, ran: Sequence[Stage], context: StageContext, *, changing: bool
    ) -> RunResult:
        reason = f"the stage {ran[-1].name} failed: {ran[-1].detail}"
        if not changing:
            return RunResult("failed", OutcomeVerdict.NOT_RUN, f"{reason}; nothing was changed", tuple(ran))
        seen = await asyncio.to_thread(look, proposal, context)
        verdict: OutcomeVerdict = (
            OutcomeVerdict.NOT_HELPED if seen.health is TargetStatus.UNHEALTHY else OutcomeVerdict.INCONCLUSIVE
        )
        reason = f"{reason}; the target is {seen.health}: {seen.sentence}"
        failed = seen.health is not TargetStatus.HEALTHY
        return RunResult("failed", verdict, reason, tuple(ran), after=seen.facts, did_not_help=failed)

    async def _notify(self, proposal: Proposal, run_dir: Path, on_line: OnLine) -> RunResult:
        if not self.notify_urls:
            return await _said(run_dir, on_line, RunResult("done", OutcomeVerdict.ACKNOWLEDGED, ACKNOWLEDGED))
        title = f"{proposal.event.severity}: {proposal.event.type} on {proposal.target_key.rstrip('/')}"
        sent = await self.teller.send(self.notify_urls, title, f"{told_reason(proposal)}\n\n{proposal.id}")
        # Told is not mended: whether the trouble is gone, nobody looked.
        told = RunResult("done", OutcomeVerdict.INCONCLUSIVE, sent.reason)
        failed = RunResult("failed", OutcomeVerdict.NOT_HELPED, sent.reason)
        return await _said(run_dir, on_line, told if sent.ok else failed)

    def _prepare(self, proposal: Proposal, run_dir: Path) -> None:
        login = proposal.meant.playbook.login if proposal.meant.playbook else None
        over = login_variables(login, self.keys) if login else None
        inventory = Inventory.load(self.inventory_file).only(proposal.node, over)
        write_project(run_dir, playbook_for(proposal), inventory)

    def _context(self, proposal: Proposal, run_dir: Path, cancel: threading.Event) -> StageContext:
        return StageContext(self.pool, proposal.id, proposal.node, run_dir, self.limits, cancel)


async def _said(run_dir: Path, on_line: OnLine, result: RunResult) -> RunResult:
    """The same, with its reason where the output of a run is looked for."""
    on_line("notify", result.reason)
    (run_dir / "logs").mkdir(mode=0o750, exist_ok=True)
    await asyncio.to_thread(write_whole, run_dir / "logs" / "02_apply.log", f"{result.reason}\n".encode())
    return result


def _stage_lines(on_line: OnLine, stage: str) -> Callable[[str], None]:
    return lambda line: on_line(stage, line)


def _interrupted(ran: Sequence[Stage]) -> RunResult:
    return RunResult("interrupted", OutcomeVerdict.INCONCLUSIVE, "the executor was told to stop", tuple(ran))


@asynccontextmanager
async def _relayed(cancel: asyncio.Event) -> AsyncIterator[threading.Event]:
    """The same `cancel` for threads; set at the end in any case, so that no thread outlives its run."""
    stopped = threading.Event()

    async def relay() -> None:
        await cancel.wait()
        stopped.set()

    task = asyncio.create_task(relay())
    try:
        yield stopped
    finally:
        task.cancel()
        stopped.set()
