"""Alerts of Alertmanager and Grafana read as health events: real shapes of their messages, and hostile ones."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import event_of, firing, group, kuma, one
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.models.events import MAX_EVENT_BYTES, HealthEvent, Severity, Trust
from mesh_core.policy.policy import Policy
from observer.hooks.alert import Alert, Nothing, Unfit
from observer.hooks.generic import GenericHook
from observer.hooks.mapping import Mapped, type_out_of
from observer.hooks.senders import alertmanager, grafana, uptime_kuma


def from_alertmanager(alert: dict[str, Any], mapped: Mapped | None = None) -> HealthEvent:
    return event_of(one(alertmanager.alerts_in(group(alert))), mapped)


def test_a_firing_alert_is_trouble_of_its_node_and_service() -> None:
    event = from_alertmanager(firing(severity="critical", container="web"))
    assert (event.type, event.node, event.service) == ("container_unhealthy", "pi4", "web")
    assert (event.severity, event.trust) == (Severity.CRITICAL, Trust.FOREIGN)
    assert event.incident == "alertmanager/d6c1a4b8f3e2a1b0/2026-05-05T11:00:00.123Z"
    assert event.timestamp == "2026-05-05T11:00:00.123Z"
    assert event.payload["annotations"] == {"summary": "it is ill"}
    assert event.payload["runtime"] == "docker"


def test_a_resolved_alert_is_the_recovery_of_the_same_incident() -> None:
    ill, well = from_alertmanager(firing()), from_alertmanager(firing(status="resolved"))
    assert (well.type, well.severity) == ("service_recovered", Severity.INFO)
    assert (well.node, well.service, well.incident) == (ill.node, ill.service, ill.incident)
    assert well.timestamp == "2026-05-05T11:30:00.000Z"


def test_the_same_alert_that_begins_anew_is_another_incident() -> None:
    again = {**firing(), "startsAt": "2026-05-05T13:00:00Z"}
    assert from_alertmanager(firing()).incident != from_alertmanager(again).incident


@pytest.mark.parametrize(
    ("labels", "node"),
    [
        ({"node": "web01"}, "web01"),
        ({"instance": "web01.lan:9100"}, "web01.lan"),
        ({"instance": "https://shop.example:8443/health"}, "shop.example"),
        ({"instance": "[fe80::1]:9100"}, "fe80--1"),
        ({"instance": "NAS01:8080"}, "NAS01"),
        ({"instance": "nas01.lan."}, "nas01.lan"),
        ({"instance": "10.0.0.7:9100", "nodename": "nas"}, "nas"),
        ({"instance": "pushgateway:9091", "exported_instance": "nas"}, "nas"),
        ({"instance": "..."}, "unknown"),
        ({"instance": "-H root@evil"}, "evil"),
        ({"instance": "a b\n{{ c }}"}, "a-b-c"),
        ({"instance": ""}, "unknown"),
    ],
)
def test_a_node_is_found_in_the_labels_that_people_use(labels: dict[str, str], node: str) -> None:
    assert from_alertmanager(firing(**labels)).node == node


@pytest.mark.parametrize(
    ("labels", "service", "runtime"),
    [
        ({"service": "shop"}, "shop", None),
        ({"name": "nginx.service"}, "nginx.service", "systemd"),
        ({"unit": "nginx"}, "nginx.service", "systemd"),
        ({"name": "srv-data.mount"}, "srv-data.mount", "systemd"),
        ({"service": "backup.timer"}, "backup.timer", "systemd"),
        ({"container": "backup.timer"}, "backup.timer", "docker"),
        ({"container_name": "db"}, "db", "docker"),
        ({"name": "db", "image": "postgres:16"}, "db", "docker"),
        ({"container": "state-metrics", "exported_container": "web"}, "web", "docker"),
        ({"groupname": "redis-server"}, "redis-server", None),
        ({"id": "/system.slice/caddy.service"}, "caddy.service", "systemd"),
        ({"id": "/system.slice/docker-0123.scope", "job": "x"}, None, None),
        ({"job": "node"}, None, None),
        ({"service": "-H root@evil"}, None, None),
        ({"unit": "ssh@1.service"}, "ssh@1.service", "systemd"),
    ],
)
def test_a_service_is_found_and_one_with_no_plain_name_is_never_aimed_at(
    labels: dict[str, str], service: str | None, runtime: str | None
) -> None:
    event = from_alertmanager(firing(**labels))
    assert (event.service, event.payload.get("runtime")) == (service, runtime)
    if service is None and "job" not in labels:
        assert "not a name" in event.payload["name_note"]


@pytest.mark.parametrize(
    ("name", "event_type", "preferred"),
    [
        ("ContainerUnhealthy", "container_unhealthy", "restart"),
        ("ContainerKilled", "container_died", "restart"),
        ("SystemdServiceFailed", "unit_failed", "restart"),
        ("InstanceDown", "node_unreachable", "notify"),
        ("HostOutOfDiskSpace", "disk_space_low", "notify"),
        ("HostHighCpuLoad", "load_high", "notify"),
        ("PostgresqlDeadLocks", "postgresql_dead_locks", "notify"),
        ("SSL certificate (expires soon)!", "ssl_certificate_expires_soon", "notify"),
        ("5xxRate", "alert_5xx_rate", "notify"),
        ("Überlastung", "uberlastung", "notify"),
        ("磁盘", "alert", "notify"),
    ],
)
def test_common_alerts_become_types_that_the_policy_knows_and_others_tell_a_person(
    name: str, event_type: str, preferred: str
) -> None:
    event = from_alertmanager(firing(name, container="web", severity="critical"))
    assert event.type == event_type
    assert Policy.load(None, learnt=False).allows(event).preferred == preferred


@pytest.mark.parametrize(
    ("name", "labels", "event_type", "service"),
    [
        ("TargetDown", {"container": "pihole-exporter"}, "target_down", "pihole-exporter"),
        ("TargetDown", {}, "node_unreachable", None),
        # What only ended is not seen either: that it has no container, nobody says.
        ("ContainerAbsent", {"name": "mealie"}, "container_absent", "mealie"),
        # After which of its jobs Prometheus calls the alert.
        ("UnboundDown", {"job": "unbound"}, "unbound_down", "unbound"),
        ("unbound_slow", {"job": "integrations/unbound"}, "unbound_slow", "unbound"),
        ("UnboundDown", {"job": "unbound", "service": "resolver"}, "unbound_down", "resolver"),
        ("Unboundless", {"job": "unbound"}, "unboundless", None),
        ("LoadIsHigh", {"job": "unbound"}, "load_is_high", None),
        ("NodeClockSkew", {"job": "node"}, "node_clock_skew", None),
    ],
)
def test_whom_an_alert_is_about_decides_what_it_is(
    name: str, labels: dict[str, str], event_type: str, service: str | None
) -> None:
    event = from_alertmanager(firing(name, **labels))
    assert (event.type, event.service) == (event_type, service)


def test_the_watchdog_that_always_fires_is_no_trouble() -> None:
    event = from_alertmanager(firing("Watchdog", severity="none"))
    assert (event.type, event.severity) == ("heartbeat", Severity.INFO)
    assert Policy.load(None, learnt=False).allows(event).preferred == "ignore"


@given(st.text(max_size=300))
@settings(max_examples=2 * settings.default.max_examples)
def test_any_name_becomes_a_type(name: str) -> None:
    HealthEvent(type=type_out_of(name), node="n")


def test_an_operators_file_says_what_labels_and_names_mean() -> None:
    mapped = Mapped(
        node_labels=("where",),
        types={"Weird": "disk_failed"},
        severities={"sev9": Severity.CRITICAL},
        node_default="nas",
    )
    event = from_alertmanager(firing("weird", severity="SEV9"), mapped)
    assert (event.type, event.node, event.severity) == ("disk_failed", "nas", Severity.CRITICAL)


@pytest.mark.parametrize("line", ["x" * 60_000, "12:00 some words of a log " * 2000], ids=["one word", "words"])
@pytest.mark.parametrize(
    "reads",
    [
        lambda log: alertmanager.alerts_in(group({**firing(), "annotations": {"log": log}})),
        lambda log: alertmanager.alerts_in(group(firing(log=log))),
        lambda log: grafana.alerts_in(group({**firing(), "valueString": log})),
        lambda log: uptime_kuma.alerts_in(kuma(0, description=log)),
        lambda log: uptime_kuma.alerts_in({"msg": log}),
        lambda log: GenericHook(type="kind").alerts_in({"kind": "x_failed", "log": log}, "any"),
        lambda log: GenericHook(type="kind").alerts_in({"kind": "x_failed", "log": {"lines": log.split("\n")}}, "any"),
    ],
    ids=["annotation", "label", "grafana", "kuma", "kuma's message", "generic", "lines"],
)
def test_the_last_line_of_a_long_log_is_kept_wherever_it_stands(line: str, reads: Any) -> None:
    event = event_of(one(reads("\n".join([line] * 19 + ["FATAL: no space left, password=S3CRET"]))))
    assert "FATAL: no space left" in event.wire().decode()
    assert "S3CRET" not in event.wire().decode()


def test_secrets_are_hidden_and_the_largest_alert_still_fits() -> None:
    alert = firing(container="web", api_token="S3CRET", **{f"l{n}": "x " * 1900 for n in range(200)})
    alert["annotations"] = {f"a{n}": "password=S3CRET " * 200 for n in range(200)}
    event = from_alertmanager(alert)
    assert "S3CRET" not in event.wire().decode()
    assert len(event.wire()) < MAX_EVENT_BYTES


@pytest.mark.parametrize(
    "alert",
    [
        None,
        [],
        {},
        {"labels": []},
        {"labels": {"alertname": 7}},
        {"labels": {"alertname": "x"}, "status": "perhaps"},
        {"labels": {"alertname": "x"}, "status": ["firing"]},
    ],
)
def test_what_is_no_alert_is_refused_with_a_sentence(alert: Any) -> None:
    read = one(alertmanager.alerts_in(group(alert)))
    assert isinstance(read, Unfit)
    assert len(read.reason) > 5


def test_one_bad_alert_does_not_take_the_others_away() -> None:
    found = alertmanager.alerts_in(group(firing(), {"labels": {}}, firing("Other")))
    assert isinstance(found, list)
    assert [type(read) for read in found] == [Alert, Unfit, Alert]


def test_grafana_speaks_almost_as_alertmanager_does() -> None:
    body = group(
        {**firing("DiskFull", host="nas"), "values": {"B": 97.2}, "valueString": "[ var='B' value=97.2 ]"},
        title="[FIRING:1] DiskFull",
        orgId=1,
        state="alerting",
    )
    event = event_of(one(grafana.alerts_in(body)))
    assert (event.type, event.node) == ("disk_full", "nas")
    assert event.incident is not None
    assert event.incident.startswith("grafana/")
    assert event.payload["values"] == {"B": 97.2}


def test_grafanas_test_button_tells_nothing() -> None:
    assert isinstance(one(grafana.alerts_in(group(firing("TestAlert", instance="Grafana")))), Nothing)


def test_an_alert_without_a_status_has_that_of_its_group() -> None:
    bare = {"labels": {"alertname": "X"}, "fingerprint": "f"}
    for status, is_firing in (("firing", True), ("resolved", False), (" Alerting", True), ("OK", False)):
        read = one(alertmanager.alerts_in(group(bare, status=status)))
        assert isinstance(read, Alert)
        assert read.firing is is_firing
