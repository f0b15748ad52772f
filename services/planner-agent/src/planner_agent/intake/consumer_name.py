"""A name of its own for each planner on this host, the same after a restart, so that it finds what it had in hand."""

from __future__ import annotations

from pathlib import Path

from mesh_core.storage.file_lock import FileLock


def claim_consumer_name(runtime: Path, node_name: str) -> str:
    """`<node>-<n>` for the lowest n that no living planner here holds; held by a lock until the process ends."""
    folder = runtime / "state" / "planners"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        if FileLock(folder / str(number), mode=0o640).take():
            return f"{node_name}-{number}"  # never released: the lock is the name
    raise RuntimeError(f"a thousand planners hold names in {folder}")
