"""The audit log on disk: one line after the other, synced, never changed. One writer per mesh, by a lock.

| dies | what is left | next start |
|---|---|---|
| while a line is written | a piece without its end | set aside under its own name; a line says so |
| before the line about a piece that was set aside | the piece, still called `.new` | told |
| before state/audit.head | a line that the noted head does not know yet | noted |
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from mesh_core.models.records import parse_time, rfc3339, utc_now
from mesh_core.runtime.metrics import AUDIT_DAMAGED, AUDIT_FAILURES, AUDIT_LINES
from mesh_core.storage.audit_log import DAMAGE, HEALED, AuditLine, BadLine, Head, head_in, read_line, sealed
from mesh_core.storage.file_lock import FileLock
from mesh_core.storage.files import fsync_folder, write_whole
from mesh_core.storage.tail import lines_backwards
from observer.audit.entry import AuditEntry

TAIL_BYTES = 8 * 1024 * 1024  # what a start reads at most: about 20,000 lines
TAIL_DAYS = 8
RECENT = 1000
SPARE_BYTES = 256 * 1024
COPY_BYTES = 1024 * 1024
LOCK = ".lock"
UNTOLD = ".new"

log = structlog.get_logger()


class AuditDown(OSError):
    """The log cannot be written now; so nothing may be decided through us. The text says why."""


class AuditBusy(RuntimeError):
    """Another observer writes this log."""


class AuditLog:
    """Blocks for each line until it is on disk (a few milliseconds); safe to call from several threads."""

    def __init__(self, path: Path, head_file: Path, *, clock: Callable[[], datetime] = utc_now):
        self.path = path
        self._head_file = head_file
        self._clock = clock
        self._lock = threading.Lock()
        self._descriptor = -1
        self._guard = FileLock(path.parent / LOCK, mode=0o640)
        self._size = 0
        self._recent: OrderedDict[int, str] = OrderedDict()
        self.head = Head()

    @property
    def is_open(self) -> bool:
        return self._descriptor >= 0

    def open(self, on_line: Callable[[AuditLine], None] = lambda line: None) -> None:
        """Take the lock, heal what a crash left, and hand out the lines of the last days, newest first.

        Raises AuditBusy, and OSError when the folder cannot be used.
        """
        self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._head_file.parent.mkdir(parents=True, exist_ok=True)
        if not self._guard.take():
            raise AuditBusy(f"another observer writes {self.path}: one mesh has one observer")
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self.path, flags, 0o640)
            fsync_folder(self.path.parent)
            self._heal(on_line)
        except BaseException:
            self.close()
            self.head = Head()
            raise

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
        self._guard.release()

    def check(self) -> None:
        """Raises AuditDown when the next line would most likely not fit."""
        if not self.is_open:
            raise AuditDown("the audit log is not open (yet); the observer's log says why")
        try:
            room = os.fstatvfs(self._descriptor)
        except OSError as error:
            raise AuditDown(f"the audit log cannot be written: {error.strerror}") from error
        if room.f_bavail * room.f_frsize < SPARE_BYTES:
            raise AuditDown("the audit log cannot be written: the disk is full")

    def append(self, fields: dict[str, Any], *, seq: int | None = None) -> AuditLine:
        """Seal and write one line; when this returns it survives a power cut. Raises AuditDown: nothing was written."""
        with self._lock:
            if self._descriptor < 0:
                raise AuditDown("the audit log is not open (yet); the observer's log says why")
            line = sealed(self.head, {"ts": rfc3339(self._clock()), **fields}, seq=seq)
            raw = line.wire() + b"\n"
            try:
                if os.fstat(self._descriptor).st_size != self._size:
                    raise AuditDown(f"somebody else wrote to {self.path}: start the observer anew to have it looked at")
                if os.write(self._descriptor, raw) != len(raw):
                    raise OSError(28, "no space left on device")
                os.fsync(self._descriptor)
            except AuditDown:
                AUDIT_FAILURES.add()
                raise
            except OSError as error:
                AUDIT_FAILURES.add()
                self._undo()
                raise AuditDown(f"the audit log cannot be written: {error.strerror}") from error
            self._size += len(raw)
            AUDIT_LINES.add()
            self._remember(line)
            self.head = Head(line.seq, line.hash)
            self._note_head()
            return line

    def disagrees(self, head: Head) -> str | None:
        """Why this log is not the one whose end was noted as `head`; None if it may well be."""
        if head.seq > self.head.seq:
            return f"{self.head.seq + 1} to {head.seq} are missing at its end"
        known = self._recent.get(head.seq)
        return f"number {head.seq} is another line than was noted" if known not in (None, head.hash) else None

    def damaged(self, sentence: str, *, after: int = 0) -> None:
        """Say in the log itself that it is not whole. `after`: the last number that was ever given."""
        AUDIT_DAMAGED.set(1)
        log.error("audit.damaged", path=str(self.path), reason=sentence)
        self.append(self._of_itself(DAMAGE, sentence), seq=max(after, self.head.seq) + 1)

    def _of_itself(self, what: str, reason: str) -> dict[str, str]:
        now = rfc3339(self._clock())
        return AuditEntry(who="observer", how="observer", what=what, at=now, reason=reason).fields()

    def _heal(self, on_line: Callable[[AuditLine], None]) -> None:
        noted = self._noted_head()
        good_end, size = self._last_good(), os.fstat(self._descriptor).st_size
        if good_end < size:
            self._set_aside(good_end, size)
        self._size = good_end
        oldest = self._clock().timestamp() - TAIL_DAYS * 86_400
        for start, raw in lines_backwards(self.path):
            try:
                line = read_line(raw.rstrip(b"\n"))
            except BadLine:
                break  # `mend audit verify` says where; what is older than that is not believed
            if not self.head.seq:
                self.head = Head(line.seq, line.hash)
            if len(self._recent) < RECENT:
                self._recent[line.seq] = line.hash
                self._recent.move_to_end(line.seq, last=False)
            on_line(line)
            if good_end - start > TAIL_BYTES or parse_time(line.ts).timestamp() < oldest:
                break
        wrong = self.disagrees(noted) if noted else None
        if wrong and noted:
            self.damaged(wrong, after=noted.seq)
        elif self.head.seq:
            self._note_head()
        for piece in sorted(self.path.parent.glob(f"aside-*{UNTOLD}")):
            self._tell_of(piece)

    def _tell_of(self, piece: Path) -> None:
        """One line for what was set aside; until that is written, its name says that it was not told."""
        size, lines, digest = 0, False, hashlib.sha256()
        with piece.open("rb") as handle:
            while part := handle.read(COPY_BYTES):
                size, lines = size + len(part), lines or b"\n" in part
                digest.update(part)
        aside = piece.with_name(piece.name.removesuffix(UNTOLD))
        where = f"{size} bytes set aside in {aside.name} (sha256 {digest.hexdigest()[:16]})"
        if lines:
            self.damaged(f"its end was not what had been written: {where}")
        else:
            reason = f"an unfinished line: {where}"
            self.append(self._of_itself(HEALED, reason))
            log.warning("audit.healed", reason=reason)
        piece.rename(aside)
        fsync_folder(aside.parent)

    def _last_good(self) -> int:
        """Up to where the log can be believed to end: after its last whole line."""
        end = os.fstat(self._descriptor).st_size
        try:
            for start, raw in lines_backwards(self.path):
                if raw.endswith(b"\n"):
                    try:
                        read_line(raw[:-1])
                        return end
                    except BadLine:
                        pass
                end = start
        except ValueError:  # something enormous that is no line: nothing before it is looked at
            return 0
        return 0

    def _set_aside(self, start: int, end: int) -> None:
        """The end of the file into a file of its own."""
        target = self.path.with_name(f"aside-{self._clock():%Y%m%dT%H%M%S.%fZ}.txt{UNTOLD}")
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        with os.fdopen(descriptor, "wb") as copy:
            for at in range(start, end, COPY_BYTES):
                copy.write(os.pread(self._descriptor, min(COPY_BYTES, end - at), at))
            copy.flush()
            os.fsync(copy.fileno())
        fsync_folder(target.parent)
        os.ftruncate(self._descriptor, start)
        os.fsync(self._descriptor)

    def _undo(self) -> None:
        """Half a line of ours must not stand before the next one."""
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError as error:
            log.error("audit.cannot_undo", reason=str(error))

    def _remember(self, line: AuditLine) -> None:
        self._recent[line.seq] = line.hash
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    def _note_head(self) -> None:
        try:
            write_whole(self._head_file, f"{self.head}\n".encode())
        except OSError as error:
            log.warning("audit.head_not_noted", reason=str(error))

    def _noted_head(self) -> Head | None:
        try:
            return head_in(self._head_file.read_bytes()[:200])
        except FileNotFoundError:
            return None
