"""What is mounted where, out of /proc/self/mounts. Reads that one file and asks no file system: none can hang it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line. `options` as they stand there (`rw`, `relatime`)."""

    device: str
    point: str
    kind: str
    options: tuple[str, ...]


def read_mounts(table: Path = MOUNTS) -> list[Mount]:
    """In the order in which they were mounted. OSError where there is no such file."""
    return mounts_in(table.read_text(errors="replace"))


def mounts_in(table: str) -> list[Mount]:
    rows = (line.split(" ") for line in table.splitlines())
    return [Mount(row[0], _unescaped(row[1]), row[2], tuple(row[3].split(","))) for row in rows if len(row) >= 4]


def mount_of(path: str, mounts: Iterable[Mount]) -> Mount | None:
    """Which of them it lies on; of two on one point the later covers the earlier."""
    found: Mount | None = None
    for mount in mounts:
        if lies_under(path, mount.point) and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def lies_under(path: str, folder: str) -> bool:
    """Is it that folder, or something within it? By its name only."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def on_one_disk(one: Mount, other: Mount) -> bool:
    """A disk may be mounted in several places; what has no device is only itself."""
    return one.point == other.point or (one.device == other.device and one.device.startswith("/"))


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
