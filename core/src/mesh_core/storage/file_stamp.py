"""Is a file still the one that was read before? By its status, without opening it."""

from __future__ import annotations

from pathlib import Path


def stamp_of(path: Path) -> object:
    """Differs once the file (or what a link leads to) was made, changed or taken away; to be compared only."""
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
