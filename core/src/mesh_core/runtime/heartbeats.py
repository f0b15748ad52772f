"""The files that services touch while their loops get on: where they lie, how old they are, what they say stands still.

Reads only; `service` writes them. Light, so that every command may ask.
"""

from __future__ import annotations

import time
from pathlib import Path

FRESH_SECONDS = 15.0  # a heartbeat is touched at least every 5 s
_SUFFIX = ".heartbeat"


def heartbeat_file(runtime: Path, service: str) -> Path:
    return runtime / "state" / f"{service}{_SUFFIX}"


def heartbeats(runtime: Path) -> dict[str, float]:
    """Each service that ever ran here, and how many seconds ago its loop last turned."""
    moment = time.time()
    ages = {}
    for path in _files(runtime):
        try:
            ages[path.name.removesuffix(_SUFFIX)] = round(max(0.0, moment - path.stat().st_mtime), 1)
        except FileNotFoundError:
            continue
    return ages


def stuck_loops(runtime: Path) -> dict[str, str]:
    """Each service that says of itself that something in it stands still, and what."""
    said = {path.name.removesuffix(_SUFFIX): what_is_stuck(path) for path in _files(runtime)}
    return {name: stuck for name, stuck in said.items() if stuck}


def what_is_stuck(path: Path) -> str:
    """What a heartbeat file says stands still; empty when nothing does, or nobody ever beat."""
    try:
        return path.read_text(errors="replace")[:500]
    except OSError:
        return ""


def _files(runtime: Path) -> list[Path]:
    return sorted((runtime / "state").glob(f"*{_SUFFIX}"))
