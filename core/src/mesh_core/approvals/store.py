"""The folders where people say yes. A file's folder is its state; every move of the product is in this room.

    pending -> approved -> running -> done | failed | interrupted | withdrawn
    pending -> rejected | expired | withdrawn        approved -> quarantine | expired

It never judges what a file says (the executor's intake does), and nothing here needs Redis.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from mesh_core.actions.reading import read_proposal
from mesh_core.approvals.proposal_files import (
    BY_SUFFIX,
    REASON_SUFFIX,
    ActionName,
    Filed,
    Receipt,
    approval_at,
    digest_of,
    name_of,
)
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import EXECUTED, MAX_PROPOSAL_BYTES, Folder, Proposal, proposal_id
from mesh_core.storage.files import create_whole, exchange, read_regular, rename_exclusive, rename_told, write_whole
from mesh_core.storage.listing import entries

CLAIMED_FILE = "claimed.json"
RECEIPT_SUFFIX = ".filed"
BY_FILE = "by.txt"  # the note, once its proposal is claimed
# The planner, no operator, must still see what a person filed, or it would propose the same again. Nobody but those two
# gets through the folder.
BY_A_PERSON = 0o664
SETTLED_NS = 50_000_000
ABANDONED_SECONDS = 30.0
LEFTOVER_NS = 10_000_000_000


def drop_run(run: Path) -> None:
    """Remove a run's folder in which nothing is claimed: only small files of ours lie there."""
    if os.path.lexists(run / CLAIMED_FILE):
        return
    for entry in entries(run):
        with contextlib.suppress(OSError):
            Path(entry.path).unlink()
    with contextlib.suppress(OSError):
        run.rmdir()


class Actions:
    """`actions/` under a runtime path."""

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

    # ---- the planner's verbs -------------------------------------------------------------------------------------

    def draft(self, proposal: Proposal, token: str) -> None:
        """Write the proposal where nobody acts on it: pending/.wip/<id>.<token>.json, whole and fsynced."""
        write_whole(self._draft(proposal.id, token), proposal.wire(), mode=0o660)

    def has_draft(self, action_id: str, token: str) -> bool:
        """Is it still unfiled?"""
        return os.path.lexists(self._draft(action_id, token))

    def drop_draft(self, action_id: str, token: str) -> None:
        self._draft(action_id, token).unlink(missing_ok=True)

    def file_draft(self, action_id: str, receipt: Receipt) -> ActionName | None:
        """Move the decided draft to pending/. None: it was filed before, and is never made again.

        The receipt stays behind, durable before the move: wherever a person has put the file meanwhile, and whatever
        Redis has forgotten, it says that this proposal was made.
        """
        draft = self._draft(action_id, receipt.token)
        try:
            name = ActionName(action_id, digest_of(draft.read_bytes()))
            write_whole(self._receipt(action_id), receipt.wire())
            if not rename_exclusive(draft, self.folder(Folder.PENDING) / name.file):
                draft.unlink(missing_ok=True)
        except FileNotFoundError:
            return None
        return name

    def receipt(self, action_id: str) -> Receipt | None:
        """What `file_draft` left for this id."""
        raw = read_regular(self._receipt(action_id), MAX_PROPOSAL_BYTES)
        return Receipt.read(raw) if raw is not None else None

    def drop_receipts(self, older_than: float) -> None:
        """Remove those written before that moment (seconds since 1970)."""
        for entry in entries(self._wip):
            if entry.name.endswith(RECEIPT_SUFFIX) and _modified(entry) < older_than * 1e9:
                Path(entry.path).unlink(missing_ok=True)

    def drafts(self) -> Iterator[tuple[str, str, float]]:
        """(action id, token, mtime) of each draft that was left behind."""
        for entry in entries(self._wip):
            action_id, _, rest = entry.name.rpartition(".json")[0].rpartition(".")
            if action_id and rest:
                yield action_id, rest, entry.stat(follow_symlinks=False).st_mtime

    def withdraw(self, name: ActionName, reason: str) -> bool:
        """The trouble went away first. False if a person was faster."""
        return self._decide(name, Folder.WITHDRAWN, reason)

    def withdrawn(self, node: str, service: str | None, reason: str) -> Iterator[Filed]:
        """What was taken back there with these very words, for whoever may have died before telling it."""
        alike, words = proposal_id("", node, service).rpartition("-")[0], _words(reason)
        for entry in entries(self.folder(Folder.WITHDRAWN)):
            path, name = Path(entry.path), name_of(entry.name)
            if name is None or name.id.rpartition("-")[0] != alike:
                continue
            told = path.with_name(name.file + REASON_SUFFIX)
            if read_regular(told, len(words)) == words and (proposal := self.proposal_at(path)):
                yield Filed(name, path, proposal)

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

    def open_proposals(self) -> Iterator[Filed]:
        """Every proposal that is not finished yet, as far as this user may see the folders; what waits comes first."""
        yield from self.pending()
        for folder in (Folder.APPROVED, Folder.RUNNING):
            yield from self._filed(folder)

    # ---- a person's verbs ----------------------------------------------------------------------------------------

    def approve(self, name: ActionName, by: str) -> bool:
        """The rename that lets the executor act. False if it is not pending any more.

        A note of who did it goes ahead; its owner is the approver as the kernel knows it.
        """
        note = self.folder(Folder.APPROVED) / (name.file + BY_SUFFIX)
        noted = create_whole(note, by.encode()[:256])
        try:
            won = rename_exclusive(self.folder(Folder.PENDING) / name.file, self.folder(Folder.APPROVED) / name.file)
        except FileNotFoundError:
            won = False
        if not won and noted:
            note.unlink(missing_ok=True)
        return won

    def reject(self, name: ActionName, reason: str, by: str) -> bool:
        """A person said no, and why. False if it is not pending any more."""
        return self._decide(name, Folder.REJECTED, f"{reason}\n-- {by}\n" if reason else f"-- {by}\n")

    def refile(self, old: ActionName, edited: Proposal) -> ActionName | None:
        """Put an edited proposal (same id, new bytes, new digest) in place of `old`. None if `old` is gone.

        Raises OSError (disk full); then nothing changed. Killed anywhere in it, the proposal lies in pending/.
        """
        raw = edited.wire()
        name = ActionName(edited.id, digest_of(raw))
        if name == old:
            return old
        waiting = self.folder(Folder.PENDING) / old.file
        draft = self._draft(old.id, f"edited-{secrets.token_hex(4)}")
        write_whole(draft, raw, mode=BY_A_PERSON)
        try:
            exchange(draft, waiting)
            # For a moment the new bytes lie there under the old name, whose digest does not fit: nobody can approve
            # either of the two until the next line.
            if not rename_exclusive(waiting, waiting.with_name(name.file)):
                waiting.unlink(missing_ok=True)  # the same edit, by somebody else
        except FileNotFoundError:
            return None
        finally:
            draft.unlink(missing_ok=True)
        return name

    def propose_again(self, proposal: Proposal) -> ActionName | None:
        """A person's own new file (a retry, a request) into pending/. None if that very file is there already."""
        raw = proposal.wire()
        name = ActionName(proposal.id, digest_of(raw))
        return name if create_whole(self.folder(Folder.PENDING) / name.file, raw, mode=BY_A_PERSON) else None

    # ---- the executor's verbs ------------------------------------------------------------------------------------

    def approved_names(self) -> list[str]:
        """Every name in approved/ that asks to be looked at, in the order of the moves. Raises OSError (not listable).

        An approver's note is left out beside its proposal, and for ten seconds alone; so is a temporary name.
        """
        now, found = time.time_ns(), []
        with os.scandir(self.folder(Folder.APPROVED)) as listing:
            by_name = {entry.name: entry for entry in listing}
        for name, entry in by_name.items():
            if name.endswith(BY_SUFFIX) and name.removesuffix(BY_SUFFIX) in by_name:
                continue
            try:  # a rename sets the change time: that is when somebody said yes
                changed = entry.stat(follow_symlinks=False).st_ctime_ns
            except FileNotFoundError:
                continue
            ours = name.endswith(BY_SUFFIX) or (name.startswith(".") and name.endswith(".tmp"))
            if not ours or abs(now - changed) > LEFTOVER_NS:
                found.append((changed, name))
        return [name for _, name in sorted(found)]

    def drop_note(self, file_name: str) -> bool:
        """Remove an approver's note whose proposal is gone (a crash between two renames). False: it is no such note."""
        note = self.folder(Folder.APPROVED) / file_name
        if name_of(file_name.removesuffix(BY_SUFFIX)) is None or read_regular(note, 512) is None:
            return False
        note.unlink(missing_ok=True)
        return True

    def approver(self, name: ActionName) -> str:
        """Who said yes, in words; see `approval_at`."""
        return approval_at(self.folder(Folder.APPROVED) / (name.file + BY_SUFFIX)).by

    def claim(self, name: ActionName, ahead: Mapping[str, bytes] | None = None) -> Path | None:
        """approved/X -> running/<id>/claimed.json, by one winner; returns the run's folder.

        `ahead` is written into the folder first, so that the rename, which drops the digest from the name, leaves
        nothing unsaid. None: the file is gone, or this id lies in running/ already. Raises OSError (disk full); then
        the file is still in approved/ and nothing is left in running/.
        """
        run = self.folder(Folder.RUNNING) / name.id
        try:
            run.mkdir(mode=0o750)  # evidence: in a deployment its group, operators, may read it
        except FileExistsError:
            # Made by another executor this moment, or left by a crash right after mkdir. To remove one of the first
            # kind would let two in, and the loser's tidying would take the winner's file with it.
            with contextlib.suppress(OSError):
                if time.time() - run.stat().st_mtime > ABANDONED_SECONDS:
                    run.rmdir()  # only an empty one goes; the next look claims
            return None
        try:
            for file_name, data in (ahead or {}).items():
                # Not fsynced here: a crash of this process loses nothing, and after a power cut a short file is
                # seen as one (it does not match its digest) and asks for a new approval.
                (run / file_name).write_bytes(data)
            if not rename_exclusive(self.folder(Folder.APPROVED) / name.file, run / CLAIMED_FILE):
                return None
        except FileNotFoundError:
            drop_run(run)
            return None
        except OSError:
            if not os.path.lexists(run / CLAIMED_FILE):  # else the rename was done, and only its fsync failed
                drop_run(run)
                raise
        with contextlib.suppress(OSError):
            rename_exclusive(self.folder(Folder.APPROVED) / (name.file + BY_SUFFIX), run / BY_FILE)
        return run

    def give_back(self, run: Path, name: ActionName, folder: Folder, reason: str) -> Path | None:
        """A claimed file that has not run and shall not: back to one file, in expired/ or quarantine/."""
        moved = self._put_aside(run / CLAIMED_FILE, folder, name.file, reason)
        drop_run(run)
        return moved

    def executed_before(self, action_id: str) -> Folder | None:
        """The folder in which this id lies already as a run, if any: it must not run again."""
        for folder in (Folder.RUNNING, *EXECUTED, Folder.WITHDRAWN):
            if any(entries(self.folder(folder) / action_id)):
                return folder
        return None

    def running(self) -> list[Path]:
        """The folders of claimed actions, oldest first."""
        found = [entry for entry in entries(self.folder(Folder.RUNNING)) if entry.is_dir(follow_symlinks=False)]
        return [Path(e.path) for e in sorted(found, key=lambda e: e.stat(follow_symlinks=False).st_mtime_ns)]

    def finish(self, run: Path, folder: Folder) -> Path:
        """The whole folder of a run to where it ends; repeating it after a crash is harmless."""
        target = self.folder(folder) / run.name
        try:
            if not rename_exclusive(run, target):
                raise FileExistsError(errno.EEXIST, "this id has been finished before", str(target))
        except FileNotFoundError:
            if not target.is_dir():
                raise
        return target

    def quarantine(self, source: Path, reason: str) -> Path | None:
        """Out of approved/ as it came, with a sentence beside it. None if it is gone already. Raises OSError."""
        return self._put_aside(source, Folder.QUARANTINE, source.name, reason)

    def _put_aside(self, source: Path, folder: Folder, name: str, reason: str) -> Path | None:
        # 241 bytes is the longest name of a proposal; with .99 and .reason.txt it is 255, the longest there can be.
        base = os.fsencode(name)[:241].decode("utf-8", "ignore") or "unnamed"
        for number in range(1, 100):
            shown = base if number == 1 else f"{base}.{number}"
            target = self.folder(folder) / shown
            told = target.with_name(shown + REASON_SUFFIX)
            if os.path.lexists(target) or (os.path.lexists(told) and not told.is_file()):
                continue
            # The sentence first: a crash in between leaves a file in approved/ that is judged again.
            write_whole(told, f"{reason}\n".encode("utf-8", "backslashreplace"))
            try:
                if not rename_exclusive(source, target):
                    continue
            except OSError as error:
                told.unlink(missing_ok=True)
                if isinstance(error, FileNotFoundError):
                    return None
                raise
            with contextlib.suppress(OSError):  # there is none, or its name would be too long to exist
                (source.parent / (source.name + BY_SUFFIX)).unlink()
            return target
        raise OSError(errno.EEXIST, f"a hundred files of this name are in {folder}", base)

    def expire(self, name: ActionName, source: Folder = Folder.PENDING) -> bool:
        """Nobody decided in time (or the decision came too late)."""
        return self._decide(name, Folder.EXPIRED, "nobody decided before expires_at", source)

    # ---- looking -------------------------------------------------------------------------------------------------

    def find(self, action_id: str) -> list[tuple[Folder, Path]]:
        """Where a proposal lies, by its whole id or any unambiguous beginning or its 12 hex at the end."""
        found = []
        for folder in Folder:
            for entry in entries(self.folder(folder)):
                if entry.name.endswith((REASON_SUFFIX, BY_SUFFIX)) or entry.name.startswith("."):
                    continue
                name = name_of(entry.name)
                own = name.id if name else entry.name
                if own == action_id or own.startswith(action_id) or own.endswith(f"-{action_id}"):
                    found.append((folder, Path(entry.path)))
        exact = [(f, p) for f, p in found if ((n := name_of(p.name)) and n.id == action_id) or p.name == action_id]
        return exact or found

    def proposal_at(self, path: Path) -> Proposal | None:
        """The proposal of a file or of a run's folder, if it can be read and is one."""
        for candidate in (path / "proposal.json", path / CLAIMED_FILE) if path.is_dir() else (path,):
            raw = read_regular(candidate, MAX_PROPOSAL_BYTES)
            if raw is not None and isinstance(proposal := read_proposal(raw, MAX_PROPOSAL_BYTES), Proposal):
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
        found = sorted(entries(self.folder(folder)), key=_modified)
        for entry in found:
            name = name_of(entry.name)
            if name is None and folder in (Folder.RUNNING, *EXECUTED, Folder.WITHDRAWN) and entry.is_dir():
                name = ActionName(entry.name, "")
            if name is not None and (proposal := self.proposal_at(Path(entry.path))):
                yield Filed(name, Path(entry.path), proposal)

    def _draft(self, action_id: str, token: str) -> Path:
        return self._wip / f"{action_id}.{token}.json"

    def _receipt(self, action_id: str) -> Path:
        return self._wip / f"{action_id}{RECEIPT_SUFFIX}"

    def _decide(self, name: ActionName, folder: Folder, reason: str, source: Folder = Folder.PENDING) -> bool:
        target = self.folder(folder) / name.file
        told = target.with_name(name.file + REASON_SUFFIX)
        return rename_told(self.folder(source) / name.file, target, told, _words(reason))


def writable_by(path: Path, uid: int, groups: frozenset[int]) -> bool:
    """Could a user with this uid and these groups make a name in `path`? By mode bits, as the kernel checks them."""
    status = path.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IWUSR)
    if status.st_gid in groups:
        return bool(status.st_mode & stat.S_IWGRP)
    return bool(status.st_mode & stat.S_IWOTH)


def _words(reason: str) -> bytes:
    return f"{reason.strip()}\n".encode()


def _modified(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_mtime_ns
    except FileNotFoundError:
        return 0
