"""Kinds of trouble that other systems tell of, each by examples that stand in no labelled set (decision 0191)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import COMPOSE, DOCKER, IGNORE, NOTIFY, REDEPLOY, RESTART, allows

SYSTEMD: dict[str, Any] = {"runtime": "systemd", "unit": "web.service", "active_state": "active"}


@pytest.mark.parametrize("service", ["chrony", "ntpsec", "systemd-timesyncd.service"])
def test_who_keeps_the_time_may_always_be_started_anew(service: str) -> None:
    payload = {"alertname": "NodeTimeDriftTooLarge ntp", "labels": {"team": "home"}}
    assert allows("alert", payload, service=service, severity="warning").preferred == RESTART
    assert allows("alert", payload, service="web", severity="warning").preferred == NOTIFY


@pytest.mark.parametrize("type_", ["tuner_device_lost", "zigbee_usb_stick_gone", "transcode_job_stalled"])
def test_a_program_whose_device_or_job_is_ill_may_be_chosen_by_whoever_sees_which_it_is(type_: str) -> None:
    offered = allows(type_, DOCKER, severity="error")
    assert (offered.preferred, offered.actions) == (NOTIFY, {NOTIFY, RESTART})
    assert allows(type_, {"source": "somebody"}, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "type_", ["disk_device_lost", "backup_job_corrupted", "tls_device_certificate_expired", "sudo_job_suspicious"]
)
def test_but_not_where_data_settings_or_an_intruder_may_be_meant(type_: str) -> None:
    assert RESTART not in allows(type_, DOCKER, severity="error").actions


@pytest.mark.parametrize(
    "payload",
    [
        {"runtime": "supervisor", "program": "web", "memory_bytes": 3 << 30, "max_memory_bytes": 1 << 30},
        {**SYSTEMD, "pss_bytes": 900, "limitBytes": 512},
    ],
)
def test_what_takes_more_than_its_owner_gave_it_is_started_anew(payload: dict[str, Any]) -> None:
    assert allows("memory_usage_high", payload, severity="warning").preferred == RESTART
    within = {key: 1 if key == "memory_bytes" or "pss" in key else value for key, value in payload.items()}
    assert allows("memory_usage_high", within, severity="warning").preferred == NOTIFY


def test_what_is_said_to_be_gone_may_have_ended_or_been_taken_away() -> None:
    for alert in ("ContainerMissing jellyseerr", "Docker: container not found"):
        offered = allows("alert", {"alertname": alert, **COMPOSE}, severity="warning")
        assert {RESTART, REDEPLOY} <= offered.actions, alert


@pytest.mark.parametrize("word", ["absent", "no such container"])
def test_a_container_that_its_sender_does_not_find_is_made_from_its_declaration(word: str) -> None:
    assert (
        allows("addon_lost", {"container": word, "declared_in_compose": True}, severity="error").preferred == REDEPLOY
    )


@pytest.mark.parametrize("part", ["entrypoint", "ports"])
def test_declared_beside_live_is_a_declaration(part: str) -> None:
    payload = {f"live_{part}": ["a"], f"declared_{part}": ["b"]}
    assert allows("container_restarting", payload, severity="error").preferred == REDEPLOY


@pytest.mark.parametrize(
    "error", ["Bind for 0.0.0.0:8096 failed: port is already allocated", "mkdir /mnt/x: permission denied"]
)
def test_what_cannot_start_for_its_settings_is_not_made_anew_with_the_same(error: str) -> None:
    payload = {"container": "web", "State": {"Status": "created", "Error": error}, **COMPOSE}
    offered = allows("container_exited", payload, severity="error")
    assert (offered.preferred, REDEPLOY in offered.actions) == (NOTIFY, True)


@pytest.mark.parametrize(
    "payload",
    [
        {"servicedesc": "IMAP", "hoststate": "UNREACHABLE", "output": "CRITICAL - Socket timeout"},
        {"service_display_name": "ssh", "reachable": "0"},
    ],
)
def test_a_check_whose_host_is_away_says_nothing(payload: dict[str, Any]) -> None:
    assert allows("check_critical", payload, severity="critical").preferred == IGNORE
    alive = payload | {key: "UP" for key in payload if key == "hoststate"} | {"reachable": "1"}
    assert IGNORE not in allows("check_critical", alive, severity="critical").actions
    bare = {key: value for key, value in payload.items() if not key.startswith("service")}
    assert IGNORE not in allows("host_down", bare, service=None, severity="critical").actions


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("apcupsd_mail_test", {"body": "it works"}),
        ("alert", {"trigger_name": "[テスト] 通知"}),
        ("alert", {"check": "[Prueba] correo"}),
        ("image_update_available", {"image": "nginx", "new": "1.29"}),
        ("apps_new_version", {}),
        ("alert", {"event_name": "Windows: nas has been restarted (uptime < 10m)"}),
        ("alert", {"rule": "Grafana was restarted on pi"}),
        ("alert", {"maintenance_window": {"name": "sunday", "active": True}}),
        ("alert", {"silence": {"active": "true", "by": "anna"}}),
    ],
)
def test_what_is_no_trouble_by_a_field_or_name_is_silent(type_: str, payload: dict[str, Any]) -> None:
    assert allows(type_, payload, severity="warning").preferred == IGNORE


@pytest.mark.parametrize(
    "payload",
    [
        {"message": "[テスト] maintenance window active, nas has been restarted, host_state: DOWN"},
        {"maintenance_window": {"name": "sunday", "active": False}},
        {"event_name": "Container restarted 12 times"},
    ],
)
def test_and_prose_or_its_opposite_is_not(payload: dict[str, Any]) -> None:
    assert IGNORE not in allows("alert", payload, severity="warning").actions


@pytest.mark.parametrize(
    "line",
    [
        "bind: Adresse déjà utilisée",
        "open /etc/app.yml: Отказано в доступе",
        "fopen: Arquivo ou diretório inexistente",
        "upload failed: API key is invalid",
    ],
)
def test_what_its_settings_lack_is_heard_in_other_languages(line: str) -> None:
    died = allows("container_died", {**DOCKER, "status": "exited", "exit_code": 1, "logs": [line]}, severity="error")
    assert (died.preferred, RESTART in died.actions) == (NOTIFY, True)


@pytest.mark.parametrize("command", ["python manage.py migrate --noinput", "php artisan migrate --force"])
def test_who_moves_a_database_is_not_interrupted(command: str) -> None:
    payload = {**DOCKER, "status": "running", "health": "unhealthy", "processes": [command]}
    assert RESTART not in allows("container_unhealthy", payload, severity="warning").actions
    assert (
        allows("container_unhealthy", {**payload, "processes": ["gunicorn"]}, severity="warning").preferred == RESTART
    )


def test_what_a_check_prints_into_a_log_is_about_the_program_itself() -> None:
    for line in ("connect to address 10.2.0.4 and port 993: Connection refused", "Connessione rifiutata"):
        payload = {**DOCKER, "status": "running", "health": "unhealthy", "logs": [line]}
        assert allows("container_unhealthy", payload, severity="error").preferred == RESTART, line


@pytest.mark.parametrize("log", ["error gathering device information", "failed to set up container networking"])
def test_what_the_engine_never_started_is_made_anew_from_its_declaration(log: str) -> None:
    payload = {**DOCKER, "exit_code": 128, "logs": [log], **COMPOSE}
    assert allows("container_died", payload, severity="error").preferred == REDEPLOY
    assert allows("container_died", {**payload, "exit_code": 129}, severity="error").preferred == RESTART


@pytest.mark.parametrize("type_", ["container_unhealthy", "program_unhealthy"])
def test_while_its_start_period_lasts_nothing_is_restarted(type_: str) -> None:
    payload = {**DOCKER, "status": "running", "health": "starting"}
    assert RESTART not in allows(type_, payload, severity="warning").actions
    assert RESTART not in allows(type_, DOCKER, severity="info").actions


ENDED: dict[str, Any] = {"runtime": "systemd", "active_state": "failed", "result": "exit-code", "exit_code": 1}
ENABLED = {"investigation": {"unit": {"enabled": True}}}


def test_a_job_that_its_timer_starts_again_is_told_and_not_started() -> None:
    told = {**ENDED, **ENABLED, "timer": "report.timer"}
    for trust in ("node", "foreign"):
        allowed = allows("unit_failed", told, service="report.service", severity="error", trust=trust)
        assert (allowed.rule, allowed.actions) == ("job-of-a-timer", {NOTIFY})
    without = allows("unit_failed", {**ENDED, **ENABLED}, service="report.service", severity="error", trust="node")
    assert without.preferred == "unit_start"


@pytest.mark.parametrize(
    ("unit", "preferred"),
    [
        ("fstrim.service", NOTIFY),
        ("postgres-backup.service", NOTIFY),
        ("btrfs-scrub@-.service", NOTIFY),
        ("backup-server.service", RESTART),
        ("cleaner.service", RESTART),
    ],
)
def test_where_nobody_tells_of_a_timer_its_usual_name_does(unit: str, preferred: str) -> None:
    for type_ in ("unit_failed", "systemd_unit_failed"):
        assert allows(type_, {**ENDED, "unit": unit}, service=unit, severity="error").preferred == preferred


@pytest.mark.parametrize("unit", ["session-12.scope", "user@1001.service", "user.slice", "dev-sdb1.device"])
def test_what_systemd_makes_for_others_nobody_starts(unit: str) -> None:
    assert allows("unit_failed", {**ENDED, "unit": unit}, service=unit, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "line",
    [
        "fatal: The database schema (v41) is newer than supported by this release (v39)",
        "sqlite3.OperationalError: no such table: pages",
        "Your licence has expired on 2026-10-01",
        "this build requires AVX2 and your CPU does not support it",
        "There are 3 unapplied migrations; refusing to start",
        "yaml: line 14: did not find expected key",
    ],
)
def test_a_program_that_does_not_go_with_its_data_licence_or_processor_is_no_case_for_a_restart(line: str) -> None:
    died = {**DOCKER, "status": "exited", "exit_code": 1}
    assert allows("container_died", {**died, "logs": [line]}, severity="error").preferred == NOTIFY
    assert allows("container_died", {**died, "logs": ["it crashed"]}, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    ("needed", "preferred"),
    [
        ({"db": "running, healthy for 2h", "cache": "Up 3 hours"}, RESTART),
        ({"db": "running (unhealthy)"}, NOTIFY),
        ({"db": "running", "cache": "exited"}, NOTIFY),
        ({"db": "running", "cache": "restarting"}, NOTIFY),
        ({}, RESTART),  # it does not run: started again it finds out
    ],
)
def test_a_line_about_what_it_needs_is_of_the_past_where_a_field_says_that_it_runs(
    needed: dict[str, str], preferred: str
) -> None:
    told = {**DOCKER, "status": "exited", "exit_code": 1, "logs": ["could not connect to db:5432"]}
    allowed = allows("container_died", {**told, "dependencies": needed}, severity="error")
    assert allowed.preferred == preferred


@pytest.mark.parametrize(("key", "word"), [("to", "exited"), ("new_state", "stopped"), ("currentState", "dead")])
def test_who_tells_of_a_change_tells_how_it_is_now(key: str, word: str) -> None:
    assert allows("state_change", {"data": {"from": "running", key: word}}, severity="error").preferred == RESTART
    assert allows("state_change", {"data": {"from": word, key: "running"}}, severity="error").preferred == NOTIFY
