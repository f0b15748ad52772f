"""The folders where people say yes, as whoever looks at them sees them. A file's folder is its state.

    pending -> approved -> running -> done | failed | interrupted | withdrawn
    pending -> rejected | expired | withdrawn        approved -> quarantine | expired

The moves are in `planner_folders`, `operator_folders` and `executor_folders`; nothing here needs Redis.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from pydantic import ValidationError

from mesh_core.actions.reading import read_filed
from mesh_core.approvals.proposal_files import (
    BY_SUFFIX,
    REASON_SUFFIX,
    ActionName,
    Filed,
    approval_at,
    digest_of,
    is_beside,
    name_of,
    short_id,
)
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import EXECUTED, HEX, MAX_PROPOSAL_BYTES, Folder, Proposal, proposal_id
from mesh_core.storage.files import read_regular, rename_with_note
from mesh_core.storage.listing import entries

CLAIMED_FILE = "claimed.json"
BY_FILE = "by.txt"  # the note, once its proposal is claimed
SETTLED_NS = 50_000_000
_FURTHEST = (Folder.DONE, Folder.FAILED, Folder.INTERRUPTED, Folder.WITHDRAWN, Folder.RUNNING, Folder.APPROVED)


def _furthest(places: list[Folder]) -> Folder | None:
    return next((folder for folder in _FURTHEST if folder in places), places[0] if places else None)


class ActionFolders:
    """`actions/` under a runtime path: looked at, and made where it is missing."""

    def __init__(self, runtime: Path):
        self.root = runtime / "actions"
        self._wip = self.root / Folder.PENDING / ".wip"
        self._seen_pending: tuple[int, tuple[Filed, ...]] = (-1, ())

    def folder(self, folder: Folder) -> Path:
        return self.root / folder

    def prepare(self) -> None:
        """Make what is missing; what is there keeps its owner and mode (a deployment sets those)."""
        for folder in Folder:
            private = folder in (Folder.RUNNING, *EXECUTED, Folder.QUARANTINE, Folder.EXPIRED)
            self.folder(folder).mkdir(mode=0o700 if private else 0o770, parents=True, exist_ok=True)
        self._wip.mkdir(mode=0o700, exist_ok=True)

    def pending(self) -> tuple[Filed, ...]:
        """What waits for a person, oldest first; read again only when the folder changed."""
        folder = self.folder(Folder.PENDING)
        try:
            changed = folder.stat().st_mtime_ns
        except FileNotFoundError:
            return ()
        # A folder's mtime moves in ticks of some milliseconds: a change in the tick of our reading would go unseen.
        fresh = time.time_ns() - changed < SETTLED_NS
        if fresh or changed != self._seen_pending[0]:
            self._seen_pending = (-1 if fresh else changed, tuple(self._filed(Folder.PENDING)))
        return self._seen_pending[1]

    def renamed(self) -> Iterator[str]:
        """Of what lies in pending/ under another name, and so is not seen there: a sentence that says what to call it,
        with the name that a stranger gave it. A copy of what waits is left out, and so is what is no proposal."""
        waiting = {filed.name.id for filed in self.pending()}
        for entry in entries(self.folder(Folder.PENDING)):
            if is_beside(entry.name) or name_of(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            raw = read_regular(Path(entry.path), MAX_PROPOSAL_BYTES)
            proposal = read_filed(raw, MAX_PROPOSAL_BYTES) if raw else None
            if raw and isinstance(proposal, Proposal) and proposal.id not in waiting:
                called, own = entry.name, ActionName(proposal.id, digest_of(raw)).file
                yield f"{called} in pending/ is a proposal under another name, and nobody sees it: call it {own} again"

    def open_proposals(self) -> Iterator[Filed]:
        """Every proposal that is not finished yet, as far as this user may see the folders; what waits comes first."""
        yield from self.pending()
        for folder in (Folder.APPROVED, Folder.RUNNING):
            yield from self._filed(folder)

    def running(self) -> list[Path]:
        """The folders of claimed actions, oldest first."""
        found = [entry for entry in entries(self.folder(Folder.RUNNING)) if entry.is_dir(follow_symlinks=False)]
        return [Path(e.path) for e in sorted(found, key=lambda e: e.stat(follow_symlinks=False).st_mtime_ns)]

    def approver(self, name: ActionName) -> str:
        """Who said yes, in words; see `approval_at`."""
        return approval_at(self.folder(Folder.APPROVED) / (name.file + BY_SUFFIX)).actor

    def find(self, action_id: str) -> list[tuple[Folder, Path]]:
        """Where a proposal lies, by its whole id, a beginning of it, or (a beginning of) the 12 hex at its end.

        All that fit: a whole id alone, whatever else begins with it.
        """
        found = []
        for folder, path, own in self._all():
            if own.startswith(action_id) or own.endswith(f"-{action_id}") or short_id(own).startswith(action_id):
                found.append((folder, path, own))
        exact = [(folder, path) for folder, path, own in found if own == action_id]
        return exact or [(folder, path) for folder, path, _ in found]

    def place_of(self, action_id: str) -> Folder | None:
        """The folder in which it lies, the furthest first. A look between two renames may see none."""
        return _furthest([folder for folder, _ in self.find(action_id)])

    def places_of(self, action_ids: Collection[str]) -> dict[str, Folder]:
        """The same of several by their whole ids, with one look at the folders: thousands of runs may lie there."""
        found: dict[str, list[Folder]] = {}
        for folder, _, own in self._all():
            if own in action_ids:
                found.setdefault(own, []).append(folder)
        return {own: place for own, folders in found.items() if (place := _furthest(folders))}

    def find_about(self, node: str, service: str | None) -> list[tuple[Folder, Path]]:
        """The proposals about that target, by their names and what lies in them."""
        beginning = proposal_id("", node, service)[:-HEX]
        return [
            (folder, path)
            for folder, path, own in self._all()
            if own.startswith(beginning)
            and (proposal := self.proposal_at(path)) is not None
            and (proposal.node, proposal.service) == (node, service)
        ]

    def _all(self) -> Iterator[tuple[Folder, Path, str]]:
        """Everything that is a proposal by its name, with that: the id, or whatever it is called."""
        for folder in Folder:
            for entry in entries(self.folder(folder)):
                if is_beside(entry.name):
                    continue
                name = name_of(entry.name)
                yield folder, Path(entry.path), name.id if name else entry.name

    def proposal_at(self, path: Path) -> Proposal | None:
        """The proposal of a file or of a run's folder, if it can be read and is one."""
        for candidate in (path / "proposal.json", path / CLAIMED_FILE) if path.is_dir() else (path,):
            raw = read_regular(candidate, MAX_PROPOSAL_BYTES)
            if raw is not None and isinstance(proposal := read_filed(raw, MAX_PROPOSAL_BYTES), Proposal):
                return proposal
        return None

    def outcome_at(self, run: Path) -> Outcome | None:
        """What came of a run, if its folder says so in a form that can be read."""
        raw = read_regular(run / "outcome.json", 4 * MAX_PROPOSAL_BYTES)
        try:
            return Outcome.model_validate_json(raw) if raw else None
        except ValidationError:
            return None

    def filed(self, folder: Folder) -> list[Filed]:
        """The readable proposals directly in `folder`, oldest first."""
        return list(self._filed(folder))

    def _filed(self, folder: Folder) -> Iterator[Filed]:
        found = sorted(entries(self.folder(folder)), key=modified_ns)
        for entry in found:
            name = name_of(entry.name)
            if name is None and folder in (Folder.RUNNING, *EXECUTED, Folder.WITHDRAWN) and entry.is_dir():
                name = ActionName(entry.name, "")
            if name is not None and (proposal := self.proposal_at(Path(entry.path))):
                yield Filed(name, Path(entry.path), proposal)

    def _draft(self, action_id: str, token: str) -> Path:
        return self._wip / f"{action_id}.{token}.json"

    def _decide(self, name: ActionName, folder: Folder, reason: str, source: Folder = Folder.PENDING) -> bool:
        target = self.folder(folder) / name.file
        told = target.with_name(name.file + REASON_SUFFIX)
        return rename_with_note(self.folder(source) / name.file, target, told, words_of(reason))


class ServiceFolders(ActionFolders):
    """What both services that move files may do without a person."""

    def withdraw(self, name: ActionName, reason: str) -> bool:
        """Out of pending/ without a person: trouble is over, or it is a copy of what runs. False if one was faster."""
        return self._decide(name, Folder.WITHDRAWN, reason)


def writable_by(path: Path, uid: int, groups: frozenset[int]) -> bool:
    """Could a user with this uid and these groups make a name in `path`? By mode bits, as the kernel checks them."""
    status = path.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IWUSR)
    if status.st_gid in groups:
        return bool(status.st_mode & stat.S_IWGRP)
    return bool(status.st_mode & stat.S_IWOTH)


def words_of(reason: str) -> bytes:
    return f"{reason.strip()}\n".encode()


def modified_ns(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_mtime_ns
    except FileNotFoundError:
        return 0
