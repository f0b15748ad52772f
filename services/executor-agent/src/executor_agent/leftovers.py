"""Copies of an executor that outlived it: forked for a run, orphaned before they became one. Found, proven, ended.

Nothing is known by its name. A leftover holds the lock of this folder; the process that took the lock, by its own note
in it, is gone; it runs as the user that we are, and the program that we are; and all that was so some seconds ago, too.
A process of another machine or container cannot be judged from here, and is left alone. Linux only (/proc, pidfd).
"""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from mesh_core.storage.lock_note import read_note, taker_is_gone

_PDEATHSIG = 1

log = structlog.get_logger()


class End(StrEnum):
    NONE = "none"
    SUSPECTED = "suspected"
    KILLED = "killed"


@dataclass(frozen=True)
class Found:
    """`suspected`: hand it to the next look. `described`: who has the lock file open, for a person."""

    end: End
    pids: frozenset[int]
    suspected: tuple[str, frozenset[int]] | None
    described: str


class Leftovers:
    """Those of one lock, looked at again and again by whoever waits for it."""

    def __init__(self, lock: Path):
        self._lock = lock
        self._suspected: tuple[str, frozenset[int]] | None = None

    def look(self) -> str:
        """End what was suspected and still is; who has the lock file open, for a person."""
        found = end_leftovers(self._lock, self._suspected)
        self._suspected = found.suspected
        if found.end is not End.NONE:
            held_by = read_note(self._lock).strip()
            log.warning("executor.leftover", what=found.end.value, pids=sorted(found.pids), held_by=held_by)
        return found.described


def die_with_parent() -> None:
    """From now on every fork of this process ends when this process does, and when it was gone before that."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def in_the_copy() -> None:
        libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    os.register_at_fork(after_in_child=in_the_copy)


def end_leftovers(lock: Path, suspected: tuple[str, frozenset[int]] | None) -> Found:
    """End those that were suspected at the last look and still are. The caller does not have the lock."""
    note = read_note(lock)
    holders = _holders(lock)
    described = ", ".join(f"process {pid} ({_command(pid)})" for pid in sorted(holders))
    pids = frozenset(pid for pid in holders if _is_copy_of_us(pid)) if taker_is_gone(note) else frozenset()
    if not pids:
        return Found(End.NONE, pids, None, described)
    if suspected != (note, pids):
        return Found(End.SUSPECTED, pids, (note, pids), described)
    for pid in pids:
        _kill(pid, lock)
    return Found(End.KILLED, pids, None, described)


def _holders(lock: Path) -> frozenset[int]:
    """Every other process that has this very file open, as far as we may see."""
    try:
        wanted = lock.stat()
    except OSError:
        return frozenset()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if any(_is_file(descriptor, wanted) for descriptor in (entry / "fd").iterdir()):
                    found.add(int(entry.name))
    return frozenset(found)


def _is_file(descriptor: Path, wanted: os.stat_result) -> bool:
    with suppress(OSError):
        found = descriptor.stat()
        return (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)
    return False


def _is_copy_of_us(pid: int) -> bool:
    """The same user and program as ours; a copy has lost its parent, which was an executor."""
    mine, other = Path("/proc/self"), Path(f"/proc/{pid}")
    try:
        same_user = other.stat().st_uid == os.geteuid()
        return same_user and (other / "exe").readlink() == (mine / "exe").readlink() and _command(pid) == _command(None)
    except OSError:
        return False


def _command(pid: int | None) -> str:
    with suppress(OSError):
        return (
            Path(f"/proc/{pid or 'self'}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        )
    return "?"


def _kill(pid: int, lock: Path) -> None:
    """By a handle of this very process: its number may be another's by now."""
    with suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            if pid in _holders(lock) and _is_copy_of_us(pid):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
