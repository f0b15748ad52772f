"""JSON objects in files of ours, for who believes little of them: {} for whatever is none. Nothing is raised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mesh_core.storage.files import read_regular, write_whole


def object_in(raw: bytes | str | None) -> dict[str, Any]:
    """{} for nothing, and for what is no JSON object."""
    try:
        value = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_object(path: Path, max_bytes: int) -> dict[str, Any]:
    """Of a small regular file; {} also for a link, a larger one, one that is not ours to read."""
    return object_in(read_regular(path, max_bytes))


def write_note(note: Path, value: dict[str, Any]) -> OSError | None:
    """For all services to read. What kept it from being written (a full disk): an earlier one stays then."""
    try:
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(note, json.dumps(value).encode() + b"\n", mode=0o644)
    except OSError as error:
        return error
    return None
