"""Open incidents on disk (`open.json`), and what the probes want to know again: a restart of the agent neither forgets
nor repeats one. Judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import structlog

from mesh_core.storage.files import write_whole
from node_agent.incidents.incident_tracker import IncidentTracker

log = structlog.get_logger()


class IncidentStore:
    """One file. What cannot be read is as good as absent; what cannot be written is logged."""

    def __init__(self, path: Path):
        self._path = path

    def load(self, tracker: IncidentTracker) -> float | None:
        """Put what an earlier process left open into `tracker`; the unix time of its last save, if it is known."""
        saved = self._read()
        if saved is None:
            return None
        try:
            tracker.load(saved["open"])
            return float(saved["seen_ms"]) / 1000
        except (ValueError, KeyError, TypeError) as error:
            log.warning("incident_store.unreadable", error=str(error))
            return None

    def working_probes(self) -> set[str]:
        """Which probes had their source in an earlier life; an agent that starts without its engine has lost one."""
        worked = (self._read() or {}).get("worked")
        return {name for name in worked if isinstance(name, str)} if isinstance(worked, list) else set()

    def memory(self, probe: str) -> dict[str, Any]:
        """What that probe remembered in an earlier life; empty if there was none."""
        memories = (self._read() or {}).get("memories")
        memory = memories.get(probe) if isinstance(memories, dict) else None
        return memory if isinstance(memory, dict) else {}

    def save(
        self,
        tracker: IncidentTracker,
        working_probes: Iterable[str],
        memories: Mapping[str, dict[str, Any]],
        now_ms: int,
    ) -> None:
        body = {
            "seen_ms": now_ms,
            "open": tracker.dump(),
            "worked": sorted(working_probes),
            "memories": dict(memories),
        }
        try:
            write_whole(self._path, json.dumps(body).encode())
        except OSError as error:
            log.error("incident_store.not_saved", error=str(error))

    def _read(self) -> dict[str, Any] | None:
        try:
            saved = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("incident_store.unreadable", error=str(error))
            return None
        return saved if isinstance(saved, dict) else None
