"""What waits in the kernel and gets nowhere, and what else a restart of the whole host would meet.

Such a process (D) cannot be ended: not by a signal, not by its manager. Where they grow more, only a new start helps.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from mesh_core.incidents.own_processes import MESH_PROCESS
from node_agent.host import systemctl
from node_agent.host.processes import PROC, process_folders, program_of
from node_agent.investigation.question import MOST_ROWS, Question, shown

HUNG_EVENTS = frozenset({"load_high", "mount_stale"})
BETWEEN_SECONDS = 0.3  # two looks: who waits for a disk that works has got on by then
MAX_PROCESSES = 20_000
_WAITS = re.compile(r"^State:\s+D", re.MULTILINE)
_SWITCHES = re.compile(r"^(?:non)?voluntary_ctxt_switches:\s+(\d+)$", re.MULTILINE)
_OF_THE_MESH = re.compile(MESH_PROCESS)


def fits(question: Question) -> bool:
    return question.host_files and question.type in HUNG_EVENTS


def look(question: Question, proc: Path = PROC) -> dict[str, Any]:
    """`processes`: how many; `programs`: what they are; `failed_units`, `carries_mesh`: of the whole host."""
    waiting = _waiting(question, proc)
    time.sleep(max(0.0, min(BETWEEN_SECONDS, question.deadline - time.monotonic())) if waiting else 0.0)
    still = _waiting(question, proc) if waiting else {}
    hung = [folder for folder, switches in still.items() if waiting.get(folder) == switches]
    programs: Counter[str] = Counter()
    for folder in hung:
        with contextlib.suppress(OSError):  # it ended: then somebody could end it after all
            programs[shown(program_of(folder))] += 1
    facts: dict[str, Any] = {"processes": programs.total(), "carries_mesh": _carries_mesh(proc)}
    if programs:
        facts["programs"] = ", ".join(f"{many} {name}" for name, many in programs.most_common(MOST_ROWS))
        facts |= _failed_units(question)
    return facts


def _waiting(question: Question, proc: Path) -> dict[Path, tuple[str, ...]]:
    """Those that wait, with how often each was given a processor so far."""
    found: dict[Path, tuple[str, ...]] = {}
    for seen, folder in enumerate(process_folders(proc)):
        if question.over() or seen > MAX_PROCESSES:
            break
        with contextlib.suppress(OSError):
            status = (folder / "status").read_text(errors="replace")
            if _WAITS.search(status):
                found[folder] = tuple(_SWITCHES.findall(status))
    return found


def _failed_units(question: Question) -> dict[str, int]:
    """Nothing where there is no systemd, or it does not answer."""
    if systemctl.BOOTED.is_dir():
        with contextlib.suppress(OSError):
            told = question.answered(systemctl.run("systemctl", "list-units", "--failed", "--plain", "--no-legend"))
            return {"failed_units": len(told.splitlines())}
    return {}


def _carries_mesh(proc: Path) -> bool:
    """Containers' processes are a host's, too."""
    for folder in process_folders(proc):
        with contextlib.suppress(OSError):
            if _OF_THE_MESH.match((folder / "cmdline").read_text(errors="replace")):
                return True
    return False
