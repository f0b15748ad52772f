"""How many people's targets the executor was started with, for whoever shows a notification before it is approved.

A number and nothing else: a target's URL holds its password. The executor writes it at each start.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from mesh_core.models.strict_json import Refusal, parse_object
from mesh_core.storage.files import write_whole

MAX_NOTE_BYTES = 4096


def targets_note(runtime: Path) -> Path:
    return runtime / "state" / "executor" / "notify.json"


def note_targets(runtime: Path, count: int) -> OSError | None:
    """What kept it from being noted (a full disk); then there is no note, for an earlier one may not hold any more."""
    note = targets_note(runtime)
    try:
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(note, json.dumps({"targets": count}).encode() + b"\n", mode=0o640)
    except OSError as error:
        with contextlib.suppress(OSError):
            note.unlink(missing_ok=True)
        return error
    return None


def read_targets(runtime: Path) -> int | None:
    """None where no executor has said it, or its note cannot be read."""
    try:
        said = parse_object(targets_note(runtime).read_bytes()[:MAX_NOTE_BYTES], max_bytes=MAX_NOTE_BYTES)
    except OSError:
        return None
    count = None if isinstance(said, Refusal) else said.get("targets")
    return count if isinstance(count, int) and not isinstance(count, bool) else None
