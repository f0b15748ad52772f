"""What may be ignored, and what no field may silence: the shipped rules."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, IGNORE, NOTIFY, RESTART, SHIPPED, allows

from mesh_core.models.events import Severity


def test_silence_is_offered_only_where_a_field_says_why() -> None:
    assert allows("queue_depth_high", severity="warning").actions == {NOTIFY}
    assert all(rule.prefer == IGNORE for rule in SHIPPED.rules if IGNORE in rule.allow)


ENDED = {"exit_code": 0, "restart_policy": "no"}
SICK_INSIDE = {"State": {"Status": "running", "Health": {"Status": "unhealthy"}}}


@pytest.mark.parametrize(
    ("type_", "payloads"),
    [
        # the state of a thing is no word about the alert
        (
            "tcp_probe_failed",
            [{"state": word} for word in ("closed", "clear", "up", "ok", "normal", "Closed ")]
            + [{"status": "closed", "expected": "open"}],
        ),
        ("door_contact", [{"state": "clear"}, {"status": "ok", "severity": "normal"}]),
        ("http_probe_failed", [{"status": "ok", "error": "timeout"}, {"action": "start", "result": "failed"}]),
        ("link_down", [{"state": "up", "peer": "down"}]),
        ("raid_check", [{"state": "clear", "degraded": True}]),
        (
            "link_lost",
            [{"restored_at": None}, {"closed_at": "0001-01-01T00:00:00Z"}, {"reconnected": "no"}, {"retries_left": 0}],
        ),
        ("page_down", [{"previous_incident": {"state": "closed"}}, {"port": {"state": "closed"}}]),
        # it runs, and its check says no: it is neither over nor ended
        (
            "container_unhealthy",
            [
                {"status": "up", "health": "unhealthy"},
                {"status": "resolved", "health": "unhealthy"},
                {"stopped_by": "admin", "status": "running", "health": "unhealthy"},
                ENDED | {"status": "Running", "health": "unhealthy"},
                ENDED | {"status": "RUNNING"},
                ENDED | {"status": "Up 2 minutes (unhealthy)"},
                ENDED | {"health": "unhealthy"},
                ENDED | {"State": {"Running": True}},
                ENDED | SICK_INSIDE,
                SICK_INSIDE | {"exit_code": 143, "restart_policy": "always"},
            ],
        ),
        ("alerts", [{"status": "firing", "alerts": [{"status": "firing"}, {"status": "resolved"}]}]),
        # what ran out of memory, or could not start, did not end on purpose
        ("container_oom", [ENDED, {"exit_code": 143, "restart_policy": "always"}]),
        ("container_oom_killed", [ENDED, {"occurrences": 1}]),
        (
            "container_died",
            [
                ENDED | {"oom_killed": True},
                ENDED | {"State": {"Status": "exited", "OOMKilled": True}},
                ENDED | {"reason": "OOMKilled"},
                ENDED | {"State": {"Status": "created", "Error": "port is taken"}},
                ENDED | {"restart_count": 12},
            ],
        ),
        # only a person means it
        (
            "container_died",
            [
                {key: word, "exit_code": 137}
                for key in ("stopped_by", "initiated_by", "paused_by")
                for word in (
                    *("oom-killer", "none", "n/a", "null", "nobody", "kernel", "watchdog", "system", "-", "false", "0"),
                    *("unknown", "systemd", "admin-bot", "operator-sdk", "user space", "user@1000.service"),
                )
            ],
        ),
        # the uptime of a process that starts again and again is not the node's
        (
            "container_restart_loop",
            [
                {"restart_count": 40, "uptime_seconds": 3},
                {"restarts": 40, "process": {"uptimeSeconds": 3}},
                {"uptime_seconds": 3},
                {"restart_count": 40, "node_uptime_seconds": 90},
            ],
        ),
        # a type that holds a word of calm in itself
        *(
            (type_, [{}, {"result": "failed"}])
            for type_ in (
                *("smart_self_test", "backup_restore_test", "load_test", "test_failed", "test_restore_failed"),
                *("failover_started", "outage_started", "rebuild_started", "attack_started", "cert_updated"),
                *("rollback_completed", "login_succeeded", "audit_log_cleared", "deployment_failed"),
                *("maintenance_failed", "maintenance_overdue", "host_not_recovered", "dns_not_resolved"),
            )
        ),
    ],
)
def test_trouble_is_not_silenced_by_a_field_that_says_nothing_about_it(
    type_: str, payloads: list[dict[str, Any]]
) -> None:
    for severity in (Severity.WARNING, Severity.CRITICAL):
        for payload in payloads:
            allowed = allows(type_, payload, severity=severity)
            assert IGNORE not in allowed.actions, (type_, payload, severity, allowed.rule)


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("alert", {"state": "ok", "ruleName": "web is slow"}),
        ("alert", {"state": "OK", "state_type": "HARD"}),
        ("container_exited", {"status": "exited", "initiated_by": "admin: compose stop"}),
        ("container_restarting", {"node_uptime_seconds": 240}),
        ("alert_test", {}),
        ("disk_recovered", {}),
        ("deployment_started", {}),
        ("heartbeat", {}),
        ("maintenance_started", {}),
        ("link_lost", {"lost_at": "2026-11-02T10:00:00Z", "restored_at": "2026-11-02T10:00:04Z"}),
        ("link_lost", {"reconnected": True}),
        ("page", {"incident": {"state": "Closed", "title": "Pad is down"}}),
        ("page_down", {"retries_left": 2}),
    ],
)
def test_who_says_that_it_is_over_or_meant_is_still_believed(type_: str, payload: dict[str, Any]) -> None:
    assert allows(type_, payload, severity="critical").preferred == IGNORE


@pytest.mark.parametrize(
    ("payload", "severity"),
    [({"status": "resolved"}, "critical"), ({"heartbeat": {"status": 3}}, "error"), ({"test": True}, "critical")],
)
def test_what_is_over_a_test_or_in_maintenance_is_ignored(payload: dict[str, Any], severity: str) -> None:
    assert allows("container_unhealthy", payload, severity=severity).preferred == IGNORE


def test_an_exit_code_alone_silences_nobody_who_is_worried() -> None:
    """143 under `always`: its engine was told to stop it, nobody says by whom; an updater that gave up does so, too."""
    asked_to_end = {**DOCKER, "status": "exited", "exit_code": 143, "restart_policy": "always"}
    for severity in (Severity.INFO, Severity.WARNING):
        assert allows("container_died", asked_to_end, severity=severity).preferred == IGNORE
    for severity in (Severity.ERROR, Severity.CRITICAL):
        allowed = allows("container_died", asked_to_end, severity=severity)
        assert (allowed.preferred, allowed.actions) == (NOTIFY, {NOTIFY, RESTART})
    by_a_person = {**asked_to_end, "initiated_by": "admin: compose stop"}
    assert allows("container_died", by_a_person, severity=Severity.CRITICAL).preferred == IGNORE
