"""events/<day>/<node>.jsonl: every event as a line, and what was decided about it as another. Only ever appends.

The file follows from the event's id alone, so an event and its decisions meet in one file, whichever comes first. The
day is that of the entry, when the mesh learned of the event. The form of a line: docs/decisions/0115.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mesh_core.incidents.rule import is_benign
from mesh_core.models.events import Decision, HealthEvent
from mesh_core.runtime.metrics import ARCHIVED
from mesh_core.storage.event_files import PLAIN, decision_line, event_line
from observer.archive.line_files import LineFiles
from observer.archive.names import day_of, is_event_id

_EVENT = re.compile(rb'\{"id":("[^"]*"),"event":')


class EventArchive:
    """One writer per folder. `lock`: see line_files.py."""

    def __init__(self, root: Path):
        self.root = root
        self._files = LineFiles(root, _mark_of)
        self.lock = self._files.lock

    def keep(self, events: Sequence[HealthEvent], decisions: Sequence[Decision]) -> list[Path]:
        """Append what was not just written; which files grew. When this returns it survives a power cut.

        Raises OSError (disk full, read-only): then repeat it. Blocks: one fsync a file.
        """
        lines: dict[Path, list[bytes]] = {}
        for event in events:
            lines.setdefault(self.path_of(event.id or ""), []).append(event_line(event, decision_about(event)))
        for decision in sorted(decisions, key=lambda decision: decision.ts):  # of several lines the last one counts
            lines.setdefault(self.path_of(decision.event_id), []).append(decision_line(decision))
        grown = self._files.append(lines)
        ARCHIVED.add(amount=sum(grown.values()))
        return list(grown)

    def path_of(self, event_id: str) -> Path:
        """Where an event lies, there already or not. ValueError for what is no event id."""
        node, _, entry = event_id.rpartition("/")
        if not is_event_id(event_id):
            raise ValueError(f"no event id: {event_id!r}")
        return self.root / day_of(int(entry.partition("-")[0])) / (node + PLAIN)


def decision_about(event: HealthEvent) -> dict[str, Any] | None:
    """What is decided without anybody thinking: a benign event needs nothing."""
    if not is_benign(event):
        return None
    return {"verdict": "benign", "action_id": None, "reason": f"{event.type} is never trouble", "ts": event.timestamp}


def _mark_of(line: bytes) -> int:
    """The first copy of an event is the event; a decision may be another one."""
    match = _EVENT.match(line)
    return hash(match[1] if match else line)
