"""A name of its own for each planner on this host, the same after a restart, so that it finds what it had in hand."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def take_seat(runtime: Path, node_name: str) -> str:
    """`<node>-<n>` for the lowest n that no living planner here holds; held by a lock until the process ends."""
    folder = runtime / "state" / "planners"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        descriptor = os.open(folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return f"{node_name}-{number}"  # the descriptor stays open: the lock is the seat
    raise RuntimeError(f"a thousand planners hold seats in {folder}")
