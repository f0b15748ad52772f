"""What is declared on a host: a maintenance by a file, a shutdown that is near, that nobody may log in. Reads only."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from mesh_core.incidents.at_work import WHAT_CHARS, Work, WorkKind
from node_agent.checks.evidence import clean_text, decoded

NEAR_SECONDS = 900.0  # a shutdown at night is no reason to leave all day what is broken
MAX_BYTES = 4096
_WHEN = re.compile(r"^USEC=(\d{1,20})$", re.MULTILINE)
_HOW = re.compile(r"^MODE=([a-z-]{1,20})$", re.MULTILINE)


def declared_at(root: Path, maintenance: Path, now: float) -> Iterator[Work]:
    """`maintenance`: the file whose being there says so; what is in it is the reason. Times are unix seconds."""
    if found := _read(root / str(maintenance).lstrip("/")):
        reason, since = found
        because = f": {first}" if (first := clean_text(reason.strip().partition("\n")[0], WHAT_CHARS - 80)) else ""
        yield Work(WorkKind.MAINTENANCE, f"maintenance{because}", since)
    if found := _read(root / "run/systemd/shutdown/scheduled"):
        text, since = found
        when, how = _WHEN.search(text), _HOW.search(text)
        if when and 0 <= int(when[1]) / 1e6 - now <= NEAR_SECONDS:
            yield Work(WorkKind.SHUTDOWN, f"a {how[1] if how else 'shutdown'} has been scheduled", since)
    if found := _read(root / "run/nologin"):
        yield Work(WorkKind.SHUTDOWN, "nobody may log in (/run/nologin)", found[1])


def _read(path: Path) -> tuple[str, float] | None:
    """Its beginning and when it was written; None where there is no such file, or it is something else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        return _unread(path)
    with os.fdopen(descriptor, "rb") as file:
        seen = os.fstat(file.fileno())
        return (decoded(file.read(MAX_BYTES)), seen.st_mtime) if stat.S_ISREG(seen.st_mode) else None


def _unread(path: Path) -> tuple[str, float] | None:
    """That it is there says enough, where its words may not be read."""
    try:
        return "", path.stat().st_mtime
    except OSError:
        return None
