"""What the executor notes at each start, for who shows or looks after it: its wall, and how many targets it tells.

Of the targets a number and nothing else: a target's URL holds its password.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mesh_core.storage.files import write_whole
from mesh_core.storage.json_files import read_object

MAX_NOTE_BYTES = 4096


@dataclass(frozen=True)
class IsolationNote:
    wall: str
    sentence: str


def isolation_note(runtime: Path) -> Path:
    return runtime / "state" / "executor" / "isolation.json"


def targets_note(runtime: Path) -> Path:
    return runtime / "state" / "executor" / "notify.json"


def note_isolation(runtime: Path, noted: IsolationNote) -> OSError | None:
    """As `note_targets`."""
    return _note(isolation_note(runtime), asdict(noted))


def note_targets(runtime: Path, count: int) -> OSError | None:
    """What kept it from being noted (a full disk); then there is no note, for an earlier one may not hold any more."""
    return _note(targets_note(runtime), {"targets": count})


def read_isolation(runtime: Path) -> IsolationNote | None:
    """None where no executor has started yet, or its note cannot be read."""
    note = read_object(isolation_note(runtime), MAX_NOTE_BYTES)
    return IsolationNote(str(note.get("wall")), str(note.get("sentence"))) if note else None


def read_targets(runtime: Path) -> int | None:
    """None where no executor has said it, or its note cannot be read."""
    count = read_object(targets_note(runtime), MAX_NOTE_BYTES).get("targets")
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def _note(path: Path, fields: Mapping[str, object]) -> OSError | None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, json.dumps(fields).encode() + b"\n", mode=0o640)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return error
    return None
