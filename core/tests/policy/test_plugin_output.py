"""What the one line of a check says, as its plugin's documentation fixes it; what stands behind that says nothing."""

from __future__ import annotations

import pytest
from policy_rig import NOTIFY, RESTART, allows

from mesh_core.policy.words.plugin_output import says_stopped, says_unanswered


@pytest.mark.parametrize(
    "line",
    [
        "PROCS CRITICAL: 0 processes with command name 'radicale'",
        "PROCS WARNING: 0 processes with args 'gunicorn'",
        "SYSTEMD CRITICAL - grocy.service: failed",
        "CRITICAL: service ntopng is not running",
        "Status: inactive, Vikunja API",
        "Stato: stopped since 08:12",
        "Container exited (2) 40 seconds ago",
        "Dnscache: stopped (start type is auto)",
        "CRITICAL: Spooler=stopped (auto)",
        "CheckProcess CRITICAL: Found 0 matching processes; cmd /gatus/",
    ],
)
def test_a_check_says_that_it_does_not_run(line: str) -> None:
    assert says_stopped(line)
    assert allows("check_critical", {"output": line}, severity="critical").preferred == RESTART


@pytest.mark.parametrize(
    "line",
    [
        "connect to address 192.0.2.7 and port 8080: Connection refused",
        "HTTP CRITICAL - Unable to open TCP socket",
        "CRITICAL - Socket timeout after 10 seconds",
    ],
)
def test_a_check_says_that_nobody_answers(line: str) -> None:
    assert says_unanswered(line)
    assert allows("check_critical", {"plugin_output": line}, severity="critical").preferred == RESTART


@pytest.mark.parametrize(
    "line",
    [
        "PROCS CRITICAL: 812 processes",
        "HTTP OK: HTTP/1.1 200 OK - 0 processes, connection refused, not running",
        "HTTP CRITICAL: HTTP/1.1 500 connection refused: web.service is failed",
        "DISK CRITICAL - free space: / 204 MB",
        "please note: PROCS CRITICAL: 0 processes",
        "Status: failed, 3 of 4 disks",  # of no unit
        "Battery status: inactive",
        "Container exited (0) 2 minutes ago",
        "Fax: stopped (start type is demand)",
    ],
)
def test_of_what_was_answered_nothing_is_read(line: str) -> None:
    assert not says_stopped(line)
    assert not says_unanswered(line)
    assert allows("check_critical", {"output": line}, severity="critical").preferred == NOTIFY


def test_a_check_may_call_a_unit_failed_and_a_container_unhealthy() -> None:
    failed = {"output": "Status: failed, the sync of calendars"}
    assert allows("check_critical", failed, service="vdirsync.service", severity="critical").preferred == RESTART
    assert allows("check_critical", failed, service="pg-backup.service", severity="critical").preferred == NOTIFY
    unhealthy = {"SERVICEOUTPUT": "Health status: unhealthy, last output: exit 1"}
    assert allows("check_critical", unhealthy, severity="critical").preferred == RESTART
    over = {"SERVICEOUTPUT": "Health status: healthy, it was unhealthy"}
    assert allows("check_critical", over, severity="critical").preferred == NOTIFY
