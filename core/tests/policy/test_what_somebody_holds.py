"""What somebody paused, drains or shut down is left to him, by examples of no labelled set (decision 0203)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, IGNORE, NOTIFY, RESTART, allows

ENDED: dict[str, Any] = {"runtime": "systemd", "active_state": "failed", "result": "success", "exit_code": 0}


@pytest.mark.parametrize(
    "told",
    [
        {"state": "pmsuspended"},
        {"freezer": {"state": "freezing"}},
        {"runtime": "podman", "status": "paused"},
        {"suspended_by": "virsh, from tty1"},
        {"unschedulable": True},
        {"frozen": "yes"},
    ],
)
def test_what_somebody_holds_is_not_restarted(told: dict[str, Any]) -> None:
    for type_ in ("service_down", "service_hung", "container_unhealthy"):
        assert allows(type_, told, severity="error").actions == {NOTIFY}, type_


def test_what_was_held_before_or_is_held_no_more_says_nothing() -> None:
    for told in ({"previous_state": "frozen"}, {"draining": False}, {"paused_by": ""}):
        assert allows("service_down", told, severity="error").preferred == RESTART, told


def test_a_person_who_is_named_is_not_told_of_his_own_deed() -> None:
    assert allows("service_down", {"drained_by": "operator mia"}, severity="error").preferred == IGNORE
    assert allows("service_down", {"drained_by": "autoscaler"}, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize("type_", ["swarm_node_drained", "haproxy_server_draining", "kube_node_unschedulable"])
def test_what_is_called_drained_is_an_order_of_somebodys(type_: str) -> None:
    assert allows(type_, severity="warning").preferred == IGNORE
    assert IGNORE not in allows(type_, severity="critical").actions
    assert IGNORE not in allows(type_, {"active_state": "failed"}, severity="warning").actions


@pytest.mark.parametrize("type_", ["ups_battery_draining", "disk_pool_drained", "node_drain_failed"])
def test_what_drains_by_itself_or_cannot_is_told(type_: str) -> None:
    assert IGNORE not in allows(type_, severity="warning").actions


@pytest.mark.parametrize(
    "line",
    ["halting: EMERGENCY STOP pressed", "INFO stop requested", "Shutdown due to 'halt' command", "NOT-AUS betätigt"],
)
def test_what_ended_with_0_by_an_order_is_not_started(line: str) -> None:
    ended = {**ENDED, "logs": [line]}
    assert allows("unit_stopped", ended, severity="error").actions == {NOTIFY}
    assert (
        allows("unit_stopped", {**ended, "result": "exit-code", "exit_code": 3}, severity="error").preferred == RESTART
    )
    assert allows("unit_stopped", {**ENDED, "logs": ["bye"]}, severity="error").preferred == RESTART
    ill = {**DOCKER, "status": "running", "health": "unhealthy", "exit_code": 0, "logs": [line]}
    assert allows("container_unhealthy", ill, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "told", [{"puppet": "running on 3 of 7 hosts"}, {"status": "draining"}, {"stop_reason": "planned move of a rack"}]
)
def test_what_is_held_troubles_nobody_whose_sender_does_not_worry(told: dict[str, Any]) -> None:
    assert allows("service_degraded", told, severity="warning").preferred == IGNORE
    assert allows("service_degraded", told, severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "more",
    [
        {"neighbour": {"status": "draining"}},  # another one
        {"status": "restarting"},  # what crashes is in that state as well
        {"status": "draining", "restart_count": 12},
        {"status": "draining", "logs": ["ERROR unknown option --fast"]},
        {"status": "draining", "container": "absent"},
    ],
)
def test_what_is_only_perhaps_held_is_told(more: dict[str, Any]) -> None:
    assert IGNORE not in allows("service_degraded", more, severity="warning").actions


@pytest.mark.parametrize("told", [{"state": "scanning"}, {"progress": "61 %"}, {"moving": True, "eta": "12 min"}])
def test_what_is_at_work_by_itself_troubles_nobody_either(told: dict[str, Any]) -> None:
    assert allows("service_degraded", told, severity="warning").preferred == IGNORE
    assert IGNORE not in allows("service_degraded", told, severity="error").actions
    assert IGNORE not in allows("service_degraded", {"part": told}, severity="warning").actions


def test_whom_it_serves_may_be_what_is_wrong() -> None:
    assert IGNORE not in allows("service_degraded", {"active_calls": 6}, severity="warning").actions
