"""Who holds the lock of a package manager, out of /proc/locks: whatever that program is called. Reads only."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

# Of those that lock a file; the others only leave one behind, also when they died.
LOCKS: Mapping[str, str] = {
    "var/lib/dpkg/lock-frontend": "dpkg",
    "var/lib/dpkg/lock": "dpkg",
    "var/lib/rpm/.rpm.lock": "rpm",
    "usr/lib/sysimage/rpm/.rpm.lock": "rpm",
    "lib/apk/db/lock": "apk",
}
MAX_BYTES = 256 * 1024


class HeldLock(NamedTuple):
    pid: int
    manager: str


def held_locks(root: Path) -> Iterator[HeldLock]:
    """Of the host whose files are seen under `root`. OSError where the kernel's table cannot be read."""
    with (root / "proc/locks").open("rb") as file:
        holders = {
            _inode(line): int(line[4]) for line in map(bytes.split, file.read(MAX_BYTES).splitlines()) if _is_held(line)
        }
    for path, manager in LOCKS.items():
        try:
            seen = (root / path).stat()
        except OSError:
            continue
        if (pid := holders.get((os.major(seen.st_dev), os.minor(seen.st_dev), seen.st_ino))) is not None:
            yield HeldLock(pid, manager)


def _is_held(words: list[bytes]) -> bool:
    """`1: POSIX  ADVISORY  WRITE 3568 fd:00:2531452 0 EOF`; who waits for one has `->` in place of the kind."""
    return len(words) >= 8 and words[1] in (b"POSIX", b"FLOCK", b"OFDLCK") and words[3] == b"WRITE"


def _inode(words: list[bytes]) -> tuple[int, int, int]:
    major, minor, inode = words[5].split(b":")
    return int(major, 16), int(minor, 16), int(inode)
