"""silences/ under the runtime path: one file for each silence, whole or not there; ended/ for those that are over.

Reading never fails: whatever lies there that is no silence is left alone and said once. Judges no event.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import structlog

from mesh_core.approvals.proposal_files import REASON_SUFFIX
from mesh_core.models.parsing import read_record
from mesh_core.models.strict_json import Refusal
from mesh_core.silences.silence import MAX_DAYS, Silence
from mesh_core.storage.by_descriptor import folder_below
from mesh_core.storage.files import create_whole, read_regular, rename_exclusive, rename_with_note, shared_mode
from mesh_core.storage.listing import entries

MAX_BYTES = 32 * 1024
MAX_FILES = 1000
KEEP_DAYS = 2 * MAX_DAYS  # how long an ended one is kept; what it put aside must outlive the planner's memory of it

log = structlog.get_logger()

Signature = tuple[tuple[str, int, int, int], ...]


class SilenceFolder:
    """Read again only what changed. One instance for each reader; any number of writers."""

    def __init__(self, runtime: Path):
        self.root = runtime / "silences"
        self.ended_root = self.root / "ended"
        self._seen: dict[Path, tuple[Signature, tuple[Silence, ...]]] = {}
        self._told: set[tuple[str, int]] = set()

    def prepare(self) -> None:
        """Make what is missing; what is there keeps its owner and mode (a deployment sets those)."""
        self.root.mkdir(mode=0o770, parents=True, exist_ok=True)
        try:
            self.ended_root.mkdir()
        except FileExistsError:
            return
        # Whoever may make a silence may end it, whatever the umask of the one who was here first.
        with folder_below(self.root, self.ended_root.name) as ended:
            os.fchmod(ended, stat.S_IMODE(self.root.stat().st_mode))

    def current(self) -> tuple[Silence, ...]:
        """Those that nobody has ended, oldest file name first; some may not have begun, or be over by the clock."""
        return self._read(self.root)

    def ended(self) -> tuple[Silence, ...]:
        """Those that are over, as far as they are kept."""
        return self._read(self.ended_root)

    def put(self, silence: Silence) -> None:
        """Durable when it returns. Raises OSError; FileExistsError if there is one of that id."""
        self.prepare()
        # Readable for whoever may enter the folder: the planner must see what an operator with umask 077 writes.
        path = self._path(silence.id)
        if not create_whole(path, silence.wire(), mode=shared_mode(self.root), exact=True):
            raise FileExistsError(f"{path} is there already")

    def end(self, silence_id: str, reason: str = "") -> bool:
        """It is over: to ended/, with the reason, if any. False if somebody was faster. Raises OSError."""
        path = self._path(silence_id)
        target = self.ended_root / path.name
        with contextlib.suppress(FileNotFoundError):
            if not reason.strip():
                return rename_exclusive(path, target)
            word = target.with_name(target.name + REASON_SUFFIX)
            mode = shared_mode(self.ended_root)  # as above: whatever the umask
            return rename_with_note(path, target, word, f"{reason.strip()}\n".encode(), mode=mode, exact=True)
        return False

    def end_reason(self, silence_id: str) -> str:
        """The word beside an ended one; '' if it just came to its end."""
        raw = read_regular(self.ended_root / f"{silence_id}.json{REASON_SUFFIX}", MAX_BYTES)
        return raw.decode("utf-8", "replace").strip() if raw else ""

    def forget(self, before: float) -> int:
        """Remove what was ended before that moment (seconds since 1970); how many files went."""
        gone = 0
        for entry in _silence_entries(self.ended_root):
            with contextlib.suppress(OSError):
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_ctime < before:
                    Path(entry.path).unlink()
                    gone += 1
        return gone

    def _path(self, silence_id: str) -> Path:
        return self.root / f"{silence_id}.json"

    def _read(self, folder: Path) -> tuple[Silence, ...]:
        signature = self._signature(folder)
        known = self._seen.get(folder)
        if known is None or known[0] != signature:
            found = []
            for name, changed, _, _ in signature:
                read = _silence_at(folder / name)
                if isinstance(read, Silence):
                    found.append(read)
                else:
                    self._say(str(folder / name), changed, read.reason)
            known = self._seen[folder] = (signature, tuple(found))
        return known[1]

    def _signature(self, folder: Path) -> Signature:
        found = []
        for entry in _silence_entries(folder):
            if entry.name.endswith(".json") and not entry.name.startswith("."):
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    found.append((entry.name, status.st_ctime_ns, status.st_ino, status.st_size))
        if len(found) > MAX_FILES:
            self._say(str(folder), 0, f"more than {MAX_FILES} files; the others are not looked at")
        return tuple(sorted(found)[:MAX_FILES])

    def _say(self, path: str, changed: int, reason: str) -> None:
        """Once for each file as it is; a folder full of rubbish does not fill the memory."""
        if (path, changed) not in self._told and len(self._told) < 2 * MAX_FILES:
            self._told.add((path, changed))
            log.warning("silences.ignored", file=path, reason=reason)


def _silence_at(path: Path) -> Silence | Refusal:
    raw = read_regular(path, MAX_BYTES)
    if raw is None:
        return Refusal(f"not a regular file of at most {MAX_BYTES} bytes that may be read")
    silence = read_record(raw, Silence, MAX_BYTES)
    if isinstance(silence, Refusal):
        return silence
    if path.name != f"{silence.id}.json":
        return Refusal(f"the id inside is {silence.id}; the name must be the same")
    return silence


def _silence_entries(folder: Path) -> list[os.DirEntry[str]]:
    """At most ten times what is read; nothing where it cannot be read: when in doubt we are heard."""
    return entries(folder, tolerated=(OSError,), limit=10 * MAX_FILES)
