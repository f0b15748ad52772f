"""A unit that failed: is it meant to run, how did it end, what did it need, and did its file change? Asks systemctl."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mesh_core.models.events import Runtime
from node_agent.host import systemctl
from node_agent.investigation.question import MOST_ROWS, Question, shown

UNIT_EVENTS = frozenset({"unit_failed", "unit_restart_loop"})
_PROPERTIES = "Id,UnitFileState,Result,ExecMainStatus,FragmentPath,DropInPaths,Requires,Requisite,BindsTo"
_NEEDS = ("Requires", "Requisite", "BindsTo")
_ENABLED = {"enabled": True, "enabled-runtime": True, "disabled": False}  # static ones are started by others


def fits(question: Question) -> bool:
    return bool(unit_in(question)) and question.host_files


def unit_in(question: Question) -> str:
    """Which unit an event is about; '' for none. The name is a person's, and goes behind `--`."""
    if question.type in UNIT_EVENTS:
        return str(question.facts.get("unit", ""))
    return question.service if question.facts.get("runtime") == Runtime.SYSTEMD.value else ""


def look(question: Question) -> dict[str, Any]:
    shows = question.answered(systemctl.show([unit_in(question)], _PROPERTIES))
    if not shows:
        return {}
    unit = shows[0]
    facts: dict[str, Any] = {}
    if unit.get("UnitFileState") in _ENABLED:
        facts["enabled"] = _ENABLED[unit["UnitFileState"]]
    if unit.get("Result"):
        facts["result"] = unit["Result"]
    if unit.get("ExecMainStatus", "").isdigit():
        facts["exit_status"] = int(unit["ExecMainStatus"])
    files = [unit.get("FragmentPath", ""), *unit.get("DropInPaths", "").split()]
    if changed := [path.stat().st_mtime for path in map(Path, filter(None, files)) if path.exists()]:
        facts["changed_seconds_ago"] = max(0, round(time.time() - max(changed)))
    needed = sorted({name for key in _NEEDS for name in unit.get(key, "").split()})
    states = question.answered(systemctl.show(needed, "Id,ActiveState,LoadState"))
    if failed := [state["Id"] for state in states if _cannot_serve(state)]:
        facts["failed_requirements"] = [shown(name) for name in failed[:MOST_ROWS]]
    return facts


def _cannot_serve(state: dict[str, str]) -> bool:
    return state.get("ActiveState") == "failed" or state.get("LoadState") in ("not-found", "masked", "bad-setting")
