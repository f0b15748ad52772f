"""Kinds of alerts whose lines or names speak against an action, by examples that stand in no labelled set (decision
0200)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, IGNORE, NOTIFY, RESTART, allows

ILL: dict[str, Any] = {**DOCKER, "status": "running", "health": "unhealthy"}
DIED: dict[str, Any] = {**DOCKER, "status": "exited", "exit_code": 1, "restart_policy": "no"}


def preferred_of(lines: list[str], type_: str = "container_unhealthy") -> str:
    told = DIED if type_ == "container_died" else ILL
    return allows(type_, {**told, "logs": lines}, severity="error").preferred


@pytest.mark.parametrize(
    "lines",
    [
        ["thumbnails: 40% done", "thumbnails: 44% done"],
        ["10:00:01 verified 118/9000 chunks", "10:00:09 verified 320/9000 chunks"],
        ["Dateien geprüft: 12 von 88", "Dateien geprüft: 13 von 88"],
        ["INFO page 3 of 70", "INFO other work", "INFO page 9 of 70"],
    ],
)
def test_numbers_that_rise_from_line_to_line_are_work_that_goes_on(lines: list[str]) -> None:
    assert preferred_of(lines) == NOTIFY
    assert preferred_of(lines, "container_died") == RESTART


@pytest.mark.parametrize(
    "lines",
    [
        ["thumbnails: 44% done"],
        ["thumbnails: 44% done", "thumbnails: 44% done"],
        ["attempt 1/5", "attempt 2/5"],
        ["queue: 10% used", "queue: 60% used"],
        ["3 of 50 items failed"],
        ["2 of 3 replicas ready"],
    ],
)
def test_numbers_that_stand_or_count_no_work_are_none(lines: list[str]) -> None:
    assert preferred_of(lines) == RESTART


@pytest.mark.parametrize(
    "line",
    [
        "re-indexing mail (12/340)",
        "88% verified",
        "wird geprüft: 7 %",
        "vérification en cours, 31 %",
        "正在导入 5%",
        "thumbs: 1,204 of 91,000 photos",
        "firmware update of hub: 7%",
        "sent 2.1 GiB / 9 GiB, 23%, ETA 8m",
    ],
)
def test_a_verb_of_working_beside_how_far_it_is_needs_no_second_line(line: str) -> None:
    assert preferred_of([line]) == NOTIFY
    assert preferred_of([line], "container_died") == RESTART
    told = {**ILL, "message": line}
    assert allows("container_high_cpu", told, severity="warning").actions == {NOTIFY}


def test_what_is_at_work_may_not_be_broken_off_for_what_its_check_could_not_reach() -> None:
    told = {**ILL, "logs": ["writing segments to disk, please wait"], "health_output": "could not connect to server"}
    assert allows("container_unhealthy", told, severity="error").actions == {NOTIFY}
    ended = {**DOCKER, "logs": told["logs"]}  # that it ended its type alone says
    assert allows("container_exited", ended, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "line",
    [
        "App runs in maintenance mode",
        "Compacting database files",
        "Running Changeset: v12.xml",
        "Migration[88]: add index",
        "waiting for redis to become ready",
        "Waiting for database",
    ],
)
def test_what_waits_or_is_closed_on_purpose_is_not_restarted(line: str) -> None:
    assert preferred_of([line]) == NOTIFY


@pytest.mark.parametrize(
    "line", ["indexed 100%", "load 9%", "checking failed (3/5)", "scan of 9 hosts", "import rate 7%, errors"]
)
def test_work_that_is_done_or_counts_something_else_is_none(line: str) -> None:
    assert preferred_of([line]) == RESTART


@pytest.mark.parametrize(
    "last", ["INFO Converting database, this may take some time", "Bitte warten ...", "level=info msg=replaying"]
)
def test_what_it_does_now_it_says_at_any_level_and_a_line_more_takes_nothing_back(last: str) -> None:
    assert preferred_of(["started", last]) == NOTIFY
    assert preferred_of([last, "done: 100%", "restart it"]) == NOTIFY


@pytest.mark.parametrize(
    "line",
    [
        "btrfs: parent transid verify failed on 7 wanted 9 found 8",
        "vfs: Structure needs cleaning (117)",
        "bolt: invalid checksum, file not opened",
        "store.db: file is not a database",
        "La base de datos está dañada",
    ],
)
def test_what_says_of_its_data_that_they_cannot_be_trusted_is_not_started(line: str) -> None:
    assert preferred_of([line], "container_died") == NOTIFY
    assert preferred_of(["scrub: checksum errors: 0"], "container_died") == RESTART


@pytest.mark.parametrize("line", ["error: failed to persist 12 records", "BGSAVE: Background saving error"])
def test_what_could_not_write_is_not_thrown_away(line: str) -> None:
    assert preferred_of([line]) == NOTIFY
    assert preferred_of([line], "container_died") == RESTART


@pytest.mark.parametrize("line", ["barrier is sealed", "Enter passphrase for /dev/vdb:", "enter the verification code"])
def test_what_waits_for_a_persons_key_is_not_restarted(line: str) -> None:
    assert preferred_of([line]) == NOTIFY
    assert preferred_of(["sqlite: database is locked"]) == RESTART


@pytest.mark.parametrize("error", ["Das Zertifikat ist abgelaufen", "il certificato è scaduto", "сертификат просрочен"])
def test_a_certificate_is_over_in_other_languages_too(error: str) -> None:
    told = {"url": "https://x.example", "error": error}
    assert allows("http_probe_failed", told, severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "line", ["init: TLS context could not be created, failed", "error: SSL_CTX_use_PrivateKey failed"]
)
def test_a_library_that_cannot_read_its_certificate_is_not_asked_again(line: str) -> None:
    assert preferred_of([line]) == NOTIFY


@pytest.mark.parametrize("service", ["hall-lamp2", "camera.garden", "unifi-ap", "binary_sensor.door"])
def test_a_thing_in_the_house_is_no_program(service: str) -> None:
    for type_ in ("service_down", "device_offline", "tcp_probe_failed"):
        told = {"port": 80, "error": "timed out"}
        assert allows(type_, told, service=service, severity="error").actions == {NOTIFY}, type_


@pytest.mark.parametrize("service", ["camera-proxy", "ups.service", "lamp-server", "switchboard"])
def test_what_serves_one_is(service: str) -> None:
    assert allows("service_down", {}, service=service, severity="error").preferred == RESTART


@pytest.mark.parametrize("told", [{"vmid": 7}, {"jail": "media"}, {"kind": "incus"}])
def test_a_guest_is_no_container_of_its_name(told: dict[str, Any]) -> None:
    assert allows("container_stopped", told, severity="error").actions == {NOTIFY}
    assert allows("container_stopped", {"labels": told}, severity="error").preferred == RESTART


@pytest.mark.parametrize("type_", ["restart_required", "sync_failed", "renewal_fehlgeschlagen"])
def test_an_information_about_a_failure_or_a_need_is_told(type_: str) -> None:
    assert allows(type_, {"files": 2}, severity="info").actions == {NOTIFY}
    assert allows("report_written", {"files": 2}, severity="info").preferred == IGNORE
    assert allows(type_, {"status": "resolved"}, severity="info").preferred == IGNORE


@pytest.mark.parametrize(
    ("line", "now"),
    [
        ("getaddrinfo failed for db.lan", {"net": {"name_resolves": True}}),
        ("open /srv/app/a.toml: no such file or directory", {"mounts": {"/srv": "mounted since 9 min"}}),
        ("open /srv/app/a.toml: no such file or directory", {"host_mount": {"point": "/srv", "is_mounted": "yes"}}),
        ("listen: address already in use", {"ports_now": {"8090": "free"}}),
        ("ERROR failed to connect to broker", {"mqtt": "online for 3 h"}),
    ],
)
def test_a_line_about_what_was_missing_is_of_the_past_where_a_field_says_that_it_is_there(
    line: str, now: dict[str, Any]
) -> None:
    told = {**DOCKER, "health": "unhealthy", "logs": [line]}
    assert allows("container_unhealthy", told, severity="error").preferred == NOTIFY
    assert allows("container_unhealthy", {**told, **now}, severity="error").preferred == RESTART
    said = [line, "mqtt online, mounted since 9 min, free, name_resolves: true"]
    assert allows("container_unhealthy", {**told, "logs": said}, severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "line",
    [
        "smtp: 535 Username and Password not accepted",
        "sync: invalid credentials, giving up",
        "vpn: AUTH_FAILED",
        "M_UNKNOWN_TOKEN: this token is invalid",
        "Ihre Zugangsdaten sind ungültig",
        "mot de passe incorrect",
        "credenciales no válidas",
        "неверный пароль",
        "认证: 密码错误",
        "oauth: invalid_grant",
        "the subscription of this device has expired",
    ],
)
def test_whoever_is_not_let_in_needs_a_person_with_the_key(line: str) -> None:
    assert preferred_of([line]) == NOTIFY


@pytest.mark.parametrize(
    "line",
    [
        "login failed: wrong password (remote ip: 198.51.100.7)",
        "WARN invalid credentials for user carla from 10.9.8.7",
        '{"level":"error","msg":"incorrect password","remote_addr":"192.0.2.15"}',
        "imap: auth failed, 2 attempts: user=<a>, rip=203.0.113.9",
        "warning: unknown[203.0.113.4]: SASL PLAIN authentication failed: authentication failure",
        "client sensor-7 from 10.0.0.8 disconnected: bad password",
        "DEBUG removing expired tokens",
    ],
)
def test_whom_it_does_not_let_in_is_no_reason(line: str) -> None:
    assert preferred_of([line]) == RESTART


@pytest.mark.parametrize(
    "line",
    [
        "index [logs-3] blocked by: [disk usage exceeded flood-stage watermark, read-only-allow-delete block]",
        "Unclean shutdown detected; run the repair first",
        "UPGRADE PROBLEM: invalid featureCompatibilityVersion document",
    ],
)
def test_a_store_that_wants_room_or_a_repair_is_told(line: str) -> None:
    for type_ in ("service_down", "container_unhealthy"):
        assert allows(type_, {"log": line}, severity="critical").actions == {NOTIFY}


@pytest.mark.parametrize(
    "line",
    [
        "see https://docs.example/recovery for recovery instructions",
        "FATAL: the data directory was initialized by PostgreSQL version 15",
        "run repair before you start it again",
        "found an old lock file, terminating",
        "FATAL: database needs to be upgraded first",
    ],
)
def test_data_that_a_person_has_to_mend_first_are_not_started_upon(line: str) -> None:
    for type_, told in (("container_died", DIED), ("container_unhealthy", ILL)):
        assert allows(type_, {**told, "logs": [line]}, service="db", severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "line",
    [
        "FATAL: database system identifier differs between the primary and standby",
        "panic: requested timeline 6 is not a child of this server's history",
        "Error: The Cluster ID 7q doesn't match stored clusterId Some(4z) in meta.properties",
        "Incompatible clusterIDs in /data: namenode clusterID = CID-1; datanode clusterID = CID-2",
        "block drbd1: Unrelated data, aborting!",
        "It may not be safe to bootstrap the cluster from this node",
        "ERROR: errant transactions found on replica",
        "rollback: our oplog diverged from the sync source's",
        "error: member 4f has already been bootstrapped",
        "cannot import 'tank': pool may be in use from other system",
        "Fehler: die Daten gehören zu einem anderen Cluster",
        "erreur : les données appartiennent à un autre cluster",
        "fatal: two primaries found, both accept writes",
    ],
)
def test_whose_data_are_not_those_of_the_others_is_not_started(line: str) -> None:
    """Which of them are the true ones a person says first."""
    assert preferred_of([line]) == NOTIFY
    assert allows("container_died", {**DIED, "logs": [line]}, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "line",
    [
        "configparser.DuplicateOptionError: While reading from 'app.ini' [line 9]: option 'port' already exists",
        "yaml.parser.ParserError: while parsing a block mapping",
        "org.xml.sax.SAXParseException; systemId: file:/etc/app/server.xml; lineNumber: 9",
        "libconfig: parse failure at line 7",
        "Bad configuration option: Colour",
        "init.lua:3: unexpected symbol, '=' expected near 'x'",
    ],
)
def test_settings_that_a_library_could_not_read_a_person_mends(line: str) -> None:
    assert preferred_of([line], "container_died") == NOTIFY


@pytest.mark.parametrize(
    "line",
    [
        "04:00 nightly backup: stopping containers web, db",
        "stopped web for the backup, starts again afterwards",
        "Container web für die Sicherung gestoppt",
    ],
)
def test_what_a_backup_stops_it_starts_again(line: str) -> None:
    assert allows("container_stopped", {**DOCKER, "logs": [line]}, severity="warning").actions == {NOTIFY}


@pytest.mark.parametrize(
    "line", ["WARN session uuid does not match the cookie", "INFO timeline forked off", "error: another client left"]
)
def test_two_that_differ_otherwise_are_no_two_sets_of_data(line: str) -> None:
    assert preferred_of([line]) == RESTART


@pytest.mark.parametrize(
    "told", [{"auto_remove": True}, {"HostConfig": {"AutoRemove": True}}, {"started_by": "docker run --rm -d app"}]
)
def test_what_its_own_end_takes_away_cannot_be_started(told: dict[str, Any]) -> None:
    assert allows("container_died", {**DIED, **told}, severity="error").actions == {NOTIFY}
    assert RESTART in allows("container_died", {**DIED, "auto_remove": False}, severity="error").actions


def test_a_tunnel_that_nothing_is_said_to_run_is_a_network() -> None:
    assert allows("tunnel_down", {"peer": "192.0.2.7"}, service="office", severity="error").actions == {NOTIFY}
    assert RESTART in allows("tunnel_down", DIED, service="office", severity="error").actions


@pytest.mark.parametrize(
    "line",
    [
        "FATAL: found failed migrations, no new ones will be applied",
        "error: upgrade from 4.1 is not supported, install 5.0 first",
        "you must upgrade to 9.3 first",
        "fatal: dirty database version 12",
        "an old version of the database format was found",
        "CRIT double sign protection: these keys sign on another host",
        "/srv/data non montata, la cartella è vuota",
        "Daten nicht eingehängt",
        "Migration 0042 fehlgeschlagen",
    ],
)
def test_data_of_another_version_or_place_and_what_runs_elsewhere_are_a_persons(line: str) -> None:
    assert preferred_of([line], "container_died") == NOTIFY


@pytest.mark.parametrize("line", ["migrations: none pending", "upgrade finished", "mounted /srv/data", "shutting down"])
def test_what_only_sounds_like_it_holds_nothing_back(line: str) -> None:
    assert preferred_of([line], "container_died") == RESTART


@pytest.mark.parametrize(
    "line",
    [
        "the search catalogue: still importing, no end in sight",
        "is in the middle of rebuilding the word index",
        "the ledger is being replayed since the power cut",
        "archive import since noon is running on shelf 4",
        "Der Import vom Vormittag läuft noch",
        "réindexation en cours depuis minuit",
        "импорт архива продолжается: идёт импорт",
    ],
)
def test_work_that_would_begin_anew_is_not_cut(line: str) -> None:
    assert preferred_of([line]) == NOTIFY


@pytest.mark.parametrize("line", ["the import is complete", "imported 4 books", "an index that was rebuilt in May"])
def test_work_that_is_over_is_none(line: str) -> None:
    assert preferred_of([line]) == RESTART
