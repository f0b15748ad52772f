"""One look at the target: healthy, sick or unknown, and the facts that say so. Reads only; never repairs.

`look()` runs the read-only playbook; everything below it is pure: what the modules answered -> facts -> state.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from executor_agent.ansible import Limits, Where, run_stage
from executor_agent.stages import LOOK
from mesh_core.actions.playbooks import LOOK_TASK
from mesh_core.models.events import Runtime
from mesh_core.models.proposals import Proposal, ProposalType


class State(StrEnum):
    HEALTHY = "healthy"
    SICK = "sick"
    UNKNOWN = "unknown"  # still starting, or nobody could tell


@dataclass(frozen=True)
class Look:
    """`facts` always has `exists`, `restarts` (how often it restarted by itself), `incarnation` (changes with every
    start of it) and `start_period_seconds`, as far as they could be seen; the rest depends on the runtime. `checked`:
    a health check of its own says so, not just its manager."""

    state: State
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def restarts(self) -> int:
        return int(self.facts.get("restarts") or 0)

    @property
    def incarnation(self) -> str:
        return str(self.facts.get("incarnation") or "")

    @property
    def start_period_seconds(self) -> float:
        return float(self.facts.get("start_period_seconds") or 0)

    @property
    def checked(self) -> bool:
        return bool(self.facts.get("checked"))

    def in_words(self) -> str:
        """One line for a log or a reason."""
        return str(self.facts.get("words") or self.state.value)


def look(
    proposal: Proposal,
    run_dir: Path,
    cancel: threading.Event,
    limits: Limits,
    where: Where,
    on_line: Callable[[str], None] = lambda line: None,
) -> Look:
    """Look once (about 0.4 s on this machine's own engine); blocks, does not raise for a host that does not answer.

    The look playbook must be in project/ (`write_project`). A type without one gives UNKNOWN.
    """
    if proposal.type in (ProposalType.NOTIFY, ProposalType.PLAYBOOK):
        return Look(State.UNKNOWN, {"words": f"a {proposal.type.value} has no target of its own to look at"})
    answers: list[dict[str, Any]] = []

    def keep(task: str, result: dict[str, Any]) -> None:
        # No container with these labels: the look has nothing to go through and is skipped.
        if task == LOOK_TASK or result.get("containers") == []:
            answers.append(result)

    stage = run_stage(LOOK, run_dir, on_line, cancel, limits, where, keep)
    if not stage.ok or not answers:
        return Look(State.UNKNOWN, {"words": f"could not look: {stage.detail or 'no answer'}"})
    return read_look(proposal, answers[-1])


def read_look(proposal: Proposal, result: dict[str, Any]) -> Look:
    """The look that a module's result amounts to."""
    if proposal.type is ProposalType.SERVICE_RESTART:
        text = str(result.get("stdout") or "")
        if proposal.event.runtime is Runtime.SYSTEMD:
            return read_systemd(text)
        return read_supervisor(text, str(result.get("stderr") or result.get("msg") or ""))
    if result.get("containers") == []:
        return read_containers([])
    parts = result["results"] if isinstance(result.get("results"), list) else [result]
    if not all("exists" in part for part in parts):  # the runner drops a result of more than 700,000 characters
        return Look(State.UNKNOWN, {"words": "could not look: the answer was too long"})
    return read_containers([part["container"] for part in parts if part["exists"]])


def read_containers(inspected: list[dict[str, Any]]) -> Look:
    """From what the engine says of each container of the service; the worst one counts."""
    if not inspected:
        return Look(State.SICK, {"exists": False, "words": "there is no such container"})
    each = [_container_facts(container) for container in inspected]
    states = [_container_state(facts) for facts in each]
    state = next((s for s in (State.SICK, State.UNKNOWN) if s in states), State.HEALTHY)
    words = "; ".join(f"{facts['name']} {_container_words(facts)}" for facts in each)
    return Look(
        state,
        {
            "exists": True,
            "restarts": sum(facts["restart_count"] for facts in each),
            "incarnation": " ".join(sorted(f"{facts['id']}@{facts['started_at']}" for facts in each)),
            "start_period_seconds": max(facts["start_period_seconds"] for facts in each),
            "checked": all(facts["health"] is not None for facts in each),
            "containers": each,
            "words": words,
        },
    )


def _container_facts(container: dict[str, Any]) -> dict[str, Any]:
    state, config = container.get("State") or {}, container.get("Config") or {}
    check = config.get("Healthcheck") or {}
    health = (state.get("Health") or {}).get("Status")
    probes = int(check.get("Retries") or 3) + 1
    return {
        "id": str(container.get("Id") or "")[:12],
        "name": str(container.get("Name") or "").lstrip("/"),
        "image": str(config.get("Image") or ""),
        "status": str(state.get("Status") or "unknown"),
        "exit_code": int(state.get("ExitCode") or 0),
        "oom_killed": bool(state.get("OOMKilled")),
        "restart_count": int(container.get("RestartCount") or 0),
        "started_at": str(state.get("StartedAt") or ""),
        "health": health if health not in (None, "", "none") else None,
        # How long it may take until the engine itself knows: its start period, then a full round of probes.
        "start_period_seconds": 0.0
        if health in (None, "", "none")
        else (int(check.get("StartPeriod") or 0) + probes * int(check.get("Interval") or 30_000_000_000)) / 1e9,
    }


def _container_state(facts: dict[str, Any]) -> State:
    if facts["status"] == "created":
        return State.UNKNOWN
    if facts["status"] != "running" or facts["health"] == "unhealthy":
        return State.SICK
    return State.UNKNOWN if facts["health"] == "starting" else State.HEALTHY


def _container_words(facts: dict[str, Any]) -> str:
    words = facts["status"]
    if facts["status"] == "exited":
        words += f" ({facts['exit_code']}{', out of memory' if facts['oom_killed'] else ''})"
    if facts["health"]:
        words += f", health {facts['health']}"
    return f"{words}, restarted {facts['restart_count']} times by itself" if facts["restart_count"] else str(words)


def read_systemd(text: str) -> Look:
    """From `systemctl show`: lines of NAME=value."""
    unit = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    load, active, sub = (unit.get(name, "unknown") for name in ("LoadState", "ActiveState", "SubState"))
    words = f"{active} ({sub})"
    if load == "not-found":
        state, words = State.SICK, "there is no such unit"
    elif active == "active":
        # `exited` is how a oneshot unit that did its work rests
        state = State.HEALTHY if sub in ("running", "exited") else State.UNKNOWN
    elif active in ("activating", "reloading") and sub != "auto-restart":
        state = State.UNKNOWN
    else:
        state = State.SICK if active != "unknown" else State.UNKNOWN
        words += f", result {unit.get('Result', 'unknown')}"
    restarts = int(unit["NRestarts"]) if unit.get("NRestarts", "").isdigit() else 0
    facts = {
        "exists": load != "not-found",
        "restarts": restarts,
        "incarnation": f"{unit.get('ExecMainPID', '')}@{unit.get('ActiveEnterTimestampMonotonic', '')}",
        "active": active,
        "sub": sub,
        "result": unit.get("Result", ""),
        "exit_status": unit.get("ExecMainStatus", ""),
        "words": words,
    }
    return Look(state, facts)


_SUPERVISOR_LINE = re.compile(r"(?P<name>\S+)\s+(?P<state>[A-Z]+)\b\s*(?P<rest>.*)")


def read_supervisor(text: str, trouble: str = "") -> Look:
    """From `supervisorctl status PROGRAM`: one line, `name STATE description`."""
    lines = [line for line in text.splitlines() if line.strip()]
    if any("no such process" in line or "no such group" in line for line in lines):
        return Look(State.SICK, {"exists": False, "words": "there is no such program"})
    found = _SUPERVISOR_LINE.fullmatch(lines[-1].strip()) if lines else None
    if found is None or found["state"] == "ERROR":
        said = " ".join([*lines, trouble]).strip()[:200]
        return Look(State.UNKNOWN, {"words": f"supervisor did not answer: {said}"})
    match found["state"]:
        case "RUNNING":
            state = State.HEALTHY
        case "STARTING" | "STOPPING":
            state = State.UNKNOWN
        case _:
            state = State.SICK
    pid = re.search(r"pid (\d+)", found["rest"])
    facts = {
        "exists": True,
        "restarts": 0,
        "incarnation": pid[1] if pid else "",
        "status": found["state"],
        "words": f"{found['state']} {found['rest']}".strip(),
    }
    return Look(state, facts)
