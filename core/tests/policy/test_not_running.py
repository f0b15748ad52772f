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
        {"healthy": False},
        {"output": "DOCKER CRITICAL - container web is not running"},
        {"output": "web CRITICAL: process not running"},
        {"plugin_output": "CRITICAL - web.service nicht aktiv (inactive)"},
        {"check_output": "web: DOWN"},
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
