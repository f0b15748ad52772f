"""Fields of any sender say that a thing does not run, in a word, a truth or a count; not what they say of others."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import NOTIFY, RESTART, allows


@pytest.mark.parametrize(
    "said",
    [
        {"service_status": "Stopped", "start_type": "Automatic"},
        {"processname": "web", "from_state": "RUNNING", "to_state": "EXITED"},
        {"rc_status": "crashed"},
        {"is_active": "inactive"},
        {"container_state": "nie działa od 8 minut"},
        {"pid_file": "/run/web.pid", "pid_alive": False},
        {"process": {"name": "web", "running": False}},
        {"process": {"name": "web", "count": 0}},
        {"processes": 0, "minimum": 1},
        {"process.pid_count": 0},
        {"healthy": False},
        {"output": "DOCKER CRITICAL - container web is not running"},
        {"output": "web CRITICAL: process not running"},
        {"plugin_output": "CRITICAL - web.service nicht aktiv (inactive)"},
        {"check_output": "web: DOWN"},
        {"unit": "web.service", "active": "failed", "sub": "failed"},
        {"unit": "web.service", "state": "dead"},
        {"container": "web", "zustand": "abgestürzt"},
        {"unit": "web.service", "estado": "fallido", "activo": False},
        {"runtime": "docker", "状态": "已退出"},
        {"proc_state": "terminated"},
        {"status": "not running"},
        {"container_name": "web", "is_running": "no"},
        {"unit": "web.service", "aktiv": False},
        {"pids": []},
        {"alive": 0},
        {"check": "web", "result": "ERROR", "found": {"status": False}},
    ],
)
def test_it_does_not_run(said: dict[str, Any]) -> None:
    assert allows("watch", said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "said",
    [
        {"service_state": "CRITICAL"},  # of a check
        {"replication": {"running": False}},
        {"backup": {"process_count": 0}},
        {"job": {"status": "failed"}},
        {"service_status": "running"},
        {"unit": "web.timer", "schedule": "daily", "running": False},
        {"feature": "x", "running": False},
        {"estado": "parado"},  # of what?
        {"check": "db", "result": "ERROR", "found": {"status": False}},
        {"unit": "web.service", "state": "inactive", "is_enabled": "disabled"},
        {"service_status": "Stopped", "start_type": "Manual"},
        {"container_name": "web", "running": False, "desired_state": "stopped"},
        {"process_state": "halted", "admin_state": "disabled"},
        {"unit": "web.service", "zustand": "angehalten", "grund": "Wartung bis 14 Uhr"},
        {"alive": True, "processes": 3},
        {"upstream": {"healthy": False}},
        {"output": "CRITICAL - replication is stopped"},
        {"output": "CRITICAL: webcam stopped"},
        {"output": "note: web is down"},
        {"message": "web is down"},
    ],
)
def test_what_is_said_of_something_else_says_nothing(said: dict[str, Any]) -> None:
    assert allows("watch", said, severity="error").preferred == NOTIFY
