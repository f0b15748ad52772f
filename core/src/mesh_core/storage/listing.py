"""What lies in a folder that may not be there. Reads names only."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

MISSING = (FileNotFoundError, NotADirectoryError)


def entries(
    folder: Path,
    *,
    tolerated: tuple[type[OSError], ...] = (*MISSING, PermissionError),
    limit: int | None = None,
) -> list[os.DirEntry[str]]:
    """Everything in `folder`, at most `limit` of it, in no order; nothing where it is missing or (by default) not ours
    to read. Any other OSError is raised: nobody must take a folder that could not be read for an empty one."""
    try:
        with os.scandir(folder) as listing:
            return list(islice(listing, limit))
    except tolerated:
        return []


def changed_ns(path: Path) -> int:
    """When it changed, in nanoseconds since 1970; 0 where that cannot be said."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
