"""JSON objects in files of ours, for who believes little of them: {} for whatever is none. Nothing is raised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mesh_core.storage.files import read_regular


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
