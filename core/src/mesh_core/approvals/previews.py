"""A person's preview of a proposal: asked for as an approved file of its own, and found again when it has run.

The verb is the approval: it files a proposal of type `preview` and moves it to approved/ by the functions that
everybody uses. That file carries what would run, so what happens to the other one meanwhile changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from mesh_core.actions.preview import ACTION
from mesh_core.actions.register import action_type, playbook_for
from mesh_core.approvals import decisions
from mesh_core.approvals.action_folders import BY_FILE, ActionFolders
from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.approvals.operator_folders import OperatorFolders
from mesh_core.approvals.proposal_files import BY_SUFFIX, REASON_SUFFIX, Filed, approval_at
from mesh_core.models.previews import Preview
from mesh_core.models.proposals import EXECUTED, HEX, Folder, PreviewOf, Proposal
from mesh_core.models.records import rfc3339, sha256_of
from mesh_core.policy.playbook_lint.roles import plays_run_by
from mesh_core.policy.playbook_lint.yaml_text import NotReadable
from mesh_core.policy.proposed_playbook.playbook_tasks import runs_in_check_mode
from mesh_core.storage.files import read_regular
from mesh_core.storage.listing import changed_ns, entries

PREVIEW_FILE = "preview.json"
MAX_PREVIEW_BYTES = 1024 * 1024
LIVES_SECONDS = 600.0  # who asked has stopped waiting by then
NEWEST = 20  # runs of previews of one place that are looked at


@dataclass(frozen=True)
class FoundPreview:
    """A preview that was asked for. `said` None: it has not ended, or came to nothing (`reason` says why)."""

    id: str
    folder: Folder
    by: str
    at: str
    reason: str = ""
    said: Preview | None = None

    @property
    def works(self) -> bool:
        """Is an answer still to come?"""
        return self.folder in decisions.OPEN

    def is_of(self, proposal: Proposal, digest: str) -> bool:
        """Does it hold for these very bytes? Not any more once the proposal was edited."""
        if self.said is None:
            return True
        return self.said.digest == digest and self.said.playbook_sha256 == playbook_sha256(proposal)


def ask_preview(
    actions: OperatorFolders, query: str, actor: str, now: datetime, *, digest: str | None = None
) -> tuple[Filed, Filed]:
    """File and approve a preview of what waits; (the proposal, its preview). CannotDecide where it cannot be."""
    filed = decisions.find_pending(actions, query)
    decisions.check_digest(filed, digest)
    if problem := why_no_preview(filed.proposal):
        raise CannotDecide(RefusalReason.INVALID, f"{filed.name.id} has no preview: {problem}")
    asked = preview_of(filed, actor, now)
    name = decisions.file_once(actions, asked, "this very preview was asked for already", "ask for a preview")
    return filed, decisions.approve(actions, name.id, actor, now, digest=name.digest)


def why_no_preview(proposal: Proposal) -> str:
    """A sentence where a proposal cannot be asked about in check mode; '' where it can."""
    action = action_type(proposal.type)
    if action.only_asks:
        return "it is a preview itself; ask for one of the proposal that it is of"
    if not action.touches_host:
        return f"a {proposal.type} runs nothing on a host; it {action.effect}"
    try:
        return runs_in_check_mode(plays_run_by(proposal))
    except NotReadable:
        return ""  # the lint refuses it, and says more
    except ValueError as error:
        return f"nothing could be run for it: {error}"


def preview_of(filed: Filed, actor: str, now: datetime) -> Proposal:
    """The file that asks. It carries the event and the playbook, and not the evidence."""
    p = filed.proposal
    of = PreviewOf(id=p.id, digest=filed.name.digest, type=p.type, action=p.action, risk_level=p.risk_level)
    return decisions.asked_by_a_person(
        p,
        ACTION,
        f"{actor} asks what {p.id} would change",
        created_at=rfc3339(now),
        expires_at=rfc3339(now + timedelta(seconds=LIVES_SECONDS)),
        preview_of=of,
    )


def latest_preview(actions: ActionFolders, proposal: Proposal) -> FoundPreview | None:
    """The one that was asked for last, as far as this user may see the folders."""
    return max(_previews(actions, proposal), key=lambda found: found.at, default=None)


def read_preview(run: Path) -> Preview | None:
    """What came of a preview, if its folder says so in a form that can be read."""
    raw = read_regular(run / PREVIEW_FILE, MAX_PREVIEW_BYTES)
    try:
        return Preview.model_validate_json(raw) if raw else None
    except ValidationError:
        return None


def playbook_sha256(proposal: Proposal) -> str:
    """Of the playbook that would run; of nothing where there is none."""
    try:
        text = playbook_for(proposal).apply
    except ValueError:
        text = ""
    return sha256_of(text)


def _previews(actions: ActionFolders, proposal: Proposal) -> Iterator[FoundPreview]:
    """Of that very proposal. A place may have had thousands of runs: by their names and times first."""
    beginning = proposal.id[:-HEX]
    for folder in (*decisions.OPEN, *EXECUTED, Folder.QUARANTINE, Folder.EXPIRED):
        paths = [Path(e.path) for e in entries(actions.folder(folder)) if e.name.startswith(beginning)]
        if folder in EXECUTED:
            paths = [path for path in paths if (path / PREVIEW_FILE).exists() or folder is not Folder.DONE]
        paths.sort(key=changed_ns, reverse=True)
        for path in paths[:NEWEST]:
            asked = actions.proposal_at(path)
            if asked is not None and asked.preview_of and asked.preview_of.id == proposal.id:
                yield _found(actions, folder, path, asked)


def _found(actions: ActionFolders, folder: Folder, path: Path, asked: Proposal) -> FoundPreview:
    if path.is_dir():
        outcome = actions.outcome_at(path)
        by, reason = approval_at(path / BY_FILE).actor, outcome.reason if outcome else ""
        return FoundPreview(asked.id, folder, by, asked.created_at, reason, read_preview(path))
    by = approval_at(path.with_name(path.name + BY_SUFFIX)).actor if folder is Folder.APPROVED else ""
    told = read_regular(path.with_name(path.name + REASON_SUFFIX), 4096) or b""
    return FoundPreview(asked.id, folder, by, asked.created_at, told.decode("utf-8", "replace").strip())
