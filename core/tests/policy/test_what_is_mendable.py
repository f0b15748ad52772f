"""What fields say of a trouble that something mends, each kind by examples that stand in no labelled set (decision
0202)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import COMPOSE, DOCKER, NOTIFY, REDEPLOY, RESTART, allows

UNIT: dict[str, Any] = {"runtime": "systemd", "unit": "web.service", "active_state": "active"}
JOB: dict[str, Any] = {"runtime": "systemd", "unit": "web.service", "active_state": "failed", "type": "oneshot"}


@pytest.mark.parametrize(
    "said",
    [
        *({"last_flush_seconds_ago": 4000}, {"minutes_since_last_poll": 45}, {"latestSampleAgeHours": 3}),
        *({"silent_minutes": 75}, {"noDataSeconds": 1800}, {"without_output_for_hours": 2}),
        *({"last_frame_age_ms": 4e6}, {"seconds_since_last_uplink": 3600}, {"watchdog_age": "41 min"}),
    ],
)
def test_what_runs_and_did_its_steady_work_long_ago_is_started_anew(said: dict[str, Any]) -> None:
    for severity in ("error", "warning"):
        assert allows("output_late", UNIT | said, severity=severity).preferred == RESTART
    assert allows("output_late", UNIT | dict.fromkeys(said, 0), severity="error").preferred == NOTIFY
    assert allows("output_late", UNIT | said | {"sensor": "attic"}, severity="error").preferred == RESTART
    assert RESTART not in allows("output_late", said | {"sensor": "attic"}, severity="error").actions


@pytest.mark.parametrize(
    "said",
    [
        *({"last_packet_at": "2026-11-03T02:10:00Z"}, {"lastPoll": "2026-11-03 01:58:12"}, {"no_progress_for": "6h"}),
        *({"last_tick": "3 hours ago"}, {"last_report": "vor 4 Stunden"}, {"heartbeat_age": "1h 12min"}),
        *({"last_sample": "il y a 2 heures"}, {"last_scan": "2 days ago"}),
    ],
)
def test_how_long_ago_is_read_from_a_time_and_from_a_span_in_words(said: dict[str, Any]) -> None:
    at = {"timestamp": "2026-11-03T06:00:00Z", "severity": "error"}
    assert allows("output_late", UNIT | said, **at).preferred == RESTART
    late = ("2026-11-03T05:58:00Z", "40s", "2 min ago", "6 parsecs ago", "yesterday", "x" * 4000, None, [3], -7)
    for value in late:
        assert allows("output_late", UNIT | dict.fromkeys(said, value), **at).preferred == NOTIFY
    assert allows("output_late", UNIT | {"last_scan": "3 hours ago"}, **at).preferred == NOTIFY  # once a day is often


@pytest.mark.parametrize(
    "label", ["container", "containerName", "unit", "systemd_unit", "Einheit", "conteneur", "容器"]
)
def test_a_container_or_unit_that_is_called_as_the_service_is_what_runs_it(label: str) -> None:
    assert RESTART in allows("presence_lost", {label: "web"}, severity="error").actions
    for other in ("db", "web; reboot", "", None, ["web"]):
        assert RESTART not in allows("presence_lost", {label: other}, severity="error").actions


@pytest.mark.parametrize(
    "said", [{"last_login_seconds_ago": 9000}, {"last_backup_hours_ago": 30}, {"last_motion_minutes_ago": 600}]
)
def test_what_others_cause_may_be_long_ago(said: dict[str, Any]) -> None:
    assert allows("output_late", UNIT | said, severity="error").preferred == NOTIFY


@pytest.mark.parametrize("type_", ["no_readings", "kein_ton", "exporter_stale", "web_frozen", "worker_not_responding"])
def test_what_runs_and_is_called_silent_or_stuck_and_nothing_else_is_started_anew(type_: str) -> None:
    for severity in ("warning", "error"):
        assert allows(type_, UNIT | {"sub_state": "running"}, severity=severity).preferred == RESTART
    assert allows(type_, UNIT | {"uptime_seconds": 40}, severity="error").actions == {NOTIFY}
    assert allows(type_, UNIT, service="influxdb.service", severity="error").actions == {NOTIFY}


@pytest.mark.parametrize("type_", ["camera_disconnected", "broker_disconnected", "no_data_from_garden", "zone_stale"])
def test_what_else_is_silent_may_be_so_by_itself(type_: str) -> None:
    told = allows(type_, UNIT, severity="error")
    assert (told.preferred, told.actions) == (NOTIFY, {NOTIFY, RESTART})


def test_a_unit_that_runs_and_is_said_to_have_failed_may_be_started_anew() -> None:
    runs = UNIT | {"sub_state": "running"}
    told = allows(
        "unit_failed", runs | {"logs": ["cannot open lock file: no such file or directory"]}, severity="error"
    )
    assert (told.preferred, told.actions) == (NOTIFY, {NOTIFY, RESTART})
    for well in ({"health": "healthy"}, {"uptime_seconds": 12}, {"oom_killed": True}):
        assert allows("unit_failed", runs | well, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize("type_", ["presence_lost", "clients_get_no_lease", "bot_says_nothing"])
def test_whoever_may_choose_may_start_a_program_anew_of_which_no_rule_knows_what_ails_it(type_: str) -> None:
    for severity in ("warning", "error", "critical"):
        told = allows(type_, UNIT, severity=severity)
        assert (told.preferred, told.actions) == (NOTIFY, {NOTIFY, RESTART})
    for beside in ({"handled_per_minute": 12}, {"health": "healthy"}, {"uptime_seconds": 20}):
        assert allows(type_, UNIT | beside, severity="error").actions == {NOTIFY}
    assert allows(type_, {}, severity="error").actions == {NOTIFY}  # nothing says that it is a program
    assert allows(type_, UNIT, service="mariadb.service", severity="error").actions == {NOTIFY}


def test_a_line_of_a_log_alone_is_no_reason_to_choose_a_restart_before_it_is_an_error() -> None:
    line = UNIT | {"lines": ["child 4 ended, another one was started"]}
    for type_ in ("log_pattern", "journal_log_match"):
        assert allows(type_, line, severity="warning").actions == {NOTIFY}
        assert allows(type_, line, severity="error").actions == {NOTIFY, RESTART}
    assert allows("frequent_worker_restart", UNIT, severity="error").actions == {NOTIFY}


def test_a_job_that_failed_is_run_again_where_what_it_needs_is_there() -> None:
    its_line = {"logs": ["cannot open sftp:store: connection reset by peer"]}
    assert allows("unit_failed", JOB | its_line | {"store_reachable": True}, severity="error").preferred == RESTART
    assert allows("unit_failed", JOB | {"repository_online": True}, severity="error").preferred == RESTART
    unsure = allows("unit_failed", JOB, severity="error")
    assert (unsure.preferred, unsure.actions) == (NOTIFY, {NOTIFY, RESTART})
    settings = {"logs": ["fatal: wrong password, permission denied"], "store_reachable": True}
    assert allows("unit_failed", JOB | settings, severity="error").preferred == NOTIFY
    migration = JOB | COMPOSE | {"store_reachable": True}
    assert RESTART not in allows("unit_failed", migration, severity="error").actions


def test_a_job_is_known_by_its_name_as_well() -> None:
    failed = {"runtime": "systemd", "active_state": "failed"}
    for service in ("photos-backup.service", "certbot.service"):
        named = failed | {"unit": service}
        back = named | {"bucket_reachable": True}
        assert allows("unit_failed", named, service=service, severity="error").preferred == NOTIFY
        assert allows("unit_failed", back, service=service, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("error: no such device /dev/ttyACM0", "stick_there"),
        ("fatal: open /srv/music: no such file or directory", "music_present"),
        ("connect: network is unreachable", "uplink_reachable"),
    ],
)
def test_what_a_log_missed_and_a_field_has_found_stands_against_nothing(line: str, field: str) -> None:
    ended = DOCKER | {"status": "exited", "exit_code": 1, "logs": [line]}
    assert allows("container_died", ended, severity="error").preferred == NOTIFY
    assert allows("container_died", ended | {field: True}, severity="error").preferred == RESTART
    assert allows("container_died", ended | {field: False}, severity="error").preferred == NOTIFY
    assert allows("container_died", ended | {"container_there": True}, severity="error").preferred == NOTIFY
    former = {"image": {f"former_{field}": True}}
    assert allows("container_died", ended | former, severity="error").preferred == NOTIFY


def test_a_mount_that_does_not_know_that_its_server_is_back_is_mounted_again() -> None:
    stale = {"runtime": "systemd", "unit": "web.mount", "error": "stale file handle"}
    mounted = {"service": "srv-web.mount", "severity": "error"}
    assert allows("mount_stale", stale | {"nas_online": True}, **mounted).preferred == RESTART
    assert allows("mount_stale", stale | {"nas_online": False}, **mounted).preferred == NOTIFY


@pytest.mark.parametrize(
    "said",
    [
        {"drift": ["environment"]},
        {"config_drift": {"labels": "other"}},
        {"drifted": True},
        {"declared": {"volumes": ["a"]}, "running": {"volumes": []}},
        {"declared_image": "ghcr.io/x/web:2", "image": "ghcr.io/x/web:1"},
    ],
)
def test_what_does_not_run_as_declared_is_made_anew(said: dict[str, Any]) -> None:
    assert allows("config_check", DOCKER | COMPOSE | said, severity="warning").preferred == REDEPLOY


@pytest.mark.parametrize(
    "said",
    [
        {"drift": []},
        {"drift": 0.4},  # of a clock
        {"drifted": False},
        {"declared": {"volumes": ["a"]}, "running": {"volumes": ["a"], "ports": []}},
        {"declared_image": "web@sha256:ab", "image": "web:1"},
        {"expected": 200, "actual": 503},
    ],
)
def test_what_is_as_declared_or_no_declaration_is_left_alone(said: dict[str, Any]) -> None:
    assert allows("config_check", DOCKER | COMPOSE | said, severity="warning").preferred == NOTIFY


def test_what_is_in_the_network_of_a_container_that_is_gone_is_made_anew() -> None:
    lost = DOCKER | {"network_mode": "container:77ab", "logs": ["could not resolve host: a.example"]}
    gone = {"network_container_exists": False}
    assert allows("container_unhealthy", lost | COMPOSE | gone, severity="error").preferred == REDEPLOY
    assert allows("container_unhealthy", lost | gone, severity="error").preferred == NOTIFY
    assert allows("container_unhealthy", lost | COMPOSE, severity="error").preferred == NOTIFY


@pytest.mark.parametrize("key", ["declared_in", "configFiles", "defined_in"])
def test_a_compose_file_is_a_declaration_whatever_the_field_is_called(key: str) -> None:
    missing = {"container": "web", "runtime": "docker"}
    for file in ("/srv/wiki/docker-compose.yml", "/opt/x/compose.prod.yaml", "compose.yml"):
        assert allows("container_missing", missing | {key: file}, severity="error").preferred == REDEPLOY
    for file in ("fstab", "/etc/systemd/system/web.service", "/srv/compose/notes.txt"):
        assert allows("container_missing", missing | {key: file}, severity="error").preferred == NOTIFY


def test_an_alert_may_be_called_after_a_drift() -> None:
    assert allows("config_drift", DOCKER | COMPOSE, severity="warning").preferred == REDEPLOY
    assert allows("config_drift", DOCKER, severity="warning").preferred == NOTIFY  # nothing to make it from
    assert allows("clock_drift", DOCKER | COMPOSE, severity="warning").preferred == NOTIFY


def test_a_unit_that_systemd_keeps_for_active_may_have_no_process_left() -> None:
    exited = UNIT | {"sub_state": "exited"}
    assert allows("unit_failed", exited, severity="error").preferred == RESTART
    assert allows("unit_failed", UNIT | {"sub_state": "running"}, severity="error").preferred == NOTIFY


def test_what_ended_with_its_engine_was_not_ended_on_purpose() -> None:
    ended = DOCKER | {"exit_code": 0, "restart_policy": "no", "ended": "with the engine (upgraded)"}
    assert allows("container_stopped", ended, severity="warning").preferred == RESTART
    assert allows("container_stopped", ended | {"ended": "by itself"}, severity="warning").preferred != RESTART


@pytest.mark.parametrize("line", ["free(): corrupted unsorted chunks", "double free or corruption (!prev)"])
def test_a_broken_heap_is_no_broken_data(line: str) -> None:
    failed = {"runtime": "systemd", "active_state": "failed", "result": "core-dump", "exit_code": 6, "logs": [line]}
    assert allows("unit_failed", failed, severity="error").preferred == RESTART


def test_a_broken_line_is_no_broken_data() -> None:
    sick = DOCKER | {"logs": ["TLS alert: bad record mac"]}
    assert allows("container_unhealthy", sick, severity="error").preferred == RESTART
    data = DOCKER | {"logs": ["bad record in segment 7"]}
    assert allows("container_unhealthy", data, severity="error").actions == {NOTIFY}


def test_what_reaches_nothing_may_be_started_anew_by_whoever_may_choose() -> None:
    offered = allows("container_unhealthy", DOCKER | {"logs": ["connect: no route to host"]}, severity="error")
    assert (offered.preferred, offered.actions) == (NOTIFY, {NOTIFY, RESTART})
    full = DOCKER | {"logs": ["connect: no route to host", "no space left on device"]}
    assert allows("container_unhealthy", full, severity="error").actions == {NOTIFY}
    assert allows("relay", {"logs": ["connect: no route to host"]}, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    ("service", "labels", "is_offered"),
    [
        ("ipmi_exporter", {}, True),
        ("web", {"container": "web"}, True),
        ("web", {"systemd_unit": "web.service"}, True),
        ("web", {"container": ""}, False),
        ("web", {"team": "home"}, False),
        ("agent-smith", {}, False),
    ],
)
def test_labels_and_names_may_say_what_runs_it(service: str, labels: dict[str, str], is_offered: bool) -> None:
    told = {"alertname": "GpuReadingsAbsent", "labels": {"severity": "warning", **labels}}
    offered = allows("alert", told, service=service, severity="warning")
    assert (offered.preferred, RESTART in offered.actions) == (NOTIFY, is_offered)


@pytest.mark.parametrize(
    "said",
    [
        {"declared_env": {"A": "1"}, "actual_env": {"A": "2"}},
        {"declaredPorts": ["80:80", "443:443"], "runningPorts": ["80:80"]},
        {"labels": {"declared": {"traefik.enable": "true"}, "live": {}}},
        {"compose": {"file": "/srv/web/compose.yml", "command": "serve --http2"}, "container": {"command": "serve"}},
    ],
)
def test_a_part_that_is_not_as_declared_is_a_drift(said: dict[str, Any]) -> None:
    assert allows("audit_result", {"runtime": "docker"} | said, severity="warning").preferred == REDEPLOY


@pytest.mark.parametrize(
    "said",
    [
        {"declared_ports": ["443:443", "80:80"], "actual_ports": ["80:80", "443:443"]},
        {"declared_temperature": 20, "actual_temperature": 24},
        {"expected": {"rows": 4}, "actual": {"rows": 3}},
        {"compose": {"project": "shop", "service": "web"}, "container": {"id": "77ab", "service": "web"}},
        {"compose": {"name": "web", "state": "running"}, "container": {"name": "shop-web-1", "state": "exited"}},
        {"env": {"declared": {"DEBUG": False, "PORT": 8080}, "actual": {"DEBUG": "false", "PORT": "8080"}}},
    ],
)
def test_another_order_or_something_else_than_a_container_is_no_drift(said: dict[str, Any]) -> None:
    assert REDEPLOY not in allows("audit_result", {"runtime": "docker"} | said, severity="warning").actions


@pytest.mark.parametrize(
    ("wanted", "runs"), [("déclaré", "réel"), ("soll", "ist"), ("dichiarato", "reale"), ("declarado", "real")]
)
def test_what_is_declared_and_what_is_so_are_called_otherwise_elsewhere(wanted: str, runs: str) -> None:
    other = {wanted: {"ports": ["80:80", "81:81"]}, runs: {"ports": ["80:80"]}}
    assert allows("audit_result", DOCKER | COMPOSE | other, severity="warning").preferred == REDEPLOY
    same = {wanted: {"ports": ["80:80"]}, runs: {"ports": ["80:80"]}}
    assert REDEPLOY not in allows("audit_result", DOCKER | COMPOSE | same, severity="warning").actions


def test_a_timer_that_is_enabled_and_not_active_is_started() -> None:
    timer = {"runtime": "systemd", "unit": "renew.timer", "ActiveState": "inactive", "UnitFileState": "enabled"}
    told = {"service": "renew.timer", "severity": "warning"}
    assert allows("timer_inactive", timer, **told).preferred == RESTART
    for beside in ({"UnitFileState": "disabled"}, {"ActiveState": "active"}, {"maintenance": True}):
        assert allows("timer_inactive", timer | beside, **told).preferred != RESTART


@pytest.mark.parametrize("type_", ["array_metrics_missing", "disk_scrape_failing", "gpu_collector_failed"])
def test_an_exporter_that_gives_nothing_is_started_anew_whatever_it_measures(type_: str) -> None:
    for service in ("smartctl-exporter", "nvidia_gpu_exporter"):
        assert allows(type_, {"labels": {"unit": f"{service}.service"}}, service=service).preferred == RESTART
    assert allows(type_, UNIT).preferred == NOTIFY


def test_a_program_whose_own_heartbeat_is_missing_is_started_anew() -> None:
    labels = {"labels": {"container": "scheduler"}}
    assert allows("scheduler_heartbeat_lost", labels, service="scheduler").preferred == RESTART
    assert allows("scheduler_heartbeat_lost", service="scheduler").actions == {NOTIFY}
    assert allows("nightly_backup_heartbeat_lost", labels, service="scheduler").preferred == NOTIFY


def test_a_program_that_takes_a_whole_processor_and_does_nothing_is_started_anew() -> None:
    assert allows("cpu_high", UNIT | {"cpu_percent": 180}).preferred == RESTART
    busy: list[dict[str, Any]] = [
        *({"cpu_percent": 60}, {"cpu_percent": 180, "active_streams": 2}, {"cpu_percent": 180, "uptime_seconds": 90}),
        {"cpu_percent": 540},  # as who transcodes, or compiles
        *({"cpu_percent": 180, "jobs_completed_per_minute": 4}, {"cpu_percent": 180, "logs": ["indexing 40 %"]}),
    ]
    for said in busy:
        assert allows("cpu_high", UNIT | said).preferred == NOTIFY, said
    assert allows("cpu_high", {"cpu_percent": 180}).actions == {NOTIFY}  # of whom nobody knows what runs him


def test_work_that_waits_for_nobody_is_work_that_stands_still() -> None:
    lost = DOCKER | {"state": "running", "logs": ["lost connection to broker:9092"]}
    assert allows("queue_lag", lost | {"backlog": 900, "consumers": 0}, severity="error").preferred == RESTART
    assert allows("queue_lag", lost | {"backlog": 900, "consumers": 2}, severity="error").preferred == NOTIFY
    assert allows("queue_lag", lost | {"backlog": 0, "consumers": 0}, severity="error").preferred == NOTIFY


def test_what_is_called_absent_may_only_have_ended() -> None:
    assert allows("watch", {"alertname": "ContainerAbsent"}, severity="warning").preferred == RESTART
    assert allows("watch", {"alertname": "ContainerAbsent"} | COMPOSE, severity="warning").preferred == NOTIFY


def test_a_data_store_of_which_a_monitor_says_only_that_it_is_down_is_started() -> None:
    for name in ("MongodbInstanceDown", "EtcdDown"):
        said = {"alertname": name, "status": "firing"}
        service = name.removesuffix("Down").removesuffix("Instance").lower()
        assert allows("alert", said, service=service, severity="critical").preferred == RESTART
        assert allows("alert", {"alertname": name}, service=service, severity="critical").preferred == NOTIFY
        assert allows("alert", said, service=service, severity="warning").actions == {NOTIFY}
        assert allows("alert", said | {"alertname": f"{name}Replication"}, service=service).actions == {NOTIFY}
