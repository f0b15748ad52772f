"""How bad it is, under keys that nobody listed and in syslog's numbers; how much a job is to say is none of it."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import event_of, one

from mesh_core.models.events import Severity
from observer.hooks.alert import Alert
from observer.hooks.senders.any_json import alerts_in

Body = dict[str, Any]


def severity(body: Body) -> str:
    found = alerts_in({"host": "barn", "rule": "PumpIsDry", **body})
    assert isinstance(found, list)
    (alert,) = found
    assert isinstance(alert, Alert)
    return alert.severity


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"vuln_severity": "High"}, "error"),
        ({"SeverityName": "critical"}, "critical"),
        ({"finding": {"scanner-severity-label": "Low"}}, "info"),
        ({"severity": "warning", "vendor_severity": "critical"}, "warning"),  # its own comes first
        ({"min_severity": "critical"}, ""),
        ({"previousSeverity": "critical"}, ""),
        ({"PRIORITY": "2", "SYSLOG_IDENTIFIER": "pumpd"}, "critical"),
        ({"short_message": "dry", "version": "1.1", "level": 3}, "error"),
        ({"severity": 4, "facility": "daemon"}, "warning"),
        ({"syslog_severity": "3"}, "error"),
        ({"priority": "2"}, ""),  # whose numbers?
        ({"PRIORITY": "6", "SYSLOG_IDENTIFIER": "pumpd"}, ""),  # somebody chose the line
        ({"syslogseverity-text": "info", "facility": "daemon"}, ""),
        ({"state": "crashed"}, "error"),
        ({"état": "injoignable"}, ""),
        ({"stato": "giù"}, "error"),
        ({"状态": "离线"}, "error"),
        ({"state": "not dead"}, ""),
    ],
)
def test_a_severity_is_known_by_what_its_key_ends_in_and_by_syslogs_numbers(body: Body, said: str) -> None:
    assert severity(body) == said


@pytest.mark.parametrize(
    ("state", "said"),
    [
        *(("Fehler", "error"), ("Erreur", "error"), ("ausgefallen", "error"), ("Kritisch", "critical")),
        *(("Warnung", "warning"), ("kein Fehler", ""), ("sans erreur", ""), ("senza errore", ""), ("0 Fehler", "")),
        *(("Paused (paused by user)", "info"), ("Angehalten (durch Benutzer)", "info"), ("paused by schedule", "info")),
        *(("En pause (par un utilisateur)", "info"), ("Paused", ""), ("paused by the watchdog", "")),
    ],
)
def test_a_state_says_how_bad_it_is_in_other_languages_and_who_paused_a_sensor(state: str, said: str) -> None:
    assert severity({"status": state}) == said
    assert severity({"status": state, "severity": "critical"}) == "critical"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"loglevel": "ERROR"}, "error"),
        ({"log": {"loglevel": "ERROR"}}, "error"),
        ({"run": {"loglevel": "INFO", "status": "failed"}}, "error"),
        ({"run": {"loglevel": "ERROR"}}, ""),
    ],
)
def test_how_much_a_job_is_to_say_is_not_how_bad_it_is(body: Body, said: str) -> None:
    assert severity(body) == said


LINE = {"host": "barn", "SYSLOG_IDENTIFIER": "pumpd", "PRIORITY": "6"}


def of_itself(body: Body) -> str:
    found = alerts_in(body)
    assert isinstance(found, list)
    (alert,) = found
    assert isinstance(alert, Alert)
    assert alert.firing
    return alert.severity


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (LINE | {"message": "valve 3 was opened"}, "info"),
        (LINE | {"message": "valve 3 could not be opened"}, ""),
        (LINE | {"message": "opened, " * 40 + "then the motor was killed"}, ""),  # the whole of it
        (LINE | {"message": "valve 3 was opened", "rule": "PumpIsDry"}, ""),  # somebody looked for it
        (LINE | {"message": "valve 3 was opened", "state": "odd"}, ""),
        ({"host": "barn", "syslogseverity-text": "notice", "msg": "valve 3 was opened"}, "info"),
        ({"host": "barn", "msg": "valve 3 was opened", "sub": {"syslogseverity-text": "notice"}}, ""),
        ({"host": "barn", "action": "reject", "subject": "Buy a pump"}, "info"),
        ({"host": "barn", "action": "open", "subject": "Buy a pump"}, ""),
        ({"host": "barn", "action": "reject", "subject": "Buy a pump", "reason": "disk is full"}, ""),
        ({"alert": "Disk is full", "host": "barn", "action": "block"}, ""),
        ({"host": "barn", "title": "Nothing flows any more", "valve": {"action": "block"}}, ""),
        ({"host": "barn", "list": "pump", "bantime": "10m"}, "info"),
        ({"host": "barn", "event": "client.connected", "name": "a phone"}, "info"),
        ({"host": "barn", "event": "pump.disconnected", "name": "a phone"}, ""),
        ({"host": "barn", "title": "client left"}, ""),  # a title may be anybody's
    ],
)
def test_who_was_turned_away_or_left_and_lines_of_information_need_nobody(body: Body, said: str) -> None:
    assert of_itself(body) == said


@pytest.mark.parametrize(
    "body",
    [
        {"event": "choir_finished", "room": {"name": "hall"}},
        {"event": "choir_end", "songs": 9},
        {"type": "song_added", "title": "a song"},
        {"type": "shop.tally.updated", "data": {"name": "till"}},
        {"content": {"name": "pumpStart", "value": "pump runs"}},
        {"subject": "Updates applied on 'barn'.", "body": "till 3 to 4"},
        {"images": [{"reference": "till:3", "result": {"has_update": True}}], "kind": "till"},
        {"metrics": {"updates_available": 2}, "kind": "till"},
    ],
)
def test_what_took_its_course_is_information(body: dict[str, Any]) -> None:
    assert event_of(one(alerts_in(body))).severity == Severity.INFO


@pytest.mark.parametrize(
    "body",
    [
        {"event": "choir_finished", "message": "2 singers failed"},
        {"event": "choir_finished", "status": "aborted"},
        {"event": "choir_finished", "severity": "major"},
        {"event": "store_failover_completed"},
        {"event": "incident.updated"},
        {"event": "problem_added"},
        {"event": "choir_end", "message": "the organ is down"},
        {"event": "finished"},
        {"rule": "choir_finished", "host": "barn"},
        {"subject": "Updates applied on barn, 3 failed"},
        {"metrics": {"updates_available": 0}, "title": "Till is slow"},
        {"title": "Till is dead", "updateAvailable": True},
    ],
)
def test_what_only_sounds_like_it_is_trouble(body: dict[str, Any]) -> None:
    assert event_of(one(alerts_in(body))).severity != Severity.INFO


def test_that_a_logger_calls_a_line_information_says_nothing() -> None:
    body = {"host": "barn", "title": "Tally of the shop is gone", "log": {"level": "information"}}
    assert event_of(one(alerts_in(body))).severity == Severity.WARNING
    assert event_of(one(alerts_in(body | {"log": {"level": "error"}}))).severity == Severity.ERROR


@pytest.mark.parametrize(
    ("body", "event_type"),
    [
        ({"detail-type": "Till State Change", "detail": {"till": "7"}}, "till_state_change"),
        ({"trap_name": "tillOnBattery", "agent": "barn"}, "till_on_battery"),
        ({"event": "error", "error": "Till token is invalid"}, "till_token_is_invalid"),
    ],
)
def test_what_was_refused_before_has_a_name_or_a_title(body: Body, event_type: str) -> None:
    assert event_of(one(alerts_in(body))).type == event_type


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"latest_version": "3.1", "deployed_version": "3.0"}, "info"),
        ({"package": "pumpd", "remoteVersion": "v9", "version": "v8"}, "info"),
        ({"latest_version": "3.1", "deployed_version": "3.1"}, None),  # which tells nothing
        ({"latest_version": "3.1", "installed_version": "3.0", "message": "Update failed"}, ""),
    ],
)
def test_that_the_newest_version_is_not_in_use_is_an_information(body: Body, said: str | None) -> None:
    (read,) = alerts_in(body)  # type: ignore[misc]
    assert (read.severity if isinstance(read, Alert) else None) == said
