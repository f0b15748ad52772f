"""Was the configuration of a unit's program changed after it was loaded? By dates of files, as any user sees them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from node_agent.host import systemctl
from node_agent.host.processes import PROC, clock_began_at, started_at
from node_agent.investigation import unit
from node_agent.investigation.question import Question, shown

# Units whose program can be asked whether its files are good before it reads them; each has them in /etc/<program>.
PROGRAMS: Mapping[str, str] = {
    f"{name}.service": name for name in ("nginx", "haproxy", "caddy", "apache2", "httpd", "postfix")
}
ETC = Path("/etc")
MAX_ENTRIES = 20_000
_PASSING = ("~", ".swp", ".tmp", ".bak")


def fits(question: Question) -> bool:
    return unit.fits(question) and unit.unit_in(question) in PROGRAMS


def look(question: Question, etc: Path = ETC, proc: Path = PROC) -> dict[str, Any]:
    name = unit.unit_in(question)
    shows = question.answered(systemctl.show([name], "Id,ActiveState,StateChangeTimestamp,MainPID"))
    newest = newest_in(etc / PROGRAMS[name], question)
    if not shows or newest is None or shows[0].get("ActiveState") != "active":
        return {}
    if not (loaded := loaded_at(shows[0], proc)):
        return {}
    file, changed = newest
    return {"program": PROGRAMS[name], "file": shown(file), "behind_seconds": max(0, int(changed) - int(loaded))}


def loaded_at(told: Mapping[str, str], proc: Path = PROC) -> float:
    """Unix seconds when the unit was started or reloaded; or a worker of it was, by whoever reloads without systemd."""
    return max((_moment(told.get("StateChangeTimestamp", "")), *_workers_of(told.get("MainPID", ""), proc)))


def newest_in(folder: Path, question: Question) -> tuple[str, float] | None:
    """(path, modified at) of what changed last below it, a folder too: something was put there, or taken out."""
    found: tuple[str, float] | None = None
    for seen, path in enumerate(_below(folder)):
        if seen > MAX_ENTRIES or question.over():
            return None
        with contextlib.suppress(OSError):
            if found is None or path.lstat().st_mtime > found[1]:
                found = str(path), path.lstat().st_mtime
    return found


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield Path(root)
        yield from (Path(root, name) for name in files if not name.startswith(".") and not name.endswith(_PASSING))


def _moment(text: str) -> float:
    """`Sat 2026-11-28 22:35:20 UTC`, as our systemctl says it: the same clock as that of files."""
    try:
        return datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _workers_of(main: str, proc: Path) -> Iterator[float]:
    try:
        children = (proc / main / "task" / main / "children").read_text().split() if main.isdigit() else []
    except OSError:
        return
    for child in children:
        with contextlib.suppress(OSError, ValueError, IndexError):
            yield clock_began_at() + started_at(proc / child)
