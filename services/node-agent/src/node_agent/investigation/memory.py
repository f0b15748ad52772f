"""Who takes the memory where it runs out, by unit or container. Reads /proc; containers' names are the engine's."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from node_agent.engine import Engine
from node_agent.investigation.question import MOST_ROWS, Question, shown
from node_agent.processes import PROC, program_of, sizes_in

MEMORY_EVENTS = frozenset({"memory_low", "container_oom"})
LOOKED_AT = 100  # of the largest processes: to ask one for its share takes the kernel up to some milliseconds
_CONTAINER = re.compile(r"(?:^|[/-])([0-9a-f]{64})(?:\.scope)?(?:/|$)")
_UNIT = re.compile(r"/([^/]+\.(?:service|scope))(?=/|$)")


def fits(question: Question) -> bool:
    return question.type in MEMORY_EVENTS or question.facts.get("oom_killed") is True


def look(question: Question, engine: Engine, proc: Path = PROC) -> dict[str, Any]:
    kib = sizes_in((proc / "meminfo").read_text())
    facts: dict[str, Any] = {
        "available_bytes": 1024 * kib["MemAvailable"],
        "swap_free_bytes": 1024 * kib.get("SwapFree", 0),
    }
    container = question.facts.get("container")
    if isinstance(container, str):
        with contextlib.suppress(OSError):  # no engine answers
            detail = question.answered(engine.container(container)) or {}
            if limit := (detail.get("HostConfig") or {}).get("Memory"):
                facts["limit_bytes"] = int(limit)
    if question.host_files:  # in a container only its own processes are seen
        facts["top"] = _top(question, engine, proc)
    return facts


def group_of(cgroup: str) -> str:
    """The container (64 hex) or the innermost unit, out of /proc/<pid>/cgroup; '' for neither. Pure."""
    for line in cgroup.splitlines():
        path = line.rpartition(":")[2]
        if found := _CONTAINER.search(path):
            return found[1]
        if units := _UNIT.findall(path):
            return str(units[-1])
    return ""


def _top(question: Question, engine: Engine, proc: Path) -> list[dict[str, Any]]:
    taken: Counter[tuple[str, str]] = Counter()  # (unit or container, program)
    for folder in _largest(proc):
        if question.over():
            break
        with contextlib.suppress(OSError):  # it ended while we looked
            program = program_of(folder)
            taken[group_of((folder / "cgroup").read_text()), program] += _share(folder)
    largest = taken.most_common(MOST_ROWS)
    names = _container_names(question, engine, any(len(group) == 64 for (group, _), _ in largest))
    return [
        {
            **({"unit_or_container": shown(names.get(group, group))} if group else {}),
            "program": shown(program),
            "pss_bytes": size,
        }
        for (group, program), size in largest
        if size
    ]


def _largest(proc: Path) -> list[Path]:
    resident: list[tuple[int, Path]] = []
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                resident.append((int((folder / "statm").read_text().split()[1]), folder))
    return [folder for _, folder in sorted(resident, reverse=True)[:LOOKED_AT]]


def _share(folder: Path) -> int:
    """What it takes of shared pages is divided among those who share them; of another user's process what it shares
    with nobody is all that may be known."""
    try:
        rolled = sizes_in((folder / "smaps_rollup").read_text().partition("\n")[2])
        return 1024 * rolled["Pss"]
    except (OSError, KeyError):
        pages = [int(word) for word in (folder / "statm").read_text().split()]
        return (pages[1] - pages[2]) * os.sysconf("SC_PAGE_SIZE")


def _container_names(question: Question, engine: Engine, wanted: bool) -> dict[str, str]:
    if not wanted:
        return {}
    try:
        rows = question.answered(engine.containers())
    except OSError:  # without an engine to ask, the id has to do
        return {}
    return {str(row.get("Id")): str(name).lstrip("/") for row in rows for name in (row.get("Names") or [])[:1]}
