"""What changes in one folder, told by the kernel (inotify). A hint only: callers look for
themselves, and again from time to time, because it may be missing altogether (no inotify left, a network mount).

It says nothing of what was there before, and nothing any more once the folder itself was removed or replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path

WRITTEN, APPEARED, VANISHED = 0x8, 0x80 | 0x100, 0x200  # closed after writing; moved here or made; deleted
_DELETE_SELF, _ONLYDIR = 0x400, 0x01000000
_HEAD = 16  # struct inotify_event without its name
_libc = ctypes.CDLL(None, use_errno=True)


class FolderChanges:
    """From its making until `close` it can be waited for (`fileno`) and read; for who has no event loop.

    `changes` are WRITTEN, APPEARED, VANISHED, joined by `|`. OSError if the folder cannot be watched.
    """

    def __init__(self, folder: Path, changes: int):
        self.inode = folder.stat().st_ino
        self._descriptor = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), folder)
        try:
            mask = changes | _DELETE_SELF | _ONLYDIR
            _checked(_libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask), folder)
        except OSError:
            os.close(self._descriptor)
            raise

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> Iterator[str | None]:
        """Each name that changed since, or None when the folder is gone; never waits."""
        raw = b""
        with contextlib.suppress(BlockingIOError):
            raw = os.read(self._descriptor, 65536)
        at = 0
        while at + _HEAD <= len(raw):
            change = int.from_bytes(raw[at + 4 : at + 8], "little")
            size = int.from_bytes(raw[at + 12 : at + 16], "little")
            name = os.fsdecode(raw[at + _HEAD : at + _HEAD + size].rstrip(b"\0"))
            yield None if change & _DELETE_SELF else name
            at += _HEAD + size

    def close(self) -> None:
        os.close(self._descriptor)


class FolderWatch:
    """As FolderChanges, read by the running loop: `on_change` gets each of them."""

    def __init__(self, folder: Path, changes: int, on_change: Callable[[str | None], None]):
        self._changes = FolderChanges(folder, changes)
        self.inode = self._changes.inode
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._changes, self._read)

    def close(self) -> None:
        self._loop.remove_reader(self._changes)
        self._changes.close()

    def _read(self) -> None:
        for name in self._changes.read():
            self._on_change(name)


def _checked(result: int, folder: Path) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
    return result
