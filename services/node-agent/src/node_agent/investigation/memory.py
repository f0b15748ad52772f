"""Who takes the memory where it runs out, by unit or container, and what that is. Reads /proc; of containers the engine
tells the rest."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from node_agent.containers.container_dependents import company_of
from node_agent.containers.container_identity import container_facts, identity_for
from node_agent.containers.engine import Engine
from node_agent.host.processes import PROC, process_folders, program_of, sizes_in
from node_agent.investigation.question import MOST_ROWS, Question, shown

MEMORY_EVENTS = frozenset({"memory_low", "container_oom"})
LOOKED_AT = 100  # of the largest processes: to ask one for its share takes the kernel up to some milliseconds
_CONTAINER = re.compile(r"(?:^|[/-])([0-9a-f]{64})(?:\.scope)?(?:/|$)")
HOLDERS = 3  # of those who hold most, with all that they are
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
        facts |= _takers(question, engine, proc, 1024 * kib["MemTotal"])
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


def system_unit_of(cgroup: str) -> str:
    """The service of the host's own manager that it belongs to; '' for a container, a login, a user's own. Pure."""
    for line in cgroup.splitlines():
        path = line.rpartition(":")[2]
        if _CONTAINER.search(path):
            return ""
        if units := _UNIT.findall(path):
            return "" if units[0].startswith("user@") or not units[0].endswith(".service") else str(units[0])
    return ""


def _takers(question: Question, engine: Engine, proc: Path, total_bytes: int) -> dict[str, Any]:
    """`top`: by program; `holders`: the units and containers that hold most, and what each of them is."""
    taken: Counter[tuple[str, str]] = Counter()  # (unit or container, program)
    held: Counter[tuple[str, str]] = Counter()  # (container or '', unit or '')
    programs: dict[tuple[str, str], str] = {}
    for folder in _largest(proc):
        if question.over():
            break
        with contextlib.suppress(OSError):  # it ended while we looked
            program, cgroup, size = program_of(folder), (folder / "cgroup").read_text(), _share(folder)
            group = group_of(cgroup)
            taken[group, program] += size
            holder = (group if len(group) == 64 else "", system_unit_of(cgroup))
            held[holder] += size
            programs.setdefault(holder, program)  # the largest comes first
    largest = taken.most_common(MOST_ROWS)
    rows = _containers(question, engine) if any(len(group) == 64 for group, _ in taken) else []
    names = {str(row.get("Id")): str(name).lstrip("/") for row in rows for name in (row.get("Names") or [])[:1]}
    top = [
        {
            **({"unit_or_container": shown(names.get(group, group))} if group else {}),
            "program": shown(program),
            "pss_bytes": size,
        }
        for (group, program), size in largest
        if size
    ]
    holders = [
        {
            **_what_it_is(container, unit, rows),
            "program": shown(programs[container, unit]),
            "pss_bytes": size,
            "percent": 100 * size // total_bytes,
        }
        for (container, unit), size in held.most_common(HOLDERS)
        if size and (container or unit)
    ]
    return {"top": top, **({"holders": holders} if holders else {})}


def _what_it_is(container_id: str, unit: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`alone`: nothing else lives in its network, which would be lost with it."""
    if not container_id:
        return {"unit_or_container": shown(unit), "kind": "unit", "alone": True}
    row = next((row for row in rows if row.get("Id") == container_id), None)
    if row is None:
        return {}
    identity = identity_for(row.get("Names") or [], row.get("Labels") or {})
    company = company_of(identity, container_id, rows)
    named = {"unit_or_container": shown(identity.container), "kind": "container"}
    return {**named, **container_facts(identity, row), "alone": "in_its_network" not in company}


def _largest(proc: Path) -> list[Path]:
    resident: list[tuple[int, Path]] = []
    for folder in process_folders(proc):
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


def _containers(question: Question, engine: Engine) -> list[dict[str, Any]]:
    try:
        return question.answered(engine.containers())
    except OSError:  # without an engine to ask, the id has to do
        return []
