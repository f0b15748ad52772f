"""Local file systems that fill up, by space or by inodes. Reads the mount table; never touches a network mount.

A file system is known by its mount point; one device mounted many times is one file system.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mesh_core.models.events import Severity
from node_agent.checks.check_result import CheckResult
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.host.disk_usage import DiskUsage, usage_in
from node_agent.host.mounts import MOUNTS, mounts_in
from node_agent.options import Positive
from node_agent.probe_base.probe import ProbeContext
from node_agent.probe_base.thresholds import ThresholdOptions, evaluate

RULE = ConfirmationRule(unhealthy_checks=2, healthy_checks=2, recheck_seconds=5.0)
# A statvfs on one of these does not wait for a network; it runs in the loop.
LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "vfat", "exfat", "ntfs3", "jfs", "bcachefs"})


class DiskOptions(ThresholdOptions):
    """Percent used, of space or of inodes. `ignore`: globs of mount points."""

    high: Positive = 90
    low: Positive = 87
    critical: Positive = 97
    ignore: tuple[str, ...] = ()

    def create(self, context: ProbeContext) -> DiskProbe:
        return DiskProbe(self)


class DiskProbe:
    name = "disk"

    def __init__(self, options: DiskOptions, mounts: Path = MOUNTS):
        self.every_seconds = options.every_seconds
        self._options = options
        self._mounts = mounts

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        results = []
        for device, mount, kind in local_mounts(self._mounts.read_text(errors="replace"), self._options.ignore):
            key = f"disk:{mount}"
            if only is not None and key not in only:
                continue
            try:
                usage = usage_in(os.statvfs(mount))
            except OSError:
                continue
            results.append(_result(key, device, mount, kind, usage, self._options))
        return results

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        return {}


def local_mounts(table: str, ignore: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """(device, mount point, kind), one per device: the shortest mount point. Read-only ones cannot fill up.

    Where only an overlay or a tmpfs is the root (in a container), that root is watched.
    """
    chosen: dict[str, tuple[str, str, str]] = {}
    root: tuple[str, str, str] | None = None
    for each in mounts_in(table):
        device, mount, kind = each.device, each.point, each.kind
        if mount == "/":
            root = (device, mount, kind)
        if kind not in LOCAL or "ro" in each.options or any(fnmatchcase(mount, glob) for glob in ignore):
            continue
        if device not in chosen or len(mount) < len(chosen[device][1]):
            chosen[device] = (device, mount, kind)
    if not chosen and root is not None and not any(fnmatchcase("/", glob) for glob in ignore):
        return [root]
    return sorted(chosen.values(), key=lambda row: row[1])


def _result(key: str, device: str, mount: str, kind: str, usage: DiskUsage, options: DiskOptions) -> CheckResult:
    condition, severity = evaluate(max(usage.used_percent, usage.inodes_used_percent), options)
    facts = {
        "mount": mount,
        "device": device,
        "kind": kind,
        "used_percent": round(usage.used_percent, 1),
        "inodes_used_percent": round(usage.inodes_used_percent, 1),
        "free_bytes": usage.free_bytes,
        "limit_percent": options.critical if severity is Severity.CRITICAL else options.high,
    }
    return CheckResult(key, None, condition, RULE, "disk_space_low", severity, facts)
