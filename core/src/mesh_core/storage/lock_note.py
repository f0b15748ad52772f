"""The note that whoever took a lock leaves in it: one process of one machine, for ever. Written and judged here."""

from __future__ import annotations

import os
import re
from pathlib import Path

_NOTE = re.compile(r"pid (\d+)(?: started (\d+))? on (\S+)")
_LONGEST = 200


def our_note() -> str:
    """For `FileLock.note`."""
    return f"pid {os.getpid()} started {started_at(os.getpid())} on {os.uname().nodename}\n"


def read_note(lock: Path) -> str:
    """Who took it last; '' if nobody said so."""
    try:
        return lock.read_text(errors="replace")[:_LONGEST]
    except OSError:
        return ""


def holder_is_gone(note: str) -> bool:
    """Did that process end? Another machine's or container's cannot be judged from here, so it did not."""
    parts = _NOTE.match(note)
    if parts is None or parts[3] != os.uname().nodename:
        return False
    began = started_at(int(parts[1]))
    return began is None or (parts[2] is not None and began != int(parts[2]))


def started_at(pid: int) -> int | None:
    """When a process began, in ticks since the machine did: with its number it names one process for ever."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None
