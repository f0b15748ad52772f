"""Where the executor notes which wall stands around its runs, for whoever looks after it. Writes nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mesh_core.models.strict_json import Refusal, parse_object

MAX_NOTE_BYTES = 4096


@dataclass(frozen=True)
class IsolationNote:
    wall: str
    sentence: str


def isolation_note(runtime: Path) -> Path:
    return runtime / "state" / "executor" / "isolation.json"


def read_isolation(runtime: Path) -> IsolationNote | None:
    """None where no executor has started yet, or its note cannot be read."""
    try:
        note = parse_object(isolation_note(runtime).read_bytes()[:MAX_NOTE_BYTES], max_bytes=MAX_NOTE_BYTES)
    except OSError:
        return None
    if isinstance(note, Refusal):
        return None
    return IsolationNote(str(note.get("wall")), str(note.get("sentence")))
