"""events/<day>/<node>/evt-<stream id>.json: every event once, with what was decided about it. Never deletes anything.

The path follows from the event's id alone, so an event and its decision meet in one file, whichever comes first, and
an entry that is delivered twice is kept once. The day is that of the entry, when the mesh learned of the event.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mesh_core.files import fsync_folder
from mesh_core.records import Decision, HealthEvent, is_name

_ENTRY = re.compile(r"(\d{1,20})-(\d{1,20})")
_LAST_MS = 253_402_300_799_999  # the end of the year 9999


class Archive:
    """One writer per folder: a temporary name is used again by the next attempt."""

    def __init__(self, root: Path):
        self.root = root

    def keep(self, events: Sequence[HealthEvent], decisions: Sequence[Decision]) -> list[Path]:
        """Write what is not there yet; which files changed. When this returns it survives a power cut.

        Raises OSError (disk full, read-only): then repeat it. Blocks: about 0.2 ms a file on a local disk, because
        the folders are synced once per call and not once per file.
        """
        news: dict[Path, tuple[HealthEvent | None, Decision | None]] = {}
        for event in events:
            path = self.path_of(event.id or "")
            news[path] = (event, news.get(path, (None, None))[1])
        for decision in decisions:
            path = self.path_of(decision.event_id)
            event_here, earlier = news.get(path, (None, None))
            news[path] = (event_here, decision if earlier is None or earlier.ts <= decision.ts else earlier)
        changed = {path: file for path, (event, decision) in news.items() if (file := _merged(path, event, decision))}
        _write_all(self.root, changed)
        return list(changed)

    def path_of(self, event_id: str) -> Path:
        """Where an event lies, there already or not. ValueError for what is no event id."""
        node, _, entry = event_id.rpartition("/")
        if not is_event_id(event_id):
            raise ValueError(f"no event id: {event_id!r}")
        return self.root / _day(int(entry.partition("-")[0])) / node / f"evt-{entry}.json"


def is_event_id(text: str) -> bool:
    """`<node>/<ms>-<n>`; nothing else may become a path."""
    node, _, entry = text.rpartition("/")
    return is_name(node) and _ENTRY.fullmatch(entry) is not None


def decision_about(event: HealthEvent) -> dict[str, Any] | None:
    """What is decided without anybody thinking: a benign event needs nothing."""
    if not event.benign:
        return None
    return {"verdict": "benign", "action_id": None, "reason": f"{event.type} is never trouble", "ts": event.timestamp}


def _day(ms: int) -> str:
    # An id beyond the calendar can only be made on purpose.
    return datetime.fromtimestamp(min(ms, _LAST_MS) / 1000, UTC).strftime("%Y-%m-%d")


def _merged(path: Path, event: HealthEvent | None, decision: Decision | None) -> bytes | None:
    """The file's new bytes; None if it says all that already."""
    there = _read(path)
    wanted = dict(there)
    if event is not None and there["event"] is None:
        wanted["event"] = json.loads(event.wire())
        wanted["decision"] = there["decision"] or decision_about(event)
    if decision is not None:
        said = {"verdict": decision.verdict, "action_id": decision.action_id, "reason": decision.reason}
        earlier = wanted["decision"]
        if earlier is None or earlier.get("verdict") == "benign" or str(earlier.get("ts", "")) <= decision.ts:
            wanted["decision"] = {**said, "ts": decision.ts}
    return None if wanted == there else json.dumps(wanted, ensure_ascii=False).encode() + b"\n"


def _read(path: Path) -> dict[str, Any]:
    empty: dict[str, Any] = {"event": None, "decision": None}
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):  # not JSON: somebody wrote into it; the streams know better
        return empty
    if not isinstance(value, dict) or value.keys() != empty.keys():
        return empty
    return value if all(part is None or isinstance(part, dict) for part in value.values()) else empty


def _write_all(root: Path, files: dict[Path, bytes]) -> None:
    """Each file whole and synced under a temporary name, then renamed; each folder synced once at the end."""
    folders: set[Path] = set()
    for folder in {path.parent for path in files}:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folders |= {folder.parent, root, root.parent}
    for path, data in files.items():
        temporary = path.with_name(f".{path.name}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o640), "wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        folders.add(path.parent)
    for folder in folders:
        fsync_folder(folder)
