"""What a run left behind: find the processes that carry MEND_RUN=<id>, and end that tree. Linux only (/proc).

Never touches a process without the marker that does not descend from one with it, nor itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import structlog

from executor_agent.processes.process_table import family, parents

MARKER = "MEND_RUN"
TERM_SECONDS = 2.0
KILL_SECONDS = 5.0

log = structlog.get_logger()


def processes_of(action_id: str) -> list[int]:
    """Every live process that was started with this run's marker, and all that descend from one; parents first."""
    marker, parent_of = f"{MARKER}={action_id}".encode(), parents()
    marked = [pid for pid in parent_of if _has_marker(pid, marker)]
    return [pid for pid in family(marked, parent_of) if pid not in (os.getpid(), 1)]


def end_processes(action_id: str) -> int:
    """SIGTERM, after two seconds SIGKILL, until none is left; returns how many there were. Blocks at most 7 s."""
    ended: set[int] = set()
    for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        deadline = time.monotonic() + seconds
        signalled: set[int] = set()
        while found := processes_of(action_id):
            for pid in found:
                if pid not in signalled:
                    _signal(pid, number)
            signalled.update(found)
            ended.update(found)
            if time.monotonic() >= deadline:
                break
            time.sleep(0.05)
        if not found:
            break
    if ended:
        log.warning("executor.processes_ended", action_id=action_id, pids=sorted(ended), left=sorted(found))
    return len(ended)


def _has_marker(pid: int, marker: bytes) -> bool:
    try:
        return marker in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or not ours to read
        return False


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
