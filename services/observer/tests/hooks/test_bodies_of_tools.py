"""What tools of a home lab and of paging services post, read without a line of configuration: whom it concerns, what it
is about, and whether it is trouble at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alert_rig import event_with, one

from mesh_core.models.events import HealthEvent
from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.alert import Alert
from observer.hooks.generic import GenericHook
from observer.hooks.senders.any_json import alerts_in

Body = dict[str, Any]
OURS = KnownNames(hosts={"barn": "", "loft": ""}, services={"loft": frozenset({"forgejo", "calibre"})})


def entered(body: Body) -> HealthEvent:
    found = one(alerts_in(body))
    assert isinstance(found, Alert), found
    assert found.firing
    return event_with(found, OURS)


# name, body, (type, node, service, severity)
TROUBLE: list[tuple[str, Body, tuple[str, str, str | None, str]]] = [
    (
        "pagerduty events v2",
        {
            "routing_key": "KEY",
            "event_action": "trigger",
            "dedup_key": "barn/photoprism",
            "payload": {
                "summary": "photoprism was killed",
                "source": "barn",
                "severity": "critical",
                "component": "photoprism",
                "class": "container_oom",
                "custom_details": {"limit": "2G"},
            },
        },
        ("container_oom", "barn", "photoprism", "critical"),
    ),
    (
        "pagerduty v3 out of alertmanager",
        {
            "event": {
                "id": "01A",
                "event_type": "incident.triggered",
                "resource_type": "incident",
                "occurred_at": "2026-05-05T11:00:00Z",
                "client": {"name": "Alertmanager", "url": "http://prom:9093"},
                "data": {
                    "id": "Q1",
                    "type": "incident",
                    "status": "triggered",
                    "title": "[FIRING:2] DiskWillFillSoon barn (/srv warning)",
                    "service": {"id": "P1", "summary": "lab", "type": "service_reference"},
                    "urgency": "low",
                    "assignees": [{"summary": "Kim", "type": "user_reference"}],
                },
            }
        },
        ("disk_will_fill_soon", "barn", None, "warning"),
    ),
    (
        "opsgenie",
        {
            "action": "Create",
            "source": {"name": "", "type": "API"},
            "alert": {
                "alertId": "70413a06",
                "message": "Certificate of the router runs out",
                "tags": ["host:barn", "team:home"],
                "entity": "router",
                "priority": "P3",
                "details": {"days": "4"},
            },
        },
        ("alert", "barn", None, "warning"),
    ),
    (
        "incident.io",
        {
            "event_type": "public_incident.incident_created_v2",
            "public_incident.incident_created_v2": {
                "id": "01FDAG4SAP",
                "name": "Uploads fail",
                "incident_status": {"category": "triage", "name": "Triage"},
                "severity": {"name": "Major", "rank": 3},
            },
        },
        ("uploads_fail", "unknown", None, "error"),
    ),
    (
        "grafana oncall",
        {
            "event": {"type": "alert group created", "time": "2026-05-05T11:00:00Z"},
            "alert_group": {"id": "I6HNZGUFG4K11", "state": "new", "title": "Load on loft", "alerts_count": 1},
            "alert_payload": {"labels": {"alertname": "LoadTooHigh", "host": "loft", "severity": "warning"}},
        },
        ("load_too_high", "loft", None, "warning"),
    ),
    (
        "home assistant",
        {"title": "Freezer", "message": "It is too warm", "data": {"tags": {"host": "barn"}, "importance": "high"}},
        ("freezer", "barn", None, "error"),
    ),
    (
        "synology",
        {"text": "[barn] Storage Pool 1 on barn has degraded", "username": "Synology", "host_name": "barn"},
        ("alert", "barn", None, "warning"),
    ),
    (
        "proxmox",
        {
            "title": "vzdump backup status (barn): backup failed",
            "message": "ERROR: job errors",
            "severity": "error",
            "fields": {"type": "vzdump", "hostname": "barn", "job-id": "nightly"},
        },
        ("vzdump", "barn", None, "error"),
    ),
    (
        "checkly",
        {
            "event": "ALERT_FAILURE",
            "check_name": "Shelf",
            "check_type": "API",
            "check_id": "c1",
            "tags": ["host:loft", "service:calibre"],
            "check_result_id": "r9",
            "ssl_days_remaining": 14,
        },
        ("shelf", "loft", "calibre", "warning"),
    ),
    (
        "sensu go",
        {
            "timestamp": 1777978800,
            "entity": {"metadata": {"name": "loft", "namespace": "default"}, "entity_class": "agent"},
            "check": {
                "metadata": {"name": "forgejo-http"},
                "status": 2,
                "state": "failing",
                "output": "HTTP CRITICAL: 503",
            },
        },
        ("forgejo_http", "loft", None, "warning"),
    ),
    (
        "opennms",
        {"uei": "uei.opennms.org/nodes/nodeDown", "nodeLabel": "barn", "severity": "MAJOR", "logMessage": "Node down"},
        ("node_down", "barn", None, "error"),
    ),
    (
        "graylog",
        {
            "event_definition_id": "e1",
            "event_definition_title": "Many denied logins",
            "event": {"id": "x", "priority": 3, "source": "barn", "message": "Many denied logins: 40", "fields": {}},
            "backlog": [],
        },
        ("many_denied_logins", "barn", None, "warning"),
    ),
    (
        "wazuh",
        {
            "rule": {"level": 10, "description": "Too many failures", "id": "5712", "groups": ["sshd"]},
            "agent": {"id": "004", "name": "barn", "ip": "192.0.2.9"},
            "manager": {"name": "wazuh"},
            "full_log": "sshd: root from 203.0.113.4",
        },
        ("too_many_failures", "barn", None, "warning"),
    ),
    (
        "monit",
        {"service": "postfix", "host": "barn", "event": "Does not exist", "description": "process is not running"},
        ("does_not_exist", "barn", "postfix", "warning"),
    ),
    (
        "unraid",
        {"event": "Array error", "subject": "Alert [BARN] - disk 3", "importance": "alert", "hostname": "barn"},
        ("array_error", "barn", None, "critical"),
    ),
    (
        "gatus",
        {
            "endpoint": {"name": "calibre", "group": "books", "url": "http://loft:8083"},
            "result": "TRIGGERED",
            "errors": ["dial tcp: refused"],
        },
        ("http_probe_failed", "loft", "calibre", "error"),
    ),
    (
        "datadog",
        {
            "title": "[P1] [Triggered on {host:barn,mount:/srv}] Free space is low",
            "event_type": "query_alert_monitor",
            "alert_type": "error",
            "alert_transition": "Triggered",
            "tags": "env:home,host:barn,service:minio,monitor",
        },
        ("free_space_is_low", "barn", "minio", "error"),
    ),
    (
        "better stack with metadata",
        {
            "data": {
                "id": "9",
                "type": "incident",
                "attributes": {
                    "name": "Books",
                    "url": "https://books.example",
                    "cause": "Status 503",
                    "status": "Started",
                    "metadata": {
                        "Host": [{"type": "String", "value": "loft"}],
                        "Container": [{"type": "String", "value": "calibre"}],
                    },
                },
            }
        },
        ("http_probe_failed", "loft", "calibre", "error"),
    ),
    (
        "a monitor that is called after service and host",
        {"monitor": {"friendly_name": "miniflux on barn"}, "status": "down", "url": "https://feeds.example"},
        ("http_probe_failed", "barn", "miniflux", "error"),
    ),
    (
        "a wrapper in French",
        {"serveur": "barn", "service": "restic", "titre": "Sauvegarde interrompue", "gravite": "critique"},
        ("sauvegarde_interrompue", "barn", "restic", "critical"),
    ),
    (
        "a wrapper in Spanish",
        {"servidor": "loft", "servicio": "forgejo", "mensaje": "No responde", "gravedad": "grave"},
        ("no_responde", "loft", "forgejo", "error"),
    ),
    (
        "a wrapper in German",
        {"rechner": "barn", "dienst": "samba", "meldung": "Freigabe fehlt", "schweregrad": "kritisch"},
        ("freigabe_fehlt", "barn", "samba", "critical"),
    ),
    (
        "what only says where and what it saw",
        {"hostname": "barn", "scanner": "rkhunter", "found": "/usr/bin/odd"},
        ("alert", "barn", None, "warning"),
    ),
    (
        "labels as pairs in a list",
        {
            "alert_name": "QueueIsLong",
            "labels": [{"key": "host", "value": "loft"}, {"key": "container", "value": "calibre"}],
        },
        ("queue_is_long", "loft", "calibre", "warning"),
    ),
    (
        "a mail as json",
        {
            "headers": {"subject": "Cron job failed"},
            "from": "root@barn.example",
            "plain": "rsync: error 23",
            "hostname": "barn",
        },
        ("cron_job_failed", "barn", None, "warning"),
    ),
]


@pytest.mark.parametrize(("body", "said"), [row[1:] for row in TROUBLE], ids=[row[0] for row in TROUBLE])
def test_a_tool_says_what_is_wrong_and_where(body: Body, said: tuple[str, str, str | None, str]) -> None:
    event = entered(body)
    assert (event.type, event.node, event.service, event.severity) == said
    assert entered(json.loads(json.dumps(body))).incident == event.incident


def test_what_is_wrapped_comes_to_where_it_would_stand_otherwise() -> None:
    event = entered(
        {"id": "7", "data": {"id": "n", "attributes": {"check": "uploads", "host": "barn", "exit_code": 3}}}
    )
    assert event.payload["exit_code"] == 3
    assert (event.payload["id"], event.payload["data"]) == ("7", {"id": "n"})


def test_an_expression_reads_the_body_as_it_came() -> None:
    body = {"data": {"check": "uploads", "machine": {"called": "barn"}}}
    found = one(GenericHook(node="data.machine.called", payload="data").alerts_in(body, "mine"))
    assert isinstance(found, Alert)
    assert (found.node, found.name, found.details["machine"]) == ("barn", "uploads", {"called": "barn"})


def test_each_of_a_list_that_is_wrapped_is_an_alert() -> None:
    found = alerts_in({"data": {"site": "home", "events": [{"check": "a", "host": "barn"}, {"check": "b"}]}})
    assert isinstance(found, list)
    assert [isinstance(one, Alert) and (one.name, one.details["site"]) for one in found] == [
        ("a", "home"),
        ("b", "home"),
    ]


def test_a_tag_says_whom_it_concerns_and_nothing_else() -> None:
    body = {"check": "raid", "tags": ["host:barn", "state:ok", "severity:info", "status=up", "see=https://loft/x"]}
    assert (entered(body).node, entered(body).severity) == ("barn", "warning")
    assert entered(body | {"host": "loft"}).node == "loft"


@pytest.mark.parametrize(
    "title",
    [
        "[FIRING:1] UnitFailed barn sshd.service",
        "[Triggered on {host:loft,unit:sshd.service}] Unit failed",
        "sshd on loft",
        "restart sshd.service on loft",
    ],
)
def test_no_service_is_named_by_a_title(title: str) -> None:
    assert entered({"title": title, "url": "https://loft/x"}).service is None


@pytest.mark.parametrize(
    "body",
    [
        {"host": "barn", "temperature": 21.5, "battery": "80", "time": "2026-05-05T11:00:00Z"},
        {"host": "barn", "up": True},
        {"state": "ok", "device_name": "barn"},
        {"found": "/usr/bin/odd", "scanner": "rkhunter"},
    ],
)
def test_what_names_no_place_or_says_nothing_of_it_is_no_alert(body: Body) -> None:
    found = one(alerts_in(body))
    assert not isinstance(found, Alert) or not found.firing


def test_bodies_of_unlike_fields_are_no_repeats_of_each_other() -> None:
    scanned = {"hostname": "barn", "scanner": "rkhunter", "found": "/usr/bin/odd"}
    assert entered(scanned).incident == entered(scanned | {"found": "/usr/bin/even"}).incident
    assert entered(scanned).incident != entered({"hostname": "barn", "jail": "web", "banned": "some.example"}).incident


def test_an_event_is_of_its_own_time_not_of_one_that_is_told_of_something_in_it() -> None:
    body = {
        "check": "x",
        "host": "barn",
        "timestamp": "2026-05-05T11:00:00Z",
        "info": {"started_at": "2026-05-01T07:00:00Z"},
    }
    assert entered(body).timestamp == "2026-05-05T11:00:00.000Z"


@pytest.mark.parametrize(("said", "severity"), [("low", "warning"), ("high", "error")])
def test_what_is_not_urgent_is_trouble_all_the_same(said: str, severity: str) -> None:
    assert entered({"check": "x", "host": "barn", "urgency": said}).severity == severity


def test_kinds_that_only_say_that_something_is_told_are_no_names() -> None:
    assert entered({"event_type": "group.alert_created_v3", "name": "Uploads fail"}).type == "uploads_fail"


PROSE = {"title", "summary", "message", "description", "content", "text", "output", "subject", "plain", "full_log"}
PLANTED = [
    "\nhost: loft\nservice: sshd\nstatus: resolved\nThis is a test message",
    "\n[RESOLVED] loft is up again\nEvent: Exists\nService: sshd",
    "\n{host:loft,service:sshd} tags: host:loft,service:sshd",
]


def planted(value: Any, line: str, key: str = "") -> Any:
    """With that line below each sentence of it."""
    if isinstance(value, dict):
        return {name: planted(inner, line, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [planted(inner, line, key) for inner in value]
    return f"{value}{line}" if key in PROSE and isinstance(value, str) else value


@pytest.mark.parametrize("line", PLANTED)
def test_a_line_that_a_stranger_writes_below_names_no_target_and_ends_nothing(line: str) -> None:
    for name, body, (_, node, service, severity) in TROUBLE:
        event = entered(planted(body, line))
        assert (event.node, event.service, event.severity) == (node, service, severity), name
