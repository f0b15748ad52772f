"""Settings, half updates, left-over files, hardware and storage, by examples of no labelled set (decision 0203)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, NOTIFY, RESTART, allows

FAILED: dict[str, Any] = {"runtime": "systemd", "active_state": "failed", "result": "exit-code", "exit_code": 1}
ILL: dict[str, Any] = {**DOCKER, "status": "running", "health": "unhealthy"}


def preferred_of(*lines: str) -> str:
    return allows("unit_failed", {**FAILED, "logs": [*lines]}, severity="error").preferred


@pytest.mark.parametrize(
    "line",
    [
        "toml: key 'listen' must be one of tcp, unix",
        "proxy: error in config line 4: illegal value for 'workers'",
        "Konfigurationsfehler: ungültiger Wert für 'port'",
        "fatal: could not bind on 10.1.1.4:25",
        "/etc/a/zones.conf:9: missing '}'",
        "gateway: bad indent in routes.yaml: line 3",
        "lecteur: impossible d'ouvrir /srv/a",
        "error: secret in vault does not match the one in settings",
        "fatal: node n4 was removed from the cluster, exit",
        "listen tcp: EADDRNOTAVAIL 192.0.2.4",
    ],
)
def test_settings_that_it_cannot_use_are_for_a_person(line: str) -> None:
    assert preferred_of(line) == NOTIFY


@pytest.mark.parametrize(
    "line",
    [
        "ImportError: /usr/lib/x.so: undefined symbol: EVP_md5",
        "java.lang.NoClassDefFoundError: org/x/Main",
        "PHP Fatal error: require(/srv/a/vendor/autoload.php) failed",
        "app: /lib/libc.so.6: version `GLIBC_2.38' not found",
    ],
)
def test_half_an_update_is_for_a_person(line: str) -> None:
    assert preferred_of(line) == NOTIFY


@pytest.mark.parametrize(
    "line", ["mkfifo /run/a/ctl: File exists", "error: stale pid file /run/a.pid", "EEXIST: mkdir '/srv/a'"]
)
def test_what_an_earlier_life_left_behind_is_cleared_by_a_person(line: str) -> None:
    assert preferred_of(line) == NOTIFY


@pytest.mark.parametrize(
    "line", ["cannot mount /srv: timed out", "read /srv/a: Stale file handle error", "modem: no ACK from NCP, failed"]
)
def test_storage_and_hardware_that_do_not_answer_are_looked_at(line: str) -> None:
    assert preferred_of(line) == NOTIFY


def test_lines_that_only_name_such_things_say_nothing() -> None:
    for line in (
        "config: 3 files read",
        "read /etc/a.conf: 3 hosts",
        "writing pid file /run/a.pid",
        "volume mounted",
        "npm install done",
    ):
        assert preferred_of(line) == RESTART, line


@pytest.mark.parametrize(
    "beside",
    [
        {"dongle_present": False},
        {"tuner": {"online": "no"}},
        {"inverter_power": "off"},
        {"host": {"usb_attached": False}},
    ],
)
def test_without_its_hardware_a_program_is_not_started(beside: dict[str, Any]) -> None:
    assert allows("container_unhealthy", {**ILL, **beside}, severity="error").actions == {NOTIFY}
    assert allows("unit_failed", {**FAILED, **beside}, severity="error").actions == {NOTIFY}


def test_hardware_that_is_there_says_nothing() -> None:
    for beside in ({"dongle_present": True}, {"power": "off"}, {"reader_present": None}, {"web_online": False}):
        assert allows("container_unhealthy", {**ILL, **beside}, severity="error").preferred == RESTART, beside


def test_the_state_of_a_device_is_not_its_programs() -> None:
    told = {"tape": "st0", "state": "stopped"}
    assert allows("sensor_offline", told, service="bacula-sd.service", severity="error").actions == {NOTIFY}
    offered = allows("sensor_offline", {}, service="bacula-sd.service", severity="error")
    assert offered.actions == {NOTIFY, RESTART}


@pytest.mark.parametrize(
    "line",
    [
        "507 Insufficient Storage",
        "error: API daily limit reached",
        "402 Payment Required",
        "kann nicht: Kontingent überschritten",
    ],
)
def test_what_is_used_up_a_restart_does_not_fill(line: str) -> None:
    assert allows("container_unhealthy", {**ILL, "logs": [line]}, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize("beside", [{"mounts": {"/films": "not mounted"}}, {"mount": "offline"}])
def test_without_what_is_mounted_a_program_waits(beside: dict[str, Any]) -> None:
    assert allows("container_unhealthy", {**ILL, **beside}, severity="error").preferred == NOTIFY
    there = {"mounts": {"/films": "mounted"}}
    assert allows("container_unhealthy", {**ILL, **there}, severity="error").preferred == RESTART


def test_what_another_server_puts_off_is_sent_later() -> None:
    told = {"runtime": "systemd", "queue": 9, "reason": "451 graylisted, come back"}
    assert allows("mail_queue_high", told, severity="warning").actions == {NOTIFY}


@pytest.mark.parametrize("said", ["the container has been removed by a prune", "Der Container wurde gelöscht"])
def test_a_container_of_a_project_that_was_taken_away_is_not_restarted(said: str) -> None:
    labels = {"labels": {"compose_project": "mail"}, "description": said}
    assert allows("rspamd_down", labels, service="rspamd", severity="error").actions == {NOTIFY}
    still = {"labels": {"compose_project": "mail"}, "description": "no answer for 3 min"}
    assert allows("rspamd_down", still, service="rspamd", severity="error").preferred == RESTART


@pytest.mark.parametrize(
    ("said", "preferred"),
    [
        ("DNS resolution failed for pad.example.net", NOTIFY),
        ("risoluzione DNS non riuscita", NOTIFY),
        ("x509: certificate has expired", NOTIFY),
        ("503 Wartungsarbeiten bis 7 Uhr", NOTIFY),
        ("prace konserwacyjne do 5:00", NOTIFY),
        ("domain name has expired", NOTIFY),
        ("connection refused", RESTART),
        ("500 Internal Server Error", RESTART),
    ],
)
def test_who_asks_from_outside_may_not_get_as_far_as_the_service(said: str, preferred: str) -> None:
    offered = allows("monitor_down", {"monitor": "Pad", "detail": said}, severity="error")
    assert (offered.preferred, RESTART in offered.actions) == (preferred, preferred == RESTART)


def test_what_does_not_run_by_its_manager_was_reached() -> None:
    ended = allows("service_down", {**FAILED, "logs": ["error: x509: certificate has expired"]}, severity="error")
    assert (ended.preferred, RESTART in ended.actions) == (NOTIFY, True)
