"""Is a file still the one that was read before? By its status, without opening it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class FileStamp(NamedTuple):
    """Differs once the file was made, changed or had its owner or mode changed; times in ns."""

    inode: int
    size: int
    modified: int
    changed: int
    mode: int


def stamp_of(path: Path) -> FileStamp | int | None:
    """Of the file, or of what a link leads to; an error number where it cannot be seen. To be compared."""
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    return FileStamp(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)


class WhenChanged(Generic[T]):
    """What `read` made of a file (and of what belongs to it), made anew once `stamp` says that it is another one.

    Blocks for a look at the status each time it is asked.
    """

    def __init__(self, read: Callable[[], T], stamp: Callable[[], object]):
        self._read = read
        self._stamp = stamp
        self._seen: tuple[object, T] | None = None

    def value(self) -> T:
        """As it is now: the very same object as long as nothing changed. What `read` raises is raised, and not kept."""
        stamp = self._stamp()  # before reading: what changes meanwhile is read once more
        if self._seen is None or self._seen[0] != stamp:
            self._seen = (stamp, self._read())
        return self._seen[1]
