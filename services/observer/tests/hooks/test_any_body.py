"""Bodies that nobody described are read by their fields: as senders document them, and what must not be read so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alert_rig import event_of, event_with, one

from mesh_core.models.events import HealthEvent
from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.alert import Alert, Unfit
from observer.hooks.generic import GenericHook
from observer.hooks.said_over import says_all_well, says_over
from observer.hooks.senders.any_json import alerts_in

Body = dict[str, Any]
OURS = KnownNames(hosts={"attic": "", "cellar": ""}, services={"attic": frozenset({"immich"})})


def read(body: Body) -> Alert:
    found = one(alerts_in(body))
    assert isinstance(found, Alert), found
    return found


def entered(body: Body) -> HealthEvent:
    return event_with(read(body), OURS)


def wrapped(state: str) -> str:
    return json.dumps({"AlarmName": "queue-depth", "NewStateValue": state, "Trigger": {"Namespace": "SQS"}})


CELLAR = [{"title": "Host", "value": "cellar"}]
# name, what it sends of a trouble and of its end, and what is to be read of the first: type, node, service, severity
PAIRS: list[tuple[str, Body, Body, tuple[str, str, str | None, str]]] = [
    (
        "gatus",
        {"alert": "media/immich", "name": "immich", "url": "http://attic:2283/ping", "status": "TRIGGERED"},
        {"alert": "media/immich", "name": "immich", "url": "http://attic:2283/ping", "status": "RESOLVED"},
        ("media_immich", "attic", "immich", "warning"),
    ),
    (
        "beszel",
        {"title": "Connection to attic is down \U0001f534", "message": "Connection to attic is down"},
        {"title": "Connection to attic is up \U0001f7e2", "message": "Connection to attic is up"},
        ("alert", "attic", None, "warning"),
    ),
    (
        "zabbix",
        {"trigger_name": "Postfix is not running", "host": "cellar", "severity": "High", "status": "PROBLEM"},
        {"trigger_name": "Postfix is not running", "host": "cellar", "severity": "High", "status": "RESOLVED"},
        ("postfix_is_not_running", "cellar", None, "error"),
    ),
    (
        "zabbix macros",
        {"event_name": "Disk is full", "event_value": "1", "host_name": "cellar", "trigger_severity": "Average"},
        {"event_name": "Disk is full", "event_value": "0", "host_name": "cellar", "trigger_severity": "Average"},
        ("disk_is_full", "cellar", None, "error"),
    ),
    (
        "zabbix triggers",
        {"trigger_name": "Swap is full", "trigger_status": "PROBLEM", "trigger_value": 1, "host": "cellar"},
        {"trigger_name": "Swap is full", "trigger_status": "OK", "trigger_value": 0, "host": "cellar"},
        ("swap_is_full", "cellar", None, "warning"),
    ),
    (
        "icinga",
        {"host": "cellar", "service": "mail", "state": "CRITICAL", "output": "connection refused"},
        {"host": "cellar", "service": "mail", "state": "OK", "output": "SMTP OK - 0.02 s"},
        ("connection_refused", "cellar", "mail", "critical"),
    ),
    (
        "naemon, of a host",
        {"host": "cellar", "state": "DOWN", "output": "CRITICAL - 192.0.2.7: rta nan, lost 100%"},
        {"host": "cellar", "state": "UP", "output": "OK - 192.0.2.7: rta 0.4 ms, lost 0%"},
        ("alert", "cellar", None, "error"),
    ),
    (
        "lidarr",
        {"eventType": "Health", "type": "DownloadClientCheck", "level": "warning", "message": "No client answers"},
        {"eventType": "HealthRestored", "type": "DownloadClientCheck", "level": "warning", "message": "No client"},
        ("download_client_check", "unknown", None, "warning"),
    ),
    (
        "gatus with placeholders",
        {"alert": "TRIGGERED", "name": "photos", "group": "media", "message": "three checks failed"},
        {"alert": "RESOLVED", "name": "photos", "group": "media", "message": "five checks passed"},
        ("photos", "unknown", None, "warning"),
    ),
    (
        "checkmk",
        {"NOTIFY_HOSTNAME": "attic", "NOTIFY_SERVICEDESC": "Mount /srv", "NOTIFY_SERVICESTATE": "CRIT"},
        {"NOTIFY_HOSTNAME": "attic", "NOTIFY_SERVICEDESC": "Mount /srv", "NOTIFY_SERVICESTATE": "OK"},
        ("mount_srv", "attic", None, "critical"),
    ),
    (
        "librenms",
        {"title": "Alert for cellar", "name": "Fan speed", "hostname": "cellar", "severity": "critical", "state": 1},
        {"title": "cellar recovered", "name": "Fan speed", "hostname": "cellar", "severity": "critical", "state": 0},
        ("fan_speed", "cellar", None, "critical"),
    ),
    (
        "apprise",
        {"version": "1.0", "title": "Borgmatic on attic", "message": "no such repository", "type": "failure"},
        {"version": "1.0", "title": "Borgmatic on attic", "message": "done", "type": "success"},
        ("borgmatic_on_attic", "attic", None, "error"),
    ),
    (
        "the shape of slack",
        {"attachments": [{"color": "danger", "title": "ssh is down", "fields": CELLAR}]},
        {"attachments": [{"color": "good", "title": "ssh is up", "fields": CELLAR}]},
        ("ssh_is_down", "cellar", None, "error"),
    ),
    (
        "better stack",
        {"data": {"attributes": {"name": "shop", "url": "https://attic/shop", "resolved_at": None}}},
        {"data": {"attributes": {"name": "shop", "url": "https://attic/shop", "resolved_at": "2026-05-05T11:00:00Z"}}},
        ("http_probe_failed", "attic", "shop", "error"),
    ),
    (
        "a cloud's topic",
        {"Type": "Notification", "Subject": "ALARM: queue-depth", "Message": wrapped("ALARM")},
        {"Type": "Notification", "Subject": "OK: queue-depth", "Message": wrapped("OK")},
        ("queue_depth", "unknown", None, "warning"),
    ),
    (
        "azure",
        {"data": {"essentials": {"alertRule": "disk-q", "severity": "Sev1", "monitorCondition": "Fired"}}},
        {"data": {"essentials": {"alertRule": "disk-q", "severity": "Sev1", "monitorCondition": "Resolved"}}},
        ("disk_q", "unknown", None, "error"),
    ),
    (
        "duplicati",
        {"Data": {"ParsedResult": "Error"}, "Extra": {"OperationName": "Backup", "machine-name": "attic"}},
        {"Data": {"ParsedResult": "Success"}, "Extra": {"OperationName": "Backup", "machine-name": "attic"}},
        ("backup", "attic", None, "error"),
    ),
    (
        "truenas",
        {"text": "TrueNAS @ cellar\n\nNew alert:\n * Pool a is DEGRADED.\n\nCurrent alerts:\n * Pool a is DEGRADED."},
        {"text": "TrueNAS @ cellar\n\nThe following alert has been cleared:\n\n  * Pool a is DEGRADED."},
        ("true_nas_cellar", "cellar", None, "warning"),
    ),
]


@pytest.mark.parametrize(("trouble", "end", "said"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS])
def test_a_sender_that_nobody_described_tells_trouble_and_its_end(
    trouble: Body, end: Body, said: tuple[str, str, str | None, str]
) -> None:
    event = entered(trouble)
    assert (event.type, event.node, event.service, event.severity) == said
    assert (read(trouble).firing, read(end).firing) == (True, False)
    assert read(trouble).key == read(end).key


@pytest.mark.parametrize(
    "body",
    [
        {"SERVICEDESC": "dhcp", "HOSTNAME": "attic", "HOSTSTATE": "UP"},
        # A state of the thing beside what is wrong with it.
        {"check": "raid", "host": "attic", "status": "online", "severity": "critical"},
        {"check": "raid", "host": "attic", "status": "ok", "alert_state": "firing", "severity": "error"},
        # Titles that end like an end.
        {"title": "Data could not be recovered"},
        {"title": "Temperature is above normal"},
        {"title": "Free space below threshold"},
        {"title": "Failed to back up"},
        {"title": "Port 443 is closed"},
        {"title": "Database needs recovery"},
        {"title": "attic is back up, 2 disks failed"},
        {"title": "Name of attic could not be resolved"},
        {"title": "Snapshot was unsuccessful"},
        {"title": "Backup partially successful"},
        {"title": "Login by intruder is ok", "severity": "warning"},
        {"kind": "state_not_ok", "host": "attic"},
        {"event": "StateNotOk", "host": "attic"},
        {"event": "PartlyRestored", "host": "attic"},
        {"event": "NodeNotHealthy", "host": "attic"},
        # Words that end like a word for well.
        {"event": "CpuLockUp", "host": "attic"},
        {"eventType": "ConnectionClosed", "host": "attic"},
        # What an alert is called, and a number that is no count of problems.
        {"alert": "redis_up", "host": "attic", "message": "no answer from it"},
        {"alert": "up", "status": "firing", "host": "attic"},
        {"alert": "free space", "trigger_value": 0, "status": "firing", "host": "attic"},
        {"event_name": "no free places", "event_value": 0, "event_status": "PROBLEM", "host": "attic"},
        {"event_name": "no free places", "event_value": 0, "trigger_status": "PROBLEM", "host": "attic"},
        # Some are over, and others are not.
        {"text": "NAS @ attic\nThese alerts have been cleared:\n* Fan\nCurrent alerts:\n* Pool is DEGRADED"},
        {"text": "NAS @ attic\nCurrent alerts:\n* The following alert has been cleared:"},
        {"text": "NAS @ attic\nThe following alert has been cleared:\n* Fan\nPool is DEGRADED"},
        {"text": "A disk failed\nThe following alert has been cleared:\n* Fan"},
        {"text": "NAS @ attic\nThe following alert has not been cleared:\n* Fan"},
        {"text": "NAS @ attic\nThese alerts have been cleared:\n* " + "x" * 9000 + "\nCurrent alerts:\n* Pool"},
        {"text": "NAS @ attic\n* The following alert has been cleared:"},
        {"text": "NAS @ attic\nThese alerts have been cleared:\n* Fan", "severity": "warning"},
    ],
)
def test_what_is_not_said_to_be_over_is_trouble(body: Body) -> None:
    assert read(body).firing


def test_each_word_for_an_end_is_one() -> None:
    assert all(map(says_over, ("OK", "[RESOLVED]", "monitor.up", "incident_resolved", "RECOVERY", "IssueResolved")))
    assert not any(map(says_over, ("monitor.down", "unresolved", "not_ok", "is it ok", "")))
    assert all(map(says_all_well, ("\u2705 Resolved: disk full", "attic is now up again", "Job on attic succeeded")))
    assert all(map(says_all_well, ("Alert cleared", "3 alerts have been cleared", "All problems are closed")))


def test_several_alerts_of_one_body_are_each_its_own() -> None:
    alerts = [{"name": "swap", "status": "critical", "severity": "crit"}, {"name": "load", "status": "ok"}]
    found = alerts_in({"host": "cellar", "alerts": alerts, "links": ["x"]})
    assert isinstance(found, list)
    assert [isinstance(one, Alert) and one.firing for one in found] == [True, False]
    assert [event_of(one).node for one in found] == ["cellar", "cellar"]


def test_the_end_of_one_disk_is_not_the_end_of_another() -> None:
    body = {"rule": "smart", "host": "attic", "disk": "sda", "status": "failed"}
    assert read(body).key != read({**body, "disk": "sdb", "status": "ok"}).key
    assert read({"host": "attic", "output": "a fan stopped"}).key != read({"host": "attic", "output": "sda fails"}).key


@pytest.mark.parametrize(
    "body",
    [
        {"title": "attic or cellar is slow"},  # two of our hosts
        {"title": "Attic insulation is wet"},  # its name is written otherwise
        {"scenario": "ssh-bf", "source": {"ip": "203.0.113.7"}},  # who attacks is not whom it is about
        {"rule": "slow", "sender": {"host": "attic"}},
        {"rule": "slow", "check_url": "https://attic/checks/1"},
        {"rule": "slow", "previous": {"host": "attic"}},
    ],
)
def test_no_host_is_guessed(body: Body) -> None:
    assert entered(body).node == "unknown"


def test_a_link_to_the_senders_own_page_is_no_host_where_ours_is_named() -> None:
    body = {
        "alert": "ram_low",
        "message": "ram_low on cellar is critical",
        "rooms": [{"name": "All", "url": "https://cloud.example/r"}],
    }
    assert entered(body).node == "cellar"
    assert entered({**body, "host": "shed"}).node == "shed"  # which it says itself
    assert entered({**body, "url": "http://attic:9000"}).node == "attic"


def test_a_service_is_named_by_a_title_only_where_its_node_has_it() -> None:
    assert entered({"host": "attic", "title": "immich is slow"}).service == "immich"
    assert entered({"host": "cellar", "title": "immich is slow"}).service is None


def test_an_expression_stands_instead_of_what_the_fields_say() -> None:
    hook = GenericHook(node="'cellar'", severity="'critical'", firing="state != 'fine'")
    found = one(hook.alerts_in({"rule": "slow", "host": "attic", "severity": "low", "state": "fine"}, "mine"))
    assert isinstance(found, Alert)
    assert not found.firing
    found = one(hook.alerts_in({"rule": "slow", "host": "attic", "severity": "low", "state": "ok"}, "mine"))
    event = event_of(found)
    assert (event.node, event.severity, event.incident) == ("cellar", "critical", f"generic-mine/{found.key}/1")  # type: ignore[union-attr]


@pytest.mark.parametrize("body", [{}, {"foo": 1}, {"status": None}, {"title": " "}, {"alerts": [{"x": 1}]}])
def test_what_says_nothing_is_refused(body: Body) -> None:
    found = one(alerts_in(body))
    assert isinstance(found, Unfit)
    assert "no field of this body says what is wrong" in found.reason
