"""Which files under RUNTIME_PATH belong to a backup, and reading one of them without risk while others write.

Never follows a link, never waits on a pipe; what is left out is named.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mesh_core.storage.listing import entries

ROOTS = ("actions", "events", "config", "silences", "requests", "audit", "state")
MAX_FILE_BYTES = 256 * 1024 * 1024
# Alive only while the mesh is: locks, seats, sessions (a copy would let a thief in); and the layout's own file.
_PASSING = frozenset({"sessions.json", "sign-in", "schema.json", "schema.lock", "planners", "locks", "executor.lock"})

Skip = Callable[[str], None]  # hears what was left out, and why


@dataclass(frozen=True)
class ArchivedFile:
    """One file as it goes into the archive, or a folder (`data` None)."""

    path: PurePosixPath
    data: bytes | None
    mode: int
    uid: int
    gid: int
    mtime: float


def kept(path: PurePosixPath, data: bytes | None, status: os.stat_result) -> ArchivedFile:
    return ArchivedFile(path, data, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime)


def read_archived(source: Path, path: PurePosixPath, skip: Skip) -> ArchivedFile | None:
    """The file as it is now; None if it is gone, or nothing that can be kept. Raises PermissionError."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except PermissionError:
        raise
    except OSError:
        skip(f"{path}: a link, or no file")
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            skip(f"{path}: no regular file")
            return None
        if status.st_size > MAX_FILE_BYTES:
            skip(f"{path}: larger than {MAX_FILE_BYTES // 1024**2} MiB")
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as handle:
            data = handle.read(MAX_FILE_BYTES)
    finally:
        os.close(descriptor)
    if path.suffix == ".jsonl":  # it grows line by line: half a line is none yet
        data = data[: data.rfind(b"\n") + 1]
    return kept(path, data, status)


def tree(runtime: Path, below: PurePosixPath, skip: Skip) -> Iterator[ArchivedFile]:
    """Every file and folder below, a folder before what is in it; hidden and temporary names are left out."""
    try:
        yield kept(below, None, (runtime / below).lstat())
        entries = listed(runtime / below)
    except NotADirectoryError:
        return
    except FileNotFoundError:
        return
    yield from _inside(runtime, below, entries, skip)
    if any(not os.path.lexists(entry.path) for entry in entries):
        # What went may have come back under another name: a day's events are compressed while we read.
        seen = {entry.name for entry in entries}
        with contextlib.suppress(FileNotFoundError):
            yield from _inside(runtime, below, [e for e in listed(runtime / below) if e.name not in seen], skip)


def _inside(runtime: Path, below: PurePosixPath, entries: list[os.DirEntry[str]], skip: Skip) -> Iterator[ArchivedFile]:
    for entry in entries:
        path = below / entry.name
        if entry.name.startswith(".") or entry.name.endswith(".tmp") or _is_passing(path):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from tree(runtime, path, skip)
        elif (found := read_archived(Path(entry.path), path, skip)) is not None:
            yield found


def listed(folder: Path, *, tolerated: tuple[type[OSError], ...] = ()) -> list[os.DirEntry[str]]:
    """By name, so that the same files make the same archive."""
    return sorted(entries(folder, tolerated=tolerated), key=lambda entry: entry.name)


def _is_passing(path: PurePosixPath) -> bool:
    return path.parts[0] == "state" and (path.name in _PASSING or path.suffix in (".heartbeat", ".lock"))
