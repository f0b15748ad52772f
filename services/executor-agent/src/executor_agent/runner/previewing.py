"""One preview: the look, then the playbook in check mode, and what both say in preview.json. Changes nothing there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from executor_agent.run_files.bundle import hides_secrets_of
from executor_agent.runner.ansible import StageContext, run_stage
from executor_agent.runner.interface import RunResult
from executor_agent.runner.preview_findings import as_they_are, sentence_of, surprises_in
from executor_agent.runner.preview_recorder import MAX_DIFF_CHARS, PreviewRecorder, told
from executor_agent.runner.stages import PREVIEW, PREVIEW_LOG
from executor_agent.runner.target_state import look
from mesh_core.actions.register import action_type
from mesh_core.approvals.previews import PREVIEW_FILE, playbook_sha256
from mesh_core.models.outcomes import OutcomeVerdict, Stage
from mesh_core.models.previews import Preview
from mesh_core.models.proposals import Proposal
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.policy.playbook_lint.roles import plays_run_by
from mesh_core.security.redaction import clean
from mesh_core.security.secrets_in_text import without_secrets
from mesh_core.storage.files import write_whole

LOOKED_AT_CHARS = MAX_DIFF_CHARS + 512  # a cut between a secret's name and the secret would show it


async def run_preview(proposal: Proposal, context: StageContext, on_line: Callable[[str], None]) -> RunResult:
    """`project/` and `inventory/` are written already; they are those of the proposal that it is a preview of."""
    meant, run_dir = proposal.meant, context.run_dir
    hide = hides_secrets_of(run_dir)
    recorder = PreviewRecorder(lambda text: without_secrets(hide(clean(text[:LOOKED_AT_CHARS]))), on_line)
    seen = None
    if action_type(meant.type).read_look:
        seen = await asyncio.to_thread(look, meant, context)
    stage = await asyncio.to_thread(run_stage, PREVIEW, context, _unheard, on_event=recorder.on_event)
    if context.cancel.is_set():
        return RunResult("interrupted", OutcomeVerdict.INCONCLUSIVE, "the executor was told to stop", (stage,))
    made = _preview(proposal, recorder, stage, seen.sentence if seen else "")
    log = "\n".join([f"saw: {made.sees}", *map(told, made.tasks), *made.surprises, made.sentence])
    await asyncio.to_thread(write_whole, run_dir / PREVIEW_FILE, made.model_dump_json(indent=2).encode() + b"\n")
    await asyncio.to_thread(write_whole, run_dir / "logs" / f"{PREVIEW_LOG}.log", f"{log}\n".encode())
    if made.problem:
        return RunResult("failed", OutcomeVerdict.NOT_RUN, made.problem, (stage,))
    asked = stage.model_copy(update={"ok": True, "changed": 0, "detail": made.sentence[:500]})
    return RunResult("done", OutcomeVerdict.PREVIEWED, made.sentence, (asked,), before=seen.facts if seen else {})


def _preview(proposal: Proposal, recorder: PreviewRecorder, stage: Stage, sees: str) -> Preview:
    meant, of = proposal.meant, proposal.preview_of
    plays = [*plays_run_by(meant)]
    tasks = as_they_are(plays, recorder.tasks())
    if of is None:
        raise ValueError(f"{proposal.id} is no preview")
    problem = ""
    if recorder.unreachable:
        problem = f"{proposal.node} gave no answer: {recorder.unreachable}"
    elif not stage.ok and not recorder.failed:
        problem = f"it could not be asked: {stage.detail}"
    return Preview(
        action_id=proposal.id,
        of=of.id,
        digest=of.digest,
        playbook_sha256=playbook_sha256(meant),
        node=proposal.node,
        service=proposal.service,
        at=rfc3339(utc_now()),
        sentence=problem or sentence_of(tasks),
        sees=sees,
        tasks=tasks,
        surprises=surprises_in(meant, plays, tasks),
        problem=problem,
        cut=recorder.cut,
    )


def _unheard(line: str) -> None:
    """Ansible prints what is in files when it shows differences: nobody hears that but through the recorder."""
