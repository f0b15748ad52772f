"""A repair step by step, as the tests want it: a look, the stages, the proof. Real Ansible, no executor around it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from parts.playing import Run

from executor_agent.runner.previewing import run_preview
from executor_agent.runner.stages import PREVIEW_LOG, stages_for
from executor_agent.runner.target_state import look
from executor_agent.runner.verify import Verification, WatchLimits, verify
from mesh_core.actions.register import playbook_for
from mesh_core.approvals.previews import preview_of, read_preview
from mesh_core.approvals.proposal_files import ActionName, Filed, digest_of
from mesh_core.models.outcomes import Stage
from mesh_core.models.previews import Preview

# What each stage of a repair that helps came to: its name, whether it went well, how many tasks changed something.
REPAIRED = [("syntax", True, 0), ("apply", True, 1), ("check_idempotency", True, 0)]
QUICK = WatchLimits(every_seconds=0.2, steady_seconds=3, unhealthy_seconds=3, margin_seconds=10)


def the_look(run: Run) -> Any:
    return look(run.proposal, run.context)


def repair(run: Run) -> list[Stage]:
    stages = []
    for plan in stages_for(playbook_for(run.proposal)):
        stages.append(run.play(plan))
        if not stages[-1].ok:
            break
    return stages


async def preview(run: Run) -> Preview:
    """What the host says that the repair would change; `run` may be played afterwards as if nobody had asked."""
    of = run.proposal
    asked = preview_of(Filed(ActionName(of.id, digest_of(of.wire())), run.folder, of), "anna", datetime.now(UTC))
    result = await run_preview(asked, run.context, run.lines.append)
    said = read_preview(run.folder)
    assert said is not None, result
    (run.folder / "logs" / f"{PREVIEW_LOG}.log").unlink()
    return said


async def prove(run: Run, settle: WatchLimits = QUICK) -> Verification:
    return await verify(run.proposal, run.context, run.lines.append, settle=settle)
