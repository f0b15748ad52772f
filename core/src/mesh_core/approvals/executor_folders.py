"""What the executor may do in the folders: claim what was approved, end it, put aside what must not run.

It never judges what a file says (its admission does).
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from mesh_core.approvals.action_folders import BY_FILE, CLAIMED_FILE, ServiceFolders
from mesh_core.approvals.proposal_files import (
    BY_SUFFIX,
    REASON_SUFFIX,
    ActionName,
    name_of,
)
from mesh_core.models.proposals import EXECUTED, Folder
from mesh_core.storage.files import read_regular, rename_exclusive, write_whole
from mesh_core.storage.listing import entries

ABANDONED_SECONDS = 30.0
LEFTOVER_NS = 10_000_000_000


def drop_run(run: Path) -> None:
    """Remove a run's folder in which nothing is claimed, with what a look at its target left there: as long as anything
    lies in it, its id counts as being executed."""
    if not os.path.lexists(run / CLAIMED_FILE):
        shutil.rmtree(run, ignore_errors=True)


class ExecutorFolders(ServiceFolders):
    """`actions/` as the executor changes it."""

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
