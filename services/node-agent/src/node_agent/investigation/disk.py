"""A disk that fills up: how full, what lies on it, and what was deleted and is still open."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

from node_agent.host.disk_usage import usage_in
from node_agent.host.mounts import Mount, lies_under, mount_of, on_one_disk, read_mounts
from node_agent.host.processes import PROC, program_of
from node_agent.investigation.folder_sizes import biggest_folders
from node_agent.investigation.question import MOST_ROWS, Question, shown

DISK_EVENT = "disk_space_low"
MAX_OPEN_FILES = 50_000
_DELETED = " (deleted)"


def is_of_a_disk(question: Question) -> bool:
    return question.type == DISK_EVENT and isinstance(question.facts.get("mount"), str)


def is_of_host_files(question: Question) -> bool:
    return question.host_files and is_of_a_disk(question)


def lies_on_it(path: str, question: Question) -> bool:
    """Is that path on the disk which the event is about? A device may be mounted in several places."""
    mounts = read_mounts()
    full, lies = (mount_of(place, mounts) for place in (str(question.facts["mount"]), str(Path(path).resolve())))
    return full is not None and lies is not None and on_one_disk(full, lies)


def usage(question: Question) -> dict[str, Any]:
    mount = str(question.facts["mount"])
    told = usage_in(os.statvfs(mount))
    return {
        "mount": mount,
        "size_bytes": told.size_bytes,
        "free_bytes": told.free_bytes,
        "used_percent": ceil(told.used_percent),  # as df rounds
        "inodes_used_percent": ceil(told.inodes_used_percent),
    }


def contents(question: Question) -> dict[str, Any]:
    """What lies on it, and what was deleted and is still open: the look that may take all the time there is."""
    mount, mounts = str(question.facts["mount"]), read_mounts()
    held = deleted_open(_devices(mount, mounts), question)
    biggest, complete = biggest_folders(mount, _below(mount, mounts), question)
    return {
        **({"deleted_open": held} if held else {}),
        "biggest": [{"path": shown(path), "bytes": size} for path, size in biggest.items()],
        "complete": complete,
    }


def deleted_open(devices: frozenset[int], question: Question) -> list[dict[str, Any]]:
    """What processes keep of files that have no name any more: no `du` finds it. As far as this user may see."""
    held: dict[tuple[int, int], dict[str, Any]] = {}
    for seen, (pid, link) in enumerate(open_files()):
        if seen > MAX_OPEN_FILES or question.over():
            break
        try:
            # The name first: whatever else is open, a file on a mount that hangs among it, is not asked for.
            if not str(link.readlink()).endswith(_DELETED):
                continue
            status = link.stat()
            if status.st_dev in devices and status.st_nlink == 0 and status.st_blocks:
                row = {"pid": pid, "program": shown(program_of(PROC / str(pid))), "bytes": status.st_blocks * 512}
                held.setdefault((status.st_dev, status.st_ino), row)
        except OSError:
            continue
    return sorted(held.values(), key=lambda row: -row["bytes"])[:MOST_ROWS]


def open_files() -> Iterator[tuple[int, Path]]:
    """(process, what it has open), as far as this user may see."""
    for process in PROC.iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # another's, or it ended
                yield from ((int(process.name), link) for link in (process / "fd").iterdir())


def _devices(mount: str, mounts: list[Mount]) -> frozenset[int]:
    """Of btrfs each subvolume has a number of its own."""
    full = mount_of(mount, mounts)
    points = [mount, *(one.point for one in mounts if full is not None and on_one_disk(one, full))]
    devices = set()
    for point in points:
        with contextlib.suppress(OSError):  # a mount that another one covers
            devices.add(Path(point).lstat().st_dev)
    return frozenset(devices)


def _below(mount: str, mounts: list[Mount]) -> frozenset[str]:
    """What is mounted within it and is another disk; a subvolume of this one belongs to it."""
    full = mount_of(mount, mounts)
    within = [one for one in mounts if lies_under(one.point, mount)]
    return frozenset(one.point for one in within if one.kind != "btrfs" or full is None or not on_one_disk(one, full))
