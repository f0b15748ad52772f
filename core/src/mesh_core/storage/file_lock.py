"""Locks on files: held by one process until it lets go or ends, however it ends. No child of ours ever keeps one.

A flock belongs to the open file, so a forked copy of its holder holds it as well, until it execs. A copy whose parent
was killed in between never execs, and would hold it for ever: so every copy closes all of them first thing.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

_held: set[int] = set()  # descriptors of this process


class FileLock:
    """One lock file, which is never removed (that would let two in). `readable`: the file may be another user's.

    `folder`: the lock of a folder that is there, without a file in it.
    """

    def __init__(self, path: Path, *, mode: int = 0o600, readable: bool = False, folder: bool = False):
        self.path = path
        self._mode = mode
        file = (os.O_RDONLY if readable else os.O_RDWR) | os.O_CREAT
        self._flags = (os.O_RDONLY | os.O_DIRECTORY if folder else file) | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = -1

    def take(self, *, wait: bool = False) -> bool:
        """False if somebody else has it; with `wait` only when we have it. The folder must be there. Raises OSError."""
        if self._descriptor < 0:
            self._descriptor = os.open(self.path, self._flags, self._mode)
            _held.add(self._descriptor)  # before it is locked: another thread may fork at any moment
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            self.release()
            return False
        except BaseException:
            self.release()
            raise
        return True

    def release(self) -> None:
        """Also when it is not held. Unlocked before it is closed: that frees it whoever has a copy."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            _held.discard(descriptor)
            os.close(descriptor)

    def note(self, text: str) -> None:
        """Say in the file who holds it; only while it is held."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)


def _forget_in_a_copy() -> None:
    for descriptor in _held:
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_a_copy)
