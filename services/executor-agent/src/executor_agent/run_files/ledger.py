"""Write ahead: what was claimed, that it began, how it ended. One folder per action; an id begins at most once, ever.

    claim     proposal.json + intent.json (own inodes), then approved/X -> claimed.json   <- ours from here on
    begin     state/executor/executed/<id>, then `started`                               <- the point of no return
    undo      undo_began, before what did not help is taken back
    conclude  outcome.json                                                                 finish: the folder moves on

It knows no targets and no Redis, and never decides what to do with what it finds.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from executor_agent.admission.admission import Admitted
from mesh_core.actions.reading import read_filed
from mesh_core.actions.target_state import TargetState
from mesh_core.approvals.action_folders import CLAIMED_FILE
from mesh_core.approvals.executor_folders import ExecutorFolders, drop_run
from mesh_core.approvals.proposal_files import BY_SUFFIX, ActionName, approval_at, digest_of
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import EXECUTED, HEX, MAX_PROPOSAL_BYTES, Folder, Proposal, proposal_id
from mesh_core.models.records import Record, Timestamp, rfc3339
from mesh_core.models.strict_json import Refusal
from mesh_core.storage.files import create_whole, fsync_file, read_regular, write_whole
from mesh_core.storage.listing import entries

PROPOSAL_FILE, INTENT_FILE, STARTED_FILE, OUTCOME_FILE = "proposal.json", "intent.json", "started", "outcome.json"
UNDO_BEGAN_FILE = "undo_began"
HOUR_SECONDS = 3600


class Intent(Record):
    """intent.json: what was claimed, on whose word. Written before the claim."""

    digest: str
    approver: str
    uid: int | None
    host: str
    claimed_at: Timestamp


class Started(Record):
    """started: the run may have touched its target from here on. `before` is what was seen just before."""

    at: Timestamp
    host: str
    pid: int
    before: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class ActionRun:
    """A claimed action."""

    folder: Path
    proposal: Proposal
    intent: Intent

    @property
    def id(self) -> str:
        return self.proposal.id

    @property
    def name(self) -> ActionName:
        return ActionName(self.proposal.id, self.intent.digest)


class RunPhase(StrEnum):
    """How far a folder in running/ has come."""

    UNCLAIMED = "unclaimed"  # a crash before the rename: approved/ still has the file
    CLAIMED = "claimed"
    STARTED = "started"
    CONCLUDED = "concluded"


class Ledger:
    """`state` is the executor's own folder, `host` the name that goes into intents."""

    def __init__(self, actions: ExecutorFolders, state: Path, host: str):
        self.actions = actions
        self.executed = state / "executed"
        self.host = host
        self.executed.mkdir(parents=True, exist_ok=True)

    def ran_in(self, action_id: str) -> str | None:
        """Where this id ran or runs already: a folder's name, or `executed` when that folder was cleared away."""
        folder = self.actions.executed_before(action_id)
        if folder is not None:
            return folder.value
        return "executed" if (self.executed / action_id).exists() else None

    def claim(self, admitted: Admitted, now: datetime) -> ActionRun | None:
        """Make an approved file ours. None: somebody else was faster. Raises OSError, then nothing happened."""
        approval = approval_at(self.actions.folder(Folder.APPROVED) / (admitted.name.file + BY_SUFFIX))
        intent = Intent(
            digest=admitted.name.digest,
            approver=approval.actor,
            uid=approval.uid,
            host=self.host,
            claimed_at=rfc3339(now),
        )
        ahead = {PROPOSAL_FILE: admitted.raw, INTENT_FILE: intent.wire()}
        folder = self.actions.claim(admitted.name, ahead)
        return ActionRun(folder, admitted.proposal, intent) if folder else None

    def phase_of(self, folder: Path) -> RunPhase:
        """Judged by what is there whole; a file that cannot be read as what it should be counts as missing."""
        if self.outcome_of(folder) is not None:
            return RunPhase.CONCLUDED
        if (folder / STARTED_FILE).exists():
            return RunPhase.STARTED
        return RunPhase.CLAIMED if os.path.lexists(folder / CLAIMED_FILE) else RunPhase.UNCLAIMED

    def resume(self, folder: Path) -> ActionRun | None:
        """A run out of its folder. None: its papers do not prove what was reviewed (a power cut, a meddler)."""
        raw, intent = read_regular(folder / PROPOSAL_FILE, MAX_PROPOSAL_BYTES), self._intent(folder)
        if raw is None or intent is None or digest_of(raw) != intent.digest:
            return None
        proposal = read_filed(raw, MAX_PROPOSAL_BYTES)
        if isinstance(proposal, Refusal) or proposal.id != folder.name:
            return None
        return ActionRun(folder, proposal, intent)

    def drop_unclaimed(self, folder: Path) -> None:
        drop_run(folder)

    def begin(self, run: ActionRun, before: TargetState, now: datetime) -> None:
        """The point of no return, once ever per id. Raises FileExistsError (it began before), OSError (it did not)."""
        if any(os.path.lexists(self.actions.folder(folder) / run.id) for folder in EXECUTED):
            raise FileExistsError(f"{run.id} ran before")
        for name in (PROPOSAL_FILE, INTENT_FILE):
            fsync_file(run.folder / name)
        create_whole(self.executed / run.id, _what_began(run.proposal))
        started = Started(at=rfc3339(now), host=self.host, pid=os.getpid(), before=before.facts)
        if not create_whole(run.folder / STARTED_FILE, started.wire()):
            raise FileExistsError(f"{run.id} was started before")

    def begun_within_hour(self, proposal: Proposal, now: datetime) -> int:
        """How many actions of its kind began on its target within the hour."""
        what, since = _what_began(proposal), now.timestamp() - HOUR_SECONDS
        beginning = proposal_id("", proposal.node, proposal.service)[:-HEX]
        found = [entry for entry in entries(self.executed) if entry.name.startswith(beginning)]
        return sum(
            entry.stat(follow_symlinks=False).st_mtime > since and read_regular(Path(entry.path), 512) == what
            for entry in found
        )

    def begin_undo(self, run: ActionRun) -> None:
        """From here on what the run did may be taken back already. Raises OSError; FileExistsError: it began before."""
        if not create_whole(run.folder / UNDO_BEGAN_FILE, b""):
            raise FileExistsError(f"the undo of {run.id} began before")

    def undo_began(self, run: ActionRun) -> bool:
        return os.path.lexists(run.folder / UNDO_BEGAN_FILE)

    def started_of(self, run: ActionRun) -> Started:
        """What was noted at the start; times of the claim where the note cannot be read."""
        try:
            return Started.model_validate_json(read_regular(run.folder / STARTED_FILE, 4 * MAX_PROPOSAL_BYTES) or b"")
        except ValidationError:
            return Started(at=run.intent.claimed_at, host=run.intent.host, pid=0)

    def conclude(self, run: ActionRun, outcome: Outcome) -> None:
        """outcome.json, whole and durable. Raises OSError; may be repeated."""
        write_whole(run.folder / OUTCOME_FILE, outcome.model_dump_json(indent=2).encode() + b"\n")

    def outcome_of(self, folder: Path) -> Outcome | None:
        return self.actions.outcome_at(folder)

    def finish(self, run: ActionRun, outcome: Outcome) -> Path:
        """The whole folder to where it ends. Raises OSError; may be repeated."""
        return self.actions.finish(run.folder, Folder(outcome.result))

    def _intent(self, folder: Path) -> Intent | None:
        raw = read_regular(folder / INTENT_FILE, 65536)
        try:
            return Intent.model_validate_json(raw) if raw else None
        except ValidationError:
            return None


def _what_began(proposal: Proposal) -> bytes:
    return f"{proposal.target_key} {proposal.action}\n".encode()
