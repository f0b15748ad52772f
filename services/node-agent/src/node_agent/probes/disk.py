"""Local file systems that fill up, by space or by inodes. Reads the mount table; never touches a network mount.

A file system is known by its mount point; one device mounted many times is one file system.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mesh_core.models.events import Severity
from node_agent.findings import Finding, Rule
from node_agent.limits import Limits, judge

RULE = Rule(sick_looks=2, well_looks=2, again_seconds=5.0)
# A statvfs on one of these does not wait for a network; it runs in the loop.
LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "vfat", "exfat", "ntfs3", "jfs", "bcachefs"})


class DiskProbe:
    name = "disk"

    def __init__(
        self, limits: Limits, ignore: tuple[str, ...] = (), every_seconds: float = 60.0, mounts: Path | None = None
    ):
        self.every_seconds = every_seconds
        self._limits = limits
        self._ignore = ignore
        self._mounts = mounts or Path("/proc/self/mounts")

    async def look(self, only: frozenset[str] | None) -> list[Finding]:
        findings = []
        for device, mount, kind in local_mounts(self._mounts.read_text(errors="replace"), self._ignore):
            key = f"disk:{mount}"
            if only is not None and key not in only:
                continue
            try:
                usage = os.statvfs(mount)
            except OSError:
                continue
            findings.append(_finding(key, device, mount, kind, usage, self._limits))
        return findings

    async def evidence(self, finding: Finding) -> dict[str, Any]:
        return {}


def local_mounts(table: str, ignore: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """(device, mount point, kind), one per device: the shortest mount point. Read-only ones cannot fill up.

    Where only an overlay or a tmpfs is the root (in a container), that root is watched.
    """
    chosen: dict[str, tuple[str, str, str]] = {}
    root: tuple[str, str, str] | None = None
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) < 4:
            continue
        device, mount, kind, options = fields[0], _unescaped(fields[1]), fields[2], fields[3].split(",")
        if mount == "/":
            root = (device, mount, kind)
        if kind not in LOCAL or "ro" in options or any(fnmatchcase(mount, glob) for glob in ignore):
            continue
        if device not in chosen or len(mount) < len(chosen[device][1]):
            chosen[device] = (device, mount, kind)
    if not chosen and root is not None and not any(fnmatchcase("/", glob) for glob in ignore):
        return [root]
    return sorted(chosen.values(), key=lambda row: row[1])


def _finding(key: str, device: str, mount: str, kind: str, usage: os.statvfs_result, limits: Limits) -> Finding:
    # As df does: what only root may use is neither free nor part of the whole.
    used = usage.f_blocks - usage.f_bfree
    space = 100 * used / max(1, used + usage.f_bavail)
    inodes = 100 * (usage.f_files - usage.f_ffree) / usage.f_files if usage.f_files else 0.0
    condition, severity = judge(max(space, inodes), limits)
    facts = {
        "mount": mount,
        "device": device,
        "kind": kind,
        "used_percent": round(space, 1),
        "inodes_used_percent": round(inodes, 1),
        "free_bytes": usage.f_bavail * usage.f_frsize,
        "limit_percent": limits.critical if severity is Severity.CRITICAL else limits.high,
    }
    return Finding(key, None, condition, RULE, "disk_space_low", severity, facts)


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
