"""Which services ran here, how long ago each gave a sign of life, and what each says stands still. Reads only."""

from __future__ import annotations

import time
from pathlib import Path

from mesh_core.runtime.service import what_is_stuck

FRESH_SECONDS = 15.0  # a heartbeat is touched at least every 5 s


def heartbeats(runtime: Path) -> dict[str, float]:
    """Each service that ever ran here, and how long ago its loop last turned."""
    moment = time.time()
    ages = {}
    for path in sorted((runtime / "state").glob("*.heartbeat")):
        try:
            ages[path.name.removesuffix(".heartbeat")] = round(max(0.0, moment - path.stat().st_mtime), 1)
        except FileNotFoundError:
            continue
    return ages


def stuck_loops(runtime: Path) -> dict[str, str]:
    """Each service that says of itself that something in it stands still, and what."""
    said = {
        path.name.removesuffix(".heartbeat"): what_is_stuck(path)
        for path in sorted((runtime / "state").glob("*.heartbeat"))
    }
    return {name: stuck for name, stuck in said.items() if stuck}
