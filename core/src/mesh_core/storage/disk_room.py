"""How much of a disk files take, and for how long it lasts. Reads only, follows no link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_BLOCK = 512  # what st_blocks counts, on every file system


def size_of(path: Path) -> int:
    """Bytes on disk of a file, or of everything in a folder; what goes meanwhile counts for nothing."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    if not stat.S_ISDIR(status.st_mode):
        return status.st_blocks * _BLOCK
    total = status.st_blocks * _BLOCK
    for where, _, names in os.walk(path):
        for name in names:
            try:
                total += Path(where, name).lstat().st_blocks * _BLOCK
            except OSError:
                continue
    return total
