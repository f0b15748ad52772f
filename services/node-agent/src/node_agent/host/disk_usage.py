"""How full a file system is, out of what the kernel tells of it. Pure."""

from __future__ import annotations

import os
from typing import NamedTuple


class DiskUsage(NamedTuple):
    """Percent as df has it: what only root may use is neither free nor part of the whole."""

    size_bytes: int
    free_bytes: int
    used_percent: float
    inodes_used_percent: float


def usage_in(told: os.statvfs_result) -> DiskUsage:
    used = told.f_blocks - told.f_bfree
    return DiskUsage(
        size_bytes=told.f_blocks * told.f_frsize,
        free_bytes=told.f_bavail * told.f_frsize,
        used_percent=100 * used / max(1, used + told.f_bavail),
        inodes_used_percent=100 * (told.f_files - told.f_ffree) / told.f_files if told.f_files else 0.0,
    )
