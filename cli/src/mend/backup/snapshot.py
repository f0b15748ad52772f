"""actions/ as of one moment, while services go on moving files; and as what each of them goes into a backup.

A backup is the past, and nothing of the past may run: in the archive approved/ and running/ are always empty.

    approved/X                          -> pending/X          somebody must say yes again
    running/X, claimed, not started     -> pending/X
    running/X, started                  -> interrupted/X      with an outcome that says so
    running/X, with an outcome          -> where that outcome belongs

Files only ever move forward, so folders are read in that order, drafts before all: a file that moves meanwhile is met
twice (the later place counts), never missed. A receipt counts only beside what it is the receipt of: one that was
written after pending/ was read would say of a proposal that it was made, and the archive would not have it. The
executor's ledger is read last. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from mend.backup.contents import ArchivedFile, Skip, kept, listed, read_archived, tree
from mesh_core.actions.reading import read_filed
from mesh_core.approvals.action_folders import CLAIMED_FILE
from mesh_core.approvals.planner_folders import draft_of, receipt_of
from mesh_core.approvals.proposal_files import BY_SUFFIX, REASON_SUFFIX, ActionName, digest_of, name_of
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import EXECUTED, MAX_PROPOSAL_BYTES, Folder, Proposal
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.storage.json_files import object_in
from mesh_core.storage.listing import MISSING

ACTIONS = PurePosixPath("actions")
LEDGER = PurePosixPath("state", "executor", "executed")
DRAFTS = PurePosixPath("actions", "pending", ".wip")
STARTED_FILE, OUTCOME_FILE, PROPOSAL_FILE, INTENT_FILE = "started", "outcome.json", "proposal.json", "intent.json"
DECIDED = (Folder.REJECTED, Folder.EXPIRED, Folder.WITHDRAWN, Folder.QUARANTINE)
CUT_SHORT = (
    "a backup was made while this ran, and this is what that backup holds of it: whether it ended, and how, is not "
    "known here; look at the target, and `mend retry` if it is still needed"
)


@dataclass
class Snapshot:
    """`files` were read at the moment of the cut; the folders in `settled` change no more and are read when written."""

    files: dict[PurePosixPath, ArchivedFile] = field(default_factory=dict)
    settled: list[PurePosixPath] = field(default_factory=list)
    ledger: list[ArchivedFile] = field(default_factory=list)
    again_pending: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)

    def everything(self, runtime: Path, skip: Skip) -> Iterator[ArchivedFile]:
        yield from self.files.values()
        for path in self.settled:
            if (runtime / path).is_dir():
                yield from tree(runtime, path, skip)
            elif (found := read_archived(runtime / path, path, skip)) is not None:
                yield found
        yield from self.ledger


def snapshot_actions(runtime: Path, skip: Skip) -> Snapshot:
    """Raises PermissionError where this user may not read."""
    cut = Snapshot()
    _folders(runtime, cut)
    drafts = _files(runtime, DRAFTS, skip)
    pending = _files(runtime, ACTIONS / Folder.PENDING, skip)
    receipts = _files(runtime, DRAFTS, skip)
    approved = _files(runtime, ACTIONS / Folder.APPROVED, skip)
    running = {
        entry.name: _files(runtime, ACTIONS / Folder.RUNNING / entry.name, skip, deep=True)
        for entry in listed(runtime / ACTIONS / Folder.RUNNING, tolerated=MISSING)
        if entry.is_dir(follow_symlinks=False)
    }
    ran, decided = _settle(runtime, cut)
    executed = _ledger(runtime, cut, skip)

    met = {name.id for file in (*pending, *approved, *decided) if (name := name_of(file)) is not None}
    met |= {*running, *ran, *executed}
    drafts = {name: file for name, file in drafts.items() if draft_of(name)[0] not in met}
    met |= {draft_of(name)[0] for name in drafts}
    receipts = {name: file for name, file in receipts.items() if receipt_of(name) in met}
    for file in (*drafts.values(), *receipts.values()):
        cut.files[file.path] = file
    for file in (*pending.values(), *approved.values()):
        name = name_of(file.path.name)
        was_approved = file.path.parts[1] == Folder.APPROVED
        if name is None or name.file in decided or name.id in ran or name.id in running:
            continue
        if name.id in executed:  # begun between our reading of running/ and of the ledger
            _interrupt(cut, name.id, {PROPOSAL_FILE: file})
            continue
        if was_approved:
            cut.again_pending.append(name.id)
        cut.files[_pending(name)] = replace(file, path=_pending(name))
    for action_id, files in running.items():
        if action_id not in ran:
            _run(cut, action_id, files, action_id in executed, decided)
    return cut


def _run(cut: Snapshot, action_id: str, files: dict[str, ArchivedFile], executed: bool, decided: set[str]) -> None:
    outcome = _outcome(files)
    claimed = files.get(CLAIMED_FILE)
    if outcome is not None:
        _place(cut, Folder(outcome.result), action_id, files)
    elif STARTED_FILE in files or executed:
        _interrupt(cut, action_id, files)
    elif claimed is not None and claimed.data is not None:
        name = ActionName(action_id, digest_of(claimed.data))
        if name.file not in decided:
            cut.again_pending.append(action_id)
            cut.files[_pending(name)] = replace(claimed, path=_pending(name))


def _interrupt(cut: Snapshot, action_id: str, files: dict[str, ArchivedFile]) -> None:
    """As a run that was cut short: it is in the ledger, so the executor never takes this id again."""
    cut.interrupted.append(action_id)
    proposal = files.get(PROPOSAL_FILE) or files.get(CLAIMED_FILE)
    files = {name: file for name, file in files.items() if name != CLAIMED_FILE}
    if proposal is not None and proposal.data is not None:
        files[PROPOSAL_FILE] = proposal
        if (outcome := _cut_short(action_id, proposal.data, files)) is not None:
            data = outcome.model_dump_json(indent=2).encode() + b"\n"
            files[OUTCOME_FILE] = replace(proposal, data=data, mode=0o640)
    _place(cut, Folder.INTERRUPTED, action_id, files)
    if proposal is not None and not any(mark.path.name == action_id for mark in cut.ledger):
        cut.ledger.append(replace(proposal, path=LEDGER / action_id, data=b"", mode=0o640))


def _cut_short(action_id: str, raw: bytes, files: dict[str, ArchivedFile]) -> Outcome | None:
    proposal = read_filed(raw, MAX_PROPOSAL_BYTES)
    if not isinstance(proposal, Proposal):
        return None
    started, intent = _json(files.get(STARTED_FILE)), _json(files.get(INTENT_FILE))
    now = rfc3339(utc_now())
    fields: dict[str, Any] = {
        "action_id": action_id,
        "attempt": proposal.attempt,
        "digest": digest_of(raw),
        "result": "interrupted",
        "verdict": "inconclusive",
        "reason": CUT_SHORT,
        "node": proposal.node,
        "service": proposal.service,
        "type": proposal.type,
        "event_id": proposal.event.id,
        "approved_by": str(intent.get("approver", "")),
        "started_at": started.get("at", now),
        "finished_at": now,
        "before": started.get("before", {}),
    }
    try:
        return Outcome.model_validate(fields)
    except ValidationError:
        return Outcome.model_validate({**fields, "started_at": now, "before": {}})


def _place(cut: Snapshot, folder: Folder, action_id: str, files: dict[str, ArchivedFile]) -> None:
    home = ACTIONS / folder / action_id
    for name, file in files.items():
        path = home / name
        for parent in reversed(path.relative_to(ACTIONS / folder).parents[:-1]):
            folder_path = ACTIONS / folder / parent
            cut.files.setdefault(folder_path, replace(file, path=folder_path, data=None, mode=0o2750))
        cut.files[path] = replace(file, path=path)


def _folders(runtime: Path, cut: Snapshot) -> None:
    for path in (ACTIONS, *(ACTIONS / folder for folder in Folder), DRAFTS):
        try:
            cut.files[path] = kept(path, None, (runtime / path).lstat())
        except FileNotFoundError:
            continue


def _settle(runtime: Path, cut: Snapshot) -> tuple[set[str], set[str]]:
    """What will not move any more: (ids that ran, names of decided files)."""
    ran: set[str] = set()
    decided: set[str] = set()
    for folder in (*DECIDED, *EXECUTED):
        for entry in listed(runtime / ACTIONS / folder, tolerated=MISSING):
            if entry.name.startswith("."):
                continue
            cut.settled.append(ACTIONS / folder / entry.name)
            if entry.is_dir(follow_symlinks=False):
                ran.add(entry.name)
            elif folder is not Folder.QUARANTINE:  # a copy of a waiting file may lie there; the file itself still waits
                decided.add(entry.name)
    return ran, decided


def _ledger(runtime: Path, cut: Snapshot, skip: Skip) -> set[str]:
    for file in _files(runtime, LEDGER, skip).values():
        cut.ledger.append(file)
    return {file.path.name for file in cut.ledger}


def _files(runtime: Path, below: PurePosixPath, skip: Skip, *, deep: bool = False) -> dict[str, ArchivedFile]:
    """The regular files there, by name (with `deep`, by path below); gone ones are met again further on."""
    found: dict[str, ArchivedFile] = {}
    for entry in listed(runtime / below, tolerated=MISSING):
        if entry.name.endswith((".tmp", BY_SUFFIX, REASON_SUFFIX)):
            continue
        if entry.is_dir(follow_symlinks=False):
            if deep:
                inner = _files(runtime, below / entry.name, skip, deep=True)
                found |= {f"{entry.name}/{name}": file for name, file in inner.items()}
        elif (file := read_archived(Path(entry.path), below / entry.name, skip)) is not None:
            found[entry.name] = file
    return found


def _outcome(files: dict[str, ArchivedFile]) -> Outcome | None:
    file = files.get(OUTCOME_FILE)
    try:
        return Outcome.model_validate_json(file.data) if file and file.data else None
    except ValidationError:
        return None


def _json(file: ArchivedFile | None) -> dict[str, Any]:
    return object_in(file.data if file else None)


def _pending(name: ActionName) -> PurePosixPath:
    return ACTIONS / Folder.PENDING / name.file
