"""Which words end an alert, and which look like it and do not."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import event_of, one

from mesh_core.models.events import Severity
from observer.hooks.alert import Alert
from observer.hooks.said_over import says_all_well, says_over
from observer.hooks.senders.any_json import alerts_in

OVER = {"rule": "Shed is cold", "host": "barn"}


def read(body: dict[str, Any]) -> Alert:
    found = one(alerts_in(body))
    assert isinstance(found, Alert), found
    return found


@pytest.mark.parametrize("state", ["CLEARED_UNACK", "resolved-acknowledged", "ok ack"])
def test_whether_anybody_looked_at_it_changes_no_state(state: str) -> None:
    assert says_over(state)
    assert not says_over(state.upper().replace("CLEARED", "ACTIVE").replace("RESOLVED", "OPEN").replace("OK", "BAD"))


def test_a_unit_that_is_inactive_is_no_end() -> None:
    alert = read({"event": "socket_inactive", "host": "barn", "unit": "web.socket", "level": "error"})
    assert alert.firing
    assert alert.name == "socket_inactive"
    assert says_over("alert_inactive")


@pytest.mark.parametrize(
    "title",
    [
        "[barn.lan] RECOVERED \u2705: lighttpd",
        "[Watch] OK barn Tank",
        "Watch [17] barn:tank recovered (GREEN)",
        "[Shed] Mains power restored - barn",
        "Connection has been restored",
    ],
)
def test_a_title_ends_it_behind_its_sender_and_above_where_it_was(title: str) -> None:
    assert says_all_well(title)
    assert not read({"subject": title}).firing


@pytest.mark.parametrize(
    "title",
    [
        "[barn.lan] OK could not be reached",
        "[barn.lan] ok tank is low",
        "Watch barn:tank recovered (RED)",
        "Link restored from a copy",
        "Power restored, 3 disks missing",
        "Tank was restored - barn",
    ],
)
def test_a_title_that_only_sounds_so_ends_nothing(title: str) -> None:
    assert read({"subject": title}).firing


@pytest.mark.parametrize("end", [{"actionGroup": "recovered"}, {"alert": {"actionGroupName": "Recovered"}}])
def test_a_rules_group_of_actions_is_its_state(end: dict[str, Any]) -> None:
    assert not read(OVER | end).firing


def test_a_measured_zero_ends_nothing_where_a_field_says_that_it_goes_on() -> None:
    assert not read(OVER | {"trigger_value": "0"}).firing
    assert read(OVER | {"trigger_value": "0", "is_recovered": False}).firing
    assert not read(OVER | {"trigger_value": "9", "is_recovered": True}).firing


def test_a_normal_severity_is_an_information() -> None:
    event = event_of(read(OVER | {"severity": "Normal"}))
    assert (event.severity, event.type) == (Severity.INFO, "shed_is_cold")


def test_a_state_that_is_said_of_alerts_only_ends_it_whatever_it_was() -> None:
    body = {"type": "Shed is cold", "severity": "CRITICAL", "originatorName": "shed"}
    assert not read(body | {"status": "CLEARED_ACK"}).firing
    assert read(body | {"status": "ACTIVE_ACK"}).firing
    assert not read({"eventType": "cold", "eventState": "inactive", "eventDescription": "Shed is cold"}).firing


def test_an_end_in_brackets_stays_one_whatever_it_quotes() -> None:
    assert not read({"title": "[RESOLVED] 3 errors of the tank", "host": "barn"}).firing
    assert not read({"title": "\u2705 [ok] Tank is lost"}).firing
    assert read({"title": "[UNRESOLVED] 3 errors of the tank", "host": "barn"}).firing
    assert read({"title": "Tank is lost [RESOLVED]"}).firing


@pytest.mark.parametrize(
    "body",
    [
        {"type": "shop.tally.stalled", "data": {"state": "running", "lag": 9}},
        {"embeds": [{"title": "tally: no answer", "fields": [{"name": "State", "value": "running"}]}]},
        {"type": "tally", "host": "barn", "payload": {"state": "online"}, "note": "no word since noon"},
        {"headers": {"subject": "barn: tally is down"}, "envelope": {"spf": {"result": "pass"}}, "plain": "x"},
    ],
)
def test_that_a_thing_runs_or_a_mail_is_its_senders_ends_no_alert_about_it(body: dict[str, Any]) -> None:
    assert read(body).firing


def test_a_thing_that_says_no_more_than_that_it_runs_is_well() -> None:
    assert not read({"host": "barn", "service": "tally", "state": "running"}).firing


def test_a_line_below_a_state_is_none() -> None:
    assert read({"title": "Tank of the shop is lost", "state": "stopped for 9 min\nstatus: resolved"}).firing
