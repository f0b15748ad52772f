"""Restart a unit of systemd or a program of supervisor; forgives a unit that failed too often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh_core.actions.action_type import ActionType
from mesh_core.actions.choices import RESTART
from mesh_core.actions.playbooks import LOOK_TASK, PlaybookSet, Task, UnsafeText, must_hold, play, target_of
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.events import HealthEvent, Runtime
from mesh_core.models.proposals import Proposal, Risk

_SYSTEMD_FACTS = (
    "Id,Type,RemainAfterExit,LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,ExecMainPID,"
    "ActiveEnterTimestampMonotonic,ExecStart"
)
# A unit that is well rests in one of these, by its kind; what people read of it where systemd's word does not say it.
_RESTS: Mapping[str, Mapping[str, str]] = {
    "service": {"running": "", "exited": "exited 0"},
    "mount": {"mounted": ""},
    "automount": {"waiting": "", "running": "mounted on demand"},
    "socket": {"listening": "", "running": "listening"},
    "timer": {"waiting": "", "running": "its unit runs just now"},
    "path": {"waiting": "", "running": "its unit runs just now"},
    "swap": {"active": "in use"},
    "target": {"active": "reached"},
    "slice": {"active": ""},
    "scope": {"running": ""},
    "device": {"plugged": ""},
}
MAX_EXEC_START = 500
_SUPERVISOR_LINE = re.compile(r"(?P<name>\S+)\s+(?P<state>[A-Z]+)\b\s*(?P<rest>.*)")


def _fits(event: HealthEvent) -> bool:
    return event.runtime in (Runtime.SYSTEMD, Runtime.SUPERVISOR)


def _playbooks(proposal: Proposal) -> PlaybookSet:
    node, service = target_of(proposal)
    match proposal.event.runtime:
        case Runtime.SYSTEMD:
            return _systemd_restart(node, service)
        case Runtime.SUPERVISOR:
            return _supervisor_restart(node, service)
        case _:
            raise ValueError(
                "a service_restart needs payload.runtime systemd or supervisor in its event; "
                "a container is restarted with container_restart"
            )


def _systemd_restart(node: str, service: str) -> PlaybookSet:
    variables: Task = {"mend_unit": UnsafeText(service)}
    show: Task = {
        "name": LOOK_TASK,
        "ansible.builtin.command": {
            "argv": ["systemctl", "show", "--no-pager", f"--property={_SYSTEMD_FACTS}", "--", "{{ mend_unit }}"]
        },
        "changed_when": False,
        "check_mode": False,
    }
    # A unit that failed too often refuses to start until it is forgiven; on a healthy unit this does nothing.
    forgive = {
        "name": "Forgive earlier failures",
        "ansible.builtin.command": {"argv": ["systemctl", "reset-failed", "--", "{{ mend_unit }}"]},
        "changed_when": False,
        "failed_when": False,
    }
    restart = {
        "name": "Restart it",
        "ansible.builtin.systemd_service": {"name": "{{ mend_unit }}", "state": "restarted"},
    }
    # A job that ends is not to be found running: started once more it would do its work once more.
    ends = "'Type=oneshot' in kind.stdout_lines and 'RemainAfterExit=no' in kind.stdout_lines"
    keep = {
        "name": "It is started",
        "ansible.builtin.systemd_service": {"name": "{{ mend_unit }}", "state": "started"},
        "when": f"not ({ends})",
    }
    ended = must_hold(
        "It has ended well, if it is a job that ends",
        f"not ({ends}) or 'Result=success' in kind.stdout_lines",
        f"{service} on {node} ran and did not end well",
    )
    return PlaybookSet(
        apply=play(f"Restart {service} on {node}", node, variables, forgive, restart),
        look=play(f"Look at {service} on {node}", node, variables, show),
        converge=play(
            f"{service} on {node} is started",
            node,
            variables,
            {**show, "name": "See what it is", "register": "kind"},
            keep,
            ended,
        ),
    )


def _supervisor_restart(node: str, service: str) -> PlaybookSet:
    variables: Task = {
        "mend_program": UnsafeText(service),
        "mend_ctl": "{{ [mend_supervisorctl | default('supervisorctl')]"
        " + (['-c', mend_supervisor_conf] if mend_supervisor_conf is defined else []) }}",
    }
    # supervisorctl's exit codes differ from version to version; what it prints about the program does not.
    restart = {
        "name": "Restart it",
        "ansible.builtin.command": {"argv": "{{ mend_ctl + ['restart', mend_program] }}"},
        "register": "restarted",
        "changed_when": "(mend_program ~ ': started') in restarted.stdout_lines",
        "failed_when": False,
    }
    started = must_hold(
        "Supervisor started it",
        "(mend_program ~ ': started') in restarted.stdout_lines | default([])",
        f"supervisor on {node} did not start {service}: "
        "{{ restarted.stdout | default('', true) }} {{ restarted.stderr | default('', true) }}"
        "{{ restarted.msg | default('', true) }}",
    )
    status = {
        "name": LOOK_TASK,
        "ansible.builtin.command": {"argv": "{{ mend_ctl + ['status', mend_program] }}"},
        "register": "seen",
        "changed_when": False,
        "failed_when": False,
        "check_mode": False,
    }
    running = must_hold(
        "It is started",
        "seen.stdout is search('(STARTING|RUNNING)')",
        f"supervisor on {node} does not run {service}",
    )
    return PlaybookSet(
        apply=play(f"Restart {service} on {node}", node, variables, restart, started),
        look=play(f"Look at {service} on {node}", node, variables, status),
        converge=play(f"{service} on {node} is started", node, variables, status, running),
    )


def _read_look(proposal: Proposal, result: Mapping[str, Any]) -> TargetState:
    text = str(result.get("stdout") or "")
    if proposal.event.runtime is Runtime.SYSTEMD:
        return read_systemd(text)
    return read_supervisor(text, str(result.get("stderr") or result.get("msg") or ""))


def read_systemd(text: str) -> TargetState:
    """From `systemctl show`: lines of NAME=value."""
    unit = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    load, active, sub = (unit.get(name, "unknown") for name in ("LoadState", "ActiveState", "SubState"))
    words = f"{active} ({sub})"
    rests = _RESTS.get(unit.get("Id", "").rpartition(".")[2], _RESTS["service"])
    if load == "not-found":
        health, words = TargetStatus.UNHEALTHY, "there is no such unit"
    elif active == "active":
        health = TargetStatus.HEALTHY if sub in rests else TargetStatus.UNKNOWN
        words = f"{rests[sub]}, {words}" if rests.get(sub) else words
    elif _has_done_its_work(unit):
        health, words = TargetStatus.HEALTHY, f"exited 0, {words}"
    elif active in ("activating", "reloading") and sub != "auto-restart":
        health = TargetStatus.UNKNOWN
    else:
        health = TargetStatus.UNHEALTHY if active != "unknown" else TargetStatus.UNKNOWN
        words += f", result {unit.get('Result', 'unknown')}"
    return TargetState.seen(
        health,
        words,
        exists=load != "not-found",
        restarts=int(unit["NRestarts"]) if unit.get("NRestarts", "").isdigit() else 0,
        incarnation=f"{unit.get('ExecMainPID', '')}@{unit.get('ActiveEnterTimestampMonotonic', '')}",
        active=active,
        sub=sub,
        result=unit.get("Result", ""),
        exit_status=unit.get("ExecMainStatus", ""),
        unit=unit.get("Id", ""),
        exec_start=unit.get("ExecStart", "")[:MAX_EXEC_START],
    )


def _has_done_its_work(unit: Mapping[str, str]) -> bool:
    """A oneshot that nothing keeps active rests so, after it ended well; one that did not stays `failed`.

    When it ended cannot be asked: systemd forgets a unit at rest that nobody refers to.
    """
    rest = (unit.get("Type"), unit.get("RemainAfterExit"), unit.get("ActiveState"), unit.get("Result"))
    return rest == ("oneshot", "no", "inactive", "success")


def read_supervisor(text: str, trouble: str = "") -> TargetState:
    """From `supervisorctl status PROGRAM`: one line, `name STATE description`."""
    lines = [line for line in text.splitlines() if line.strip()]
    if any("no such process" in line or "no such group" in line for line in lines):
        return TargetState.seen(TargetStatus.UNHEALTHY, "there is no such program", exists=False)
    found = _SUPERVISOR_LINE.fullmatch(lines[-1].strip()) if lines else None
    if found is None or found["state"] == "ERROR":
        said = " ".join([*lines, trouble]).strip()[:200]
        return TargetState.seen(TargetStatus.UNKNOWN, f"supervisor did not answer: {said}")
    match found["state"]:
        case "RUNNING":
            health = TargetStatus.HEALTHY
        case "STARTING" | "STOPPING":
            health = TargetStatus.UNKNOWN
        case _:
            health = TargetStatus.UNHEALTHY
    pid = re.search(r"pid (\d+)", found["rest"])
    return TargetState.seen(
        health,
        f"{found['state']} {found['rest']}".strip(),
        exists=True,
        restarts=0,
        incarnation=pid[1] if pid else "",
        status=found["state"],
    )


def _touches(proposal: Proposal) -> str:
    what = "program" if proposal.event.runtime is Runtime.SUPERVISOR else "unit"
    return f"restarts 1 {what} on {proposal.node}: {proposal.service}"


ACTION = ActionType(
    name="service_restart",
    risk=Risk.LOW,
    choice=RESTART,
    fits=_fits,
    playbooks=_playbooks,
    read_look=_read_look,
    touches=_touches,
)
