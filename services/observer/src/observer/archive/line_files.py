"""Files of lines that only grow: appended durably, never half a line, and not again what a crash has sent again.

Rewrites nothing. `lock` is held while a file grows: whoever takes one away (retention) holds it as well.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from mesh_core.storage.event_conversion import convert
from mesh_core.storage.event_files import mend_tail
from mesh_core.storage.files import fsync_folder

TAIL_BYTES = 1024 * 1024  # about what may be delivered again after a crash; more of it may stand there twice
KNOWN_LINES = 8192
KNOWN_FILES = 4096

log = structlog.get_logger()


class LineFiles:
    """One writer per folder. `mark_of` gives equal numbers to two lines of which one is enough."""

    def __init__(self, root: Path, mark_of: Callable[[bytes], int] = hash, lock: threading.Lock | None = None):
        self.lock = lock or threading.Lock()
        self._root = root
        self._mark_of = mark_of
        self._met: dict[Path, None] = {}  # files whose end was looked at since we started
        self._grown: dict[Path, int] = {}
        self._known: dict[int, None] = {}  # lines that were lately written, or found at a file's end

    def append(self, lines: Mapping[Path, Sequence[bytes]]) -> dict[Path, int]:
        """Those that are new, and how many in which file. When this returns they survive a power cut.

        Raises OSError (disk full, read-only): then repeat it; what is written by then is told the next time.
        """
        for path, own in lines.items():
            if count := self._append(path, own):
                self._grown[path] = self._grown.get(path, 0) + count
        grown, self._grown = self._grown, {}
        return grown

    def _append(self, path: Path, lines: Sequence[bytes]) -> int:
        wanted: dict[int, bytes] = {}
        for line in lines:
            wanted.setdefault(self._mark_of(line), line)
        if path not in self._met and path.is_dir():
            convert(path)  # an earlier version's folder of a node whose name ends as our file names do
        with self.lock:
            descriptor = self._open(path)
            try:
                self._meet(descriptor, path)
                size = os.fstat(descriptor).st_size
                # Somebody may have taken away the file in which we know them.
                fresh = {mark: line for mark, line in wanted.items() if not size or mark not in self._known}
                if fresh:
                    _write(descriptor, size, b"".join(fresh.values()))
                if not (path in self._met and size):
                    fsync_folder(path.parent)
            finally:
                os.close(descriptor)
            self._met[path] = None
            self._known.update(dict.fromkeys(fresh))
            _shorten(self._met, KNOWN_FILES)
            _shorten(self._known, KNOWN_LINES)
        return len(fresh)

    def _open(self, path: Path) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(path, flags, 0o640)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            fsync_folder(self._root)
            fsync_folder(self._root.parent)
        return os.open(path, flags, 0o640)

    def _meet(self, descriptor: int, path: Path) -> None:
        """After a crash the last line may be half, and entries that stand at the end already are delivered again."""
        if cut := mend_tail(descriptor):
            log.warning("archive.half_a_line_cut", file=str(path), bytes=cut, reason="a crash; what it was comes again")
            self._known.clear()
        elif path in self._met:
            return
        start = max(0, os.fstat(descriptor).st_size - TAIL_BYTES)
        tail = os.pread(descriptor, TAIL_BYTES, start)
        for line in tail[tail.find(b"\n") + 1 if start else 0 :].splitlines(keepends=True):
            self._known[self._mark_of(line)] = None


def _write(descriptor: int, size: int, data: bytes) -> None:
    """All of it and synced, or as it was before (`size` bytes)."""
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _shorten(known: dict[Any, None], most: int) -> None:
    """Forget the older half of too many."""
    if len(known) > most:
        for key in list(known)[: len(known) - most // 2]:
            del known[key]
