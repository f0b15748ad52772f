"""Kinds of alerts about things that a restart harms or does not mend, told in fields, by examples that stand in no
labelled set (decision 0200)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import COMPOSE, DOCKER, IGNORE, NOTIFY, REDEPLOY, RESTART, allows

ILL: dict[str, Any] = {**DOCKER, "status": "running", "health": "unhealthy"}
DIED: dict[str, Any] = {**DOCKER, "status": "exited", "exit_code": 1, "restart_policy": "no"}
FAILED: dict[str, Any] = {"runtime": "systemd", "active_state": "failed", "result": "exit-code", "exit_code": 1}


@pytest.mark.parametrize("state", ["deactivating", "reloading", "activating"])
@pytest.mark.parametrize("key", ["active_state", "sub_state"])
def test_what_its_manager_is_at_is_left_to_it(state: str, key: str) -> None:
    assert allows("unit_failed", {**FAILED, key: state}, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "beside",
    [
        {"status": "removing"},
        {"snapshot": "in progress"},
        {"deployment": {"status": "ongoing"}},
        {"firmware_update_running": True},
        {"stop_reason": "backup"},
        {"lock_holder": "pid 811, pad-export"},
        {"fuser": "/srv/pad/db: 4411"},
        {"app": {"maintenance": True}},
        {"state": "MAINT"},
    ],
)
def test_what_somebody_is_at_work_on_is_left_to_them(beside: dict[str, Any]) -> None:
    assert allows("container_stopped", {**DIED, **beside}, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "beside",
    [
        {"phase": "reindexing"},
        {"progress": "71 %"},
        {"library": {"completion": 0.3}},
        {"active_streams": 2},
        {"recording": True},
        {"printing": "yes"},
        {"players_online": 4},
        {"pool": {"scan": "scrubbing"}},
        {"stage": "SCHEMA_MIGRATION_IN_PROGRESS"},
        {"scheduled_tasks": {"Refresh guide": "running for 40 min"}},
        {"jobs": [{"name": "thumbnails", "State": "Running"}]},
        {"current_progress_percentage": 8.5},
        {"relocating_chunks": 2},
        {"exports_running": 1},
        {"ETA": "0:12:40"},
        {"listeners": 3},
        {"calls_active": 1},
    ],
)
def test_what_is_at_work_or_in_use_is_not_broken_off(beside: dict[str, Any]) -> None:
    assert allows("container_unhealthy", {**ILL, **beside}, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "beside",
    [
        {"last_backup": "running"},
        {"previous": {"phase": "scrubbing"}},
        {"progress": 100, "active_users": 0},
        {"progress": True, "recording": False},
        {"snapshot": "failed"},
        {"app": {"maintenance": False}},
        {"lsof": "none", "lock_holder": ""},
        {"stage": "migration done"},
        {"scheduled_tasks": {"Refresh guide": "idle"}},
        {"jobs_in_progress": 3, "relocating_chunks": 0},  # they may hang with it
        {"exporters_running": 2},
        {"eta": None, "listeners": 0},
        {"clients": 4},
    ],
)
def test_what_was_at_work_before_or_has_ended_says_nothing(beside: dict[str, Any]) -> None:
    assert allows("container_unhealthy", {**ILL, **beside}, severity="error").preferred == RESTART


@pytest.mark.parametrize("how", [{"usable": True}, {"service": {"answering": "true"}}])
def test_what_was_seen_to_work_is_not_restarted_for_its_check(how: dict[str, Any]) -> None:
    assert allows("program_unhealthy", {**ILL, **how}, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "check",
    [
        "sh: 1: nc: not found",
        ["OCI runtime exec failed: exec failed: no such process"],
        "curl: (22) The requested URL returned error: 404",
        "mail-check: exit code 127",
        "[HEALTHY] port 30005 is connected\n[HEALTHY] port 8754 listens\n",  # and yet it failed
    ],
)
def test_a_check_that_cannot_be_made_says_nothing_of_the_thing(check: object) -> None:
    assert allows("container_unhealthy", {**ILL, "health_output": check}, severity="error").actions == {NOTIFY}
    assert allows("container_died", {**DIED, "health_output": check}, severity="error").preferred == RESTART


@pytest.mark.parametrize("check", ["[OK] cache\n[FAIL] queue is stuck", "[healthy]", "OK", "healthy: false"])
def test_a_check_that_names_a_failure_or_nothing_speaks_for_itself(check: str) -> None:
    assert allows("container_unhealthy", {**ILL, "health_output": check}, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "beside",
    [
        {"load_state": "masked"},
        {"condition_result": "no"},
        {"compose": {"project": "a", "service": "web", "replicas": 0}},
        {"declared": False},
        {"moved_to": "n7"},
        {"stopped_reason": "scheduled downtime at night"},
        {"stopped_by": "timer off-peak"},
        {"stopped_by": "stop by user ada"},
        {"StoppedByUser": True},
        {"intentional": "yes"},
        {"reason": "halted by admin, new disk"},
        {"unit_file_state": "disabled"},
    ],
)
def test_what_is_not_meant_to_run_is_not_started(beside: dict[str, Any]) -> None:
    for type_ in ("container_missing", "service_stopped", "container_stopped"):
        assert allows(type_, {**COMPOSE, **beside}, severity="error").actions == {NOTIFY}, type_


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("container_stopped", {**DOCKER, "status": "exited", "exit_code": 0, "restart_policy": "always"}),
        ("service_stopped", {"runtime": "systemd", "active_state": "inactive", "result": "success"}),
        ("container_stopped", {"Action": "stop", "Actor": {"Attributes": {"name": "web"}}}),
        ("container_exited", {**DIED, "exit_code": 0}),
    ],
)
def test_what_ended_as_if_it_was_asked_to_is_told_and_not_started(type_: str, payload: dict[str, Any]) -> None:
    offered = allows(type_, payload, severity="error")
    assert (offered.preferred, RESTART in offered.actions) == (NOTIFY, True)


def test_a_container_that_ended_with_0_is_silent_only_where_its_sender_is_not_worried() -> None:
    ended = {**DIED, "exit_code": 0}
    assert allows("container_exited", ended, severity="warning").preferred == IGNORE
    assert IGNORE not in allows("container_exited", ended, severity="critical").actions


@pytest.mark.parametrize("code", [126, 127, 77, 132, 135])
def test_what_cannot_work_with_what_it_was_started_with_is_told(code: int) -> None:
    assert allows("container_died", {**DIED, "exit_code": code}, severity="error").preferred == NOTIFY
    assert allows("container_died", {**DIED, "exit_code": 134}, severity="error").preferred == RESTART


def test_of_a_unit_the_signal_says_so() -> None:
    for number, preferred in ((4, NOTIFY), (7, NOTIFY), (11, RESTART)):
        killed = {**FAILED, "result": "core-dump", "exit_code": number}
        assert allows("unit_failed", killed, severity="error").preferred == preferred


@pytest.mark.parametrize(
    ("service", "payload"),
    [
        ("web", {**DIED, "labels": {"com.docker.compose.oneoff": "True"}}),
        ("wiki-migrations", DIED),
        ("shop-web-run-0a1b2c3d4e5f", DIED),
    ],
)
def test_what_runs_once_is_not_run_again(service: str, payload: dict[str, Any]) -> None:
    assert allows("container_died", payload, service=service, severity="error").actions == {NOTIFY}
    assert allows("container_died", DIED, service="initiative", severity="error").preferred == RESTART


@pytest.mark.parametrize("unit", ["systemd-fsck@dev-vdb.service", "zfs-load-key-tank.service", "remote-fs.target"])
def test_what_makes_disks_and_keys_ready_a_person_looks_at(unit: str) -> None:
    assert allows("unit_failed", {**FAILED, "unit": unit}, service=unit, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize("service", ["pacemaker", "ceph-mon@a", "open-iscsi.service"])
def test_what_others_hang_on_is_not_restarted_while_it_runs(service: str) -> None:
    unit = {"runtime": "systemd", "unit": service}
    assert allows("service_unhealthy", unit, service=service, severity="error").actions == {NOTIFY}
    down = {**unit, "active_state": "failed"}
    assert allows("unit_failed", down, service=service, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "beside",
    [
        {"volume": {"used_percent": 99.4}},
        {"disk_free_bytes": 0},
        {"host": {"inodes_used_pct": 100}},
        {"filesystem_read_only": True},
    ],
)
def test_beside_a_full_disk_nothing_is_started(beside: dict[str, Any]) -> None:
    assert allows("container_died", {**DIED, **beside}, severity="error").actions == {NOTIFY}


def test_a_disk_with_room_says_nothing() -> None:
    for beside in ({"disk_used_percent": 91}, {"memory_used_percent": 100}, {"disk_free_bytes": True}):
        assert allows("container_died", {**DIED, **beside}, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "beside", [{"ldap_reachable": False}, {"router": "offline"}, {"uplink": {"state": "down"}}, {"dns": "SERVFAIL"}]
)
def test_what_lacks_something_that_it_needs_waits_for_that(beside: dict[str, Any]) -> None:
    offered = allows("container_unhealthy", {**ILL, **beside}, severity="error")
    assert (offered.preferred, offered.rule) == (NOTIFY, "dependency-down")
    well = {"ldap_reachable": True, "router": "online", "reachable": False}
    assert allows("container_unhealthy", {**ILL, **well}, severity="error").preferred == RESTART


@pytest.mark.parametrize("told", [{"status_code": 307}, {"tls": {"days_left": -1}}, {"health": "healthy"}])
def test_a_probe_of_what_answers_or_is_well_restarts_nothing(told: dict[str, Any]) -> None:
    probe = {"url": "https://wiki.example/", "error": "unexpected"}
    assert allows("http_probe_failed", {**probe, **told}, severity="critical").preferred == NOTIFY
    assert allows("http_probe_failed", probe, severity="critical").preferred == RESTART


@pytest.mark.parametrize("said", [{}, {"logs": ["it is down, restart it"]}, {"message": "restart it"}])
def test_a_probe_that_says_nothing_of_what_it_did_leads_to_no_restart(said: dict[str, Any]) -> None:
    assert allows("http_probe_failed", said, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize("part", ["image", "tag"])
def test_a_data_store_is_not_made_anew_in_another_version(part: str) -> None:
    drift = {**DOCKER, **COMPOSE, f"live_{part}": "17", f"declared_{part}": "16"}
    assert allows("drift_found", drift, service="mariadb", severity="error").actions == {NOTIFY}
    assert allows("drift_found", drift, service="wiki", severity="error").preferred == REDEPLOY


def test_what_failed_at_a_boot_is_told_although_the_host_has_just_come_up() -> None:
    for type_ in ("unit_failed", "service_down"):
        assert allows(type_, {**FAILED, "node_uptime_seconds": 90}, severity="error").preferred == RESTART


def test_an_empty_bind_source_is_not_papered_over_by_a_new_container() -> None:
    told = {**DIED, **COMPOSE, "exit_code": 128, "error": "bind source path does not exist: /srv/media"}
    assert allows("container_died", told, severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    ("declared", "runs", "more", "preferred"),
    [
        ("pad:2.1-arm32v7", "pad:2.1", {}, NOTIFY),
        ("pad:2.1-riscv64", "pad:2.1-amd64", {}, NOTIFY),
        ("pad:2.2", "pad:2.1", {"pull": "denied for this account"}, NOTIFY),
        ("pad:2.2", "pad:2.1", {"tag_exists": False}, NOTIFY),
        ("pad:2.2", "pad:2.1", {"note": "manifest unknown"}, NOTIFY),
        ("pad:2.2-amd64", "pad:2.1-amd64", {}, REDEPLOY),
        ("pad:2.2-alpine", "pad:2.1", {"pull": "done", "tag_exists": True}, REDEPLOY),
        ("farm64:2.2", "farm64:2.1", {}, REDEPLOY),
    ],
)
def test_a_declaration_that_cannot_be_had_or_run_here_is_a_slip(
    declared: str, runs: str, more: dict[str, Any], preferred: str
) -> None:
    for told in (
        {"declared": {"image": declared}, "running": {"image": runs}},
        {"declared_image": declared, "image": runs},
    ):
        offered = allows("image_drift", {**DOCKER, **told, **more}, severity="warning")
        assert (offered.preferred, REDEPLOY in offered.actions) == (preferred, preferred == REDEPLOY), told


def test_a_unit_cannot_be_active_and_dead() -> None:
    assert allows(
        "unit_failed", {**FAILED, "active_state": "active", "sub_state": "dead"}, severity="error"
    ).actions == {NOTIFY}


@pytest.mark.parametrize(
    "said", [{"status_code": 500}, {"alertDetails": "HTTP 500 - Oops"}, {"errors": "[STATUS] (500) < 300"}]
)
def test_who_answers_with_a_fault_of_its_own_runs(said: dict[str, Any]) -> None:
    url = {"url": "https://web.example/"}
    told = allows("http_probe_failed", url | said, severity="error")
    assert (told.preferred, told.actions) == (NOTIFY, {NOTIFY, RESTART})
    assert allows("http_probe_failed", url | said | DOCKER, severity="error").preferred == RESTART
    beside = {key: value.replace("500", "502") if isinstance(value, str) else 502 for key, value in said.items()}
    assert allows("http_probe_failed", url | beside, severity="error").preferred == RESTART


def test_a_monitor_may_write_what_it_was_answered() -> None:
    told = allows("monitor_down", {"alertDetails": "HTTP 403 - Forbidden"}, severity="error")
    assert told.actions == {NOTIFY}


@pytest.mark.parametrize("type_", ["relay_offline", "bridge_unreachable", "mirror_down"])
def test_what_only_its_name_calls_down_and_nobody_worries_about_is_told(type_: str) -> None:
    offered = allows(type_, {"symptom": "seen from outside"}, severity="warning")
    assert (offered.preferred, RESTART in offered.actions) == (NOTIFY, True)
    assert allows(type_, {"symptom": "seen from outside"}, severity="error").preferred == RESTART
    for more in ({**DOCKER}, {"source": "alertmanager", "status": "firing"}):
        assert allows(type_, more, severity="warning").preferred == RESTART, more
    assert allows("bridge_hung", {"symptom": "no line"}, severity="warning").preferred == RESTART


@pytest.mark.parametrize(
    "look",
    [
        {"GET http://nas:4000/": 200},
        {"http /ready": 204},
        {"PING 3310": "PONG"},
        {"page": "opens, 200 through the proxy"},
        {"oberfläche": "lädt"},
    ],
)
def test_where_another_look_is_answered_well_its_own_check_may_be_wrong(look: dict[str, Any]) -> None:
    ill = {"runtime": "docker", "container": "web", "health": "unhealthy"}
    assert allows("container_unhealthy", ill | look, severity="warning").preferred == NOTIFY


@pytest.mark.parametrize(
    "look",
    [
        {"GET http://nas:4000/": 503},
        {"page": "opens, but empty"},
        {"PING 3310": "timeout"},
        {"request": {"GET /": 200}},
        {"widget": 200},
    ],
)
def test_where_none_is_answered_well_its_check_counts(look: dict[str, Any]) -> None:
    ill = {"runtime": "docker", "container": "web", "health": "unhealthy"}
    assert allows("container_unhealthy", ill | look, severity="warning").preferred == RESTART
