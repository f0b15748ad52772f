"""Copies of an executor that outlived it: forked for a run, orphaned before they became one. Found, proven, ended.

Nothing is known by its name. An orphan holds the lock of this folder; the process that took the lock, by its own note
in it, is gone; it runs as the user that we are, and the program that we are; and all that was so some seconds ago, too.
A process of another machine or container cannot be judged from here, and is left alone. Linux only (/proc, pidfd).
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from executor_agent.isolation import syscalls
from mesh_core.storage.lock_note import holder_is_gone, read_note

log = structlog.get_logger()


class OrphanState(StrEnum):
    NONE = "none"
    SUSPECTED = "suspected"
    KILLED = "killed"


@dataclass(frozen=True)
class OrphanCheck:
    """`suspected`: hand it to the next check. `described`: who has the lock file open, for a person."""

    state: OrphanState
    pids: frozenset[int]
    suspected: tuple[str, frozenset[int]] | None
    described: str


class OrphanReaper:
    """Those of one lock, checked again and again by whoever waits for it."""

    def __init__(self, lock: Path):
        self._lock = lock
        self._suspected: tuple[str, frozenset[int]] | None = None

    def inspect(self) -> str:
        """End what was suspected and still is; who has the lock file open, for a person."""
        found = end_orphans(self._lock, self._suspected)
        self._suspected = found.suspected
        if found.state is not OrphanState.NONE:
            held_by = read_note(self._lock).strip()
            log.warning("executor.orphan", state=found.state.value, pids=sorted(found.pids), held_by=held_by)
        return found.described


def die_with_parent() -> None:
    """From now on every fork of this process ends when this process does, and when it was gone before that."""
    parent = os.getpid()

    def in_child() -> None:
        syscalls.die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    os.register_at_fork(after_in_child=in_child)


def end_orphans(lock: Path, suspected: tuple[str, frozenset[int]] | None) -> OrphanCheck:
    """End those that were suspected at the last check and still are. The caller does not have the lock."""
    note = read_note(lock)
    holders = _holders(lock)
    described = ", ".join(f"process {pid} ({_command(pid)})" for pid in sorted(holders))
    pids = frozenset(pid for pid in holders if _is_copy_of_us(pid)) if holder_is_gone(note) else frozenset()
    if not pids:
        return OrphanCheck(OrphanState.NONE, pids, None, described)
    if suspected != (note, pids):
        return OrphanCheck(OrphanState.SUSPECTED, pids, (note, pids), described)
    for pid in pids:
        _kill(pid, lock)
    return OrphanCheck(OrphanState.KILLED, pids, None, described)


def _holders(lock: Path) -> frozenset[int]:
    """Every other process that has this very file open, as far as we may see."""
    try:
        status = lock.stat()
    except OSError:
        return frozenset()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if any(_is_file(descriptor, status) for descriptor in (entry / "fd").iterdir()):
                    found.add(int(entry.name))
    return frozenset(found)


def _is_file(descriptor: Path, status: os.stat_result) -> bool:
    with suppress(OSError):
        found = descriptor.stat()
        return (found.st_dev, found.st_ino) == (status.st_dev, status.st_ino)
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
