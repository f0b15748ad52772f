"""A thing that runs and moves no more, or that does not take up again whom it works with, by fields (decision 0211)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import NOTIFY, RESTART, allows

UNIT: dict[str, Any] = {"runtime": "systemd", "unit": "web.service", "active_state": "active", "sub_state": "running"}


@pytest.mark.parametrize(
    "said",
    [
        *({"responding": False}, {"isResponsive": "no"}, {"process": {"hung": True}}, {"deadlock_detected": 1}),
        *({"process_state": "not responding"}, {"zustand": "hängt seit 03:10"}, {"unresponsive": "yes"}),
        *({"connected": False, "broker_reachable": True}, {"mqtt": {"connected": False}, "broker": "up"}),
        *({"db_connected": False, "database": {"status": "ready"}}, {"subscribed": False, "network_back_at": "04:10"}),
        *({"connection": "lost", "dependency_back": True}, {"joined": "no", "peer": {"reachable": True}}),
    ],
)
def test_what_hangs_or_is_cut_off_by_its_fields_is_started_anew(said: dict[str, Any]) -> None:
    for severity in ("warning", "error"):
        assert allows("watch", UNIT | said, severity=severity).preferred == RESTART
    assert allows("watch", UNIT | said, severity="info").preferred != RESTART
    for beside in ({"health": "healthy"}, {"uptime_seconds": 20}, {"handled_per_minute": 4}):
        assert allows("watch", UNIT | said | beside, severity="error").preferred == NOTIFY
    assert allows("watch", UNIT | said, service="mariadb.service", severity="error").preferred == NOTIFY
    assert allows("watch", said, severity="error").preferred == NOTIFY  # nothing says that it is a program


@pytest.mark.parametrize(
    "said",
    [
        *({"responding": True}, {"last": {"hung": True}}, {"upstream": {"responding": False}}, {"stuck": "3 jobs"}),
        *({"connected": False}, {"connected": False, "broker": "down"}, {"connected": True, "broker": "up"}),
        *({"broker_reachable": True}, {"lines": "stuck: true"}, {"connected": None, "broker": "up"}),
    ],
)
def test_what_moves_or_has_nobody_to_work_with_is_left_alone(said: dict[str, Any]) -> None:
    assert allows("watch", UNIT | said, severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "said",
    [
        *({"desired": 2, "ready": 0}, {"expected_workers": 4, "workers_running": "0"}, {"replicas": "0/3"}),
        *({"running": "0 of 2"}, {"min_instances": 1, "instances_up": 0}),
    ],
)
def test_none_of_many_is_none_that_runs(said: dict[str, Any]) -> None:
    assert allows("watch", {"runtime": "docker", "container": "web"} | said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "said",
    [
        *({"desired": 0, "ready": 0}, {"expected_workers": 4, "workers_running": 1}, {"replicas": "2/3"}),
        *(
            {"target": 21, "current": 0},
            {"expected_workers": 4, "replicas_ready": 0},
            {"available_bytes": 0, "expected": 9},
        ),
    ],
)
def test_some_of_many_or_what_is_no_count_of_it_is_no_trouble(said: dict[str, Any]) -> None:
    assert allows("watch", {"runtime": "docker", "container": "web"} | said, severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "said",
    [
        *({"health": "failing"}, {"liveness": False}, {"health_check": "critical"}, {"is_ready": "no"}),
        *({"checks": {"http": "fail", "disk": "pass"}}, {"probes": {"ready": False}}),
    ],
)
def test_a_check_of_its_own_that_fails_in_any_shape_is_its_check(said: dict[str, Any]) -> None:
    assert allows("watch", {"container": "web"} | said, severity="error").preferred == RESTART
    assert allows("watch", said, severity="error").preferred == NOTIFY
    assert allows("watch", {"container": "web"} | said, service="postgres", severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "row",
    [
        *({"unit": "web.service", "active": "failed"}, {"Names": ["/web"], "State": "exited"}),
        *({"Name": "web", "status": "errored"}, {"container": "web", "running": False}),
    ],
)
def test_of_a_list_the_row_of_the_very_service_counts(row: dict[str, Any]) -> None:
    others = [{"name": "db", "state": "running"}, 3, None, ["web"]]
    assert allows("watch", {"found": [*others, row]}, severity="error").preferred == RESTART
    assert allows("watch", {"process": row}, severity="error").preferred == RESTART
    for key in ("alerts", "logs", "previous"):
        assert (
            allows("watch", {key: [row | {"state": "", "State": "", "status": ""}]}, severity="error").preferred
            == NOTIFY
        )
