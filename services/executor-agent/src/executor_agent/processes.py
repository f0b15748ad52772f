"""What a run left behind: find the processes that carry MEND_RUN=<id>, and end that tree. Linux only (/proc, pidfd).

Never touches a process without the marker that does not descend from one with it, nor itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import structlog

MARKER = "MEND_RUN"
TERM_SECONDS = 2.0
KILL_SECONDS = 5.0

log = structlog.get_logger()


def processes_of(action_id: str) -> list[int]:
    """Every live process that was started with this run's marker, and all that descend from one; parents first."""
    wanted = f"{MARKER}={action_id}".encode()
    marked, parents = set(), {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        try:
            parent, state = _stat_of(entry)
            if state == "Z":
                continue
            parents[pid] = parent
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                marked.add(pid)
        except (OSError, ValueError):
            continue  # gone, or not ours to read
    found = set(marked)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    found -= {os.getpid(), 1}

    def generation(pid: int) -> int:
        return 1 + generation(parents[pid]) if parents[pid] in found else 0

    return sorted(found, key=generation)


def end_processes(action_id: str) -> int:
    """SIGTERM, after two seconds SIGKILL, until none is left; returns how many there were. Blocks at most 7 s.

    Parents first: a shell whose command is ended before it would go on with the next one.
    """
    ended: set[int] = set()
    for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        deadline = time.monotonic() + seconds
        told: set[int] = set()
        while found := processes_of(action_id):
            for pid in found:
                if pid not in told:
                    _tell(pid, number)
            told.update(found)
            ended.update(found)
            if time.monotonic() >= deadline:
                break
            time.sleep(0.05)
        if not found:
            break
    if ended:
        log.warning("executor.processes_ended", action_id=action_id, pids=sorted(ended), left=sorted(found))
    return len(ended)


def _tell(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _stat_of(entry: Path) -> tuple[int, str]:
    """(parent's pid, state letter); the command's name may hold blanks and parentheses."""
    rest = (entry / "stat").read_bytes().rpartition(b")")[2].split()
    return int(rest[1]), rest[0].decode()
