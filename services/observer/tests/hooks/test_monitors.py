"""A monitor of an address is called after a thing: its address says what failed, and its name which service that is."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import entered_with, event_with, firing, group, kuma, one

from mesh_core.models.events import HealthEvent
from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.alert import Read, Unfit
from observer.hooks.senders import alertmanager as prometheus
from observer.hooks.senders import grafana, uptime_kuma
from observer.hooks.senders.any_json import alerts_in

OURS = KnownNames(hosts={"barn": "192.0.2.4", "loft": ""})
MONITOR = {"monitor_name": "Miniflux", "url": "http://barn:8070/ping", "status": "down"}
Body = dict[str, Any]


def entered(body: Body) -> HealthEvent:
    return entered_with(body, OURS)


def of(found: Read, names: KnownNames = OURS) -> HealthEvent:
    return event_with(found, names)


@pytest.mark.parametrize(
    ("url", "event_type", "service"),
    [
        ("http://barn:8070/ping", "http_probe_failed", "miniflux"),
        ("https://192.0.2.4", "http_probe_failed", "miniflux"),
        ("tcp://barn:5432", "tcp_probe_failed", "miniflux"),
        ("dns://barn:53", "dns_probe_failed", "miniflux"),
        ("icmp://barn", "ping_failed", None),  # of a host
        ("barn:8070", "miniflux", None),
        ("ftp://barn", "miniflux", None),
    ],
)
def test_what_an_address_is_asked_says_what_failed(url: str, event_type: str, service: str | None) -> None:
    event = entered(MONITOR | {"url": url})
    assert (event.type, event.node, event.service) == (event_type, "barn", service)


@pytest.mark.parametrize(
    "more",
    [
        {"status": "degraded"},
        {"status": "Acknowledged"},
        {"status": "", "alert_type_friendly_name": "SSL expiry"},
        {"cause": "Certificate expires in 5 days"},
        {"errors": ["x509: unknown authority"]},
    ],
)
def test_what_tells_of_another_trouble_is_no_failed_probe(more: Body) -> None:
    assert entered(MONITOR | more).type == "miniflux"


@pytest.mark.parametrize("url", ["docker://barn/till-1", "podman://192.0.2.4:2375/till-1/"])
def test_an_engines_address_says_the_host_and_the_container(url: str) -> None:
    event = entered(MONITOR | {"url": url})
    assert (event.type, event.node, event.service) == ("container_down", "barn", "till-1")
    assert event.severity == "error"
    assert event.payload["runtime"] == "docker"
    assert entered(MONITOR | {"url": url, "status": "exited"}).type == "container_down"
    assert entered(MONITOR | {"url": url, "status": "unhealthy"}).type == "container_unhealthy"
    assert entered(MONITOR | {"url": url, "status": "degraded"}).type == "miniflux"
    assert entered(MONITOR | {"url": url, "service": "till"}).service == "till"
    assert entered({"monitor": MONITOR | {"url": url}, "severity": "critical"}).service == "till-1"


@pytest.mark.parametrize(
    "url", ["tcp://barn/till-1", "docker://barn", "docker://barn/own/till:2", "docker://barn/till:2"]
)
def test_no_other_address_says_a_container(url: str) -> None:
    assert "runtime" not in entered(MONITOR | {"url": url}).payload
    assert entered({"check": "pull", "url": url}).service is None
    assert entered({"check": "pull", "url": "docker://feeds.example/till-1", "host": "barn"}).service is None


def test_a_failed_probe_is_an_error_where_its_sender_does_not_say_how_bad_it_is() -> None:
    assert entered(MONITOR | {"status": "Started"}).severity == "error"
    assert entered(MONITOR | {"status": "Started", "severity": "low"}).severity == "info"
    assert entered(MONITOR | {"status": "degraded"}).severity == "warning"


def test_a_rule_says_more_than_what_is_asked() -> None:
    assert entered(MONITOR | {"alert_name": "PageIsSlow"}).type == "page_is_slow"


@pytest.mark.parametrize(
    "page", ["alerts/81", "incident/8c?tab=log", "orgs/home/problems/7/log", "a/issues/9#last", "errors/7"]
)
def test_a_link_to_the_alert_is_no_address_that_a_monitor_asks(page: str) -> None:
    linked = {"alert": {"monitorName": "lag", "status": "down", "url": f"https://hub.example/{page}"}, "host": "barn"}
    assert (entered(linked).type, entered(linked).node, entered(linked).service) == ("lag", "barn", None)
    asked = MONITOR | {"url": f"http://barn/{page.partition('/')[0]}"}  # a program's own page may be called so
    assert (entered(asked).type, entered(asked).service) == ("http_probe_failed", "miniflux")
    project = {"name": "feeds", "url": "https://hub.example/feeds"}  # nor is one to where they all are
    alone: Body = {"trigger": "TooManyErrors", "project": project, "device": {"hostname": "barn"}}
    assert (entered(alone).node, entered(alone).service) == ("barn", None)


def test_a_monitor_that_is_called_like_its_host_names_no_service_but_one_that_runs_there() -> None:
    monitor = MONITOR | {"monitor_name": "barn", "url": "https://barn/"}
    assert (entered(monitor).node, entered(monitor).service) == ("barn", None)
    there = KnownNames(OURS.hosts, {"barn": frozenset({"barn"})})
    assert of(one(alerts_in(monitor)), there).service == "barn"


def test_a_name_is_a_service_of_a_host_of_ours_only() -> None:
    assert entered(MONITOR | {"url": "https://feeds.example"}).service is None
    assert entered(MONITOR | {"url": "https://feeds.example", "host": "loft"}).service == "miniflux"
    assert entered(MONITOR | {"monitor_name": "feeds.example"}).service is None
    assert entered(MONITOR | {"monitor_name": "Our two feeds"}).service is None
    assert entered(MONITOR | {"container": "reader"}).service == "reader"


def test_a_monitor_that_is_called_after_service_and_host_is_about_that_host() -> None:
    monitor = MONITOR | {"monitor_name": "miniflux on barn", "url": "https://feeds.example"}
    assert (entered(monitor).node, entered(monitor).service) == ("barn", "miniflux")
    assert entered(monitor | {"host": "loft"}).service is None
    assert entered(monitor | {"monitor_name": "miniflux on shed"}).service is None
    assert entered(monitor | {"url": ""}).service is None  # what it asks may be anything of that host
    assert entered(monitor | {"monitor_name": "two feeds on barn"}).service is None


@pytest.mark.parametrize(
    "name", ["barn: miniflux", "miniflux (barn)", "barn/miniflux", "miniflux - barn", "barn | miniflux"]
)
def test_which_of_two_words_is_the_host_the_mesh_knows(name: str) -> None:
    event = entered(MONITOR | {"monitor_name": name, "url": "https://feeds.example"})
    assert (event.node, event.service) == ("barn", "miniflux")


@pytest.mark.parametrize("name", ["barn: loft", "miniflux: feeds", "barn-miniflux", "barn: two feeds"])
def test_where_neither_or_both_are_hosts_no_service_is_named(name: str) -> None:
    assert entered(MONITOR | {"monitor_name": name, "url": "https://feeds.example"}).service is None


@pytest.mark.parametrize(
    "name",
    ["Queue stuck on barn", "Queue stuck (barn)", "barn: queue stuck", "Paper queue @ BARN", "[barn] The queue stands"],
)
def test_the_host_in_a_rules_or_a_monitors_name_is_meant_where_nothing_else_says_one(name: str) -> None:
    for body in ({"alert_name": name}, MONITOR | {"monitor_name": name, "url": "https://feeds.example"}):
        assert (entered(body).node, entered(body).service) == ("barn", None)
        assert entered(body | {"host": "loft"}).node == "loft"
        assert entered(body | {"tags": "loft"}).node != "barn"  # two of ours
    assert entered({"alert_name": name.replace("barn", "shed").replace("BARN", "shed")}).node == "unknown"
    for mixed in (prometheus.alerts_in, grafana.alerts_in):
        alert = firing(name) | {"labels": {"alertname": name}}
        assert of(one(mixed(group(alert)))).node == "barn"
        assert of(one(mixed(group(firing(name, instance="loft:9100"))))).node == "loft"


@pytest.mark.parametrize("name", ["Paper Shop (barn)", "paper-shop on BARN", "barn: paper shop"])
def test_uptime_kumas_name_tells_the_host_of_ours_and_what_else_it_tells_is_the_service(name: str) -> None:
    def of_monitor(**more: Any) -> tuple[str, str | None]:
        event = of(one(uptime_kuma.alerts_in(kuma(0, name=name, **more))))
        return event.node, event.service

    assert of_monitor(url="https://shop.example") == ("barn", "paper-shop")
    assert of_monitor(url="https://", type="docker", docker_container="till") == ("barn", "till")
    assert of_monitor(url="https://", hostname="barn", type="port") == ("barn", "paper-shop")
    assert of_monitor(url="https://loft/shop") == ("loft", of_monitor(hostname="attic")[1])  # another than its name's


@pytest.mark.parametrize("tags", ["home barn", ["web", "barn"], "barn,prod"])
def test_a_tag_that_is_a_host_of_ours_is_where_it_is(tags: object) -> None:
    body = {"check": "nightly", "tags": tags}
    assert entered(body).node == "barn"
    assert entered(body | {"title": "It is slow on loft"}).node == "unknown"  # two of ours
    assert entered(body | {"host": "loft"}).node == "loft"


@pytest.mark.parametrize(
    ("described", "service"), [("dovecot", "dovecot"), ("Mount /srv", None), ("Service up/down", None)]
)
def test_a_check_is_of_a_program_where_it_is_called_by_one_word(described: str, service: str | None) -> None:
    body = {"host": "barn", "service_description": described, "state": "CRITICAL", "output": "no answer"}
    assert entered(body).service == service


def test_a_state_of_the_alert_says_how_bad_it_is() -> None:
    body = {"monitor_name": "Miniflux", "host": "barn"}
    assert entered(body | {"alert_type_friendly_name": "Down"}).severity == "error"
    assert entered(body | {"alert_type_friendly_name": "Started"}).severity == "warning"
    assert entered(body | {"event": "attempt failed"}).severity == "warning"  # it may be the first of several


@pytest.mark.parametrize("event", ["monitor.paused", "monitor_added", "maintenance"])
def test_what_befell_the_monitor_itself_is_no_failed_probe(event: str) -> None:
    told = entered({"monitor": {"name": "Miniflux", "url": "http://barn:8070"}, "event": event})
    assert (told.type != "http_probe_failed", told.severity) == (True, "warning")


@pytest.mark.parametrize("event", ["monitor.down", "incident_triggered", "ALERT_FAILURE"])
def test_and_what_says_that_it_failed_is(event: str) -> None:
    assert entered({"monitor": {"name": "Miniflux", "url": "http://barn:8070"}, "event": event}).severity == "error"


@pytest.mark.parametrize(
    ("body", "service", "runtime"),
    [
        ({"alert_type": "docker-container-health", "resource_name": "mealie"}, "mealie", "docker"),
        ({"type": "ContainerStateChange", "name": "mealie"}, "mealie", "docker"),
        ({"alert": "systemd_unit_failed", "family": "cups"}, "cups", None),
        ({"alert": "disk_is_slow", "family": "sda"}, None, None),  # of no manager
        ({"type": "ContainerStateChange", "name": "two of them"}, None, None),
        ({"type": "ContainerStateChange", "name": "barn"}, None, None),  # the host itself
        ({"type": "ContainerStateChange", "name": "mealie", "service": "kitchen"}, "kitchen", None),
    ],
)
def test_a_rule_that_says_of_which_things_it_is_has_a_service(
    body: Body, service: str | None, runtime: str | None
) -> None:
    event = entered({"server_name": "barn", "level": "critical", **body})
    assert (event.node, event.service, event.payload.get("runtime")) == ("barn", service, runtime)


OF_A_TEAM: Body = {"team": {"id": 3, "name": "barn"}, "site": {"name": "miniflux", "url": "http://barn:8070/ping"}}


def test_of_several_things_with_a_name_the_one_with_the_address_is_the_monitor() -> None:
    event = entered({"event": "down", "text": "[barn] miniflux is down.", **OF_A_TEAM})
    assert (event.type, event.node, event.service) == ("http_probe_failed", "barn", "miniflux")
    named = {"event": "down", "team": {"name": "barn"}, "site": {"name": "Two feeds", "url": "http://barn:8070/ping"}}
    assert entered(named).service is None


def test_what_the_monitor_itself_says_lies_at_the_top_and_hides_nothing() -> None:
    site = OF_A_TEAM["site"] | {"state": "down", "event": "x", "retries": 2, "errors": ["a"], "acknowledged": True}
    payload = entered({"event": "down", **OF_A_TEAM, "site": site}).payload
    assert (payload["url"], payload["state"], payload["event"]) == ("http://barn:8070/ping", "down", "down")
    assert payload.keys().isdisjoint({"errors", "acknowledged"})  # nor what would silence it
    assert payload["site"]["retries"] == 2


@pytest.mark.parametrize("event", ["check.down", "uptime_down", "SiteDown", "endpoint failed"])
def test_a_kind_that_says_only_that_a_check_failed_leaves_it_to_the_address(event: str) -> None:
    body = {"event": event, "check": {"alias": "miniflux", "url": "http://barn:8070", "error": "Connection refused"}}
    told = entered(body)
    assert (told.type, told.service, told.severity) == ("http_probe_failed", "miniflux", "error")
    assert entered(body | {"event": "backup.failed"}).type == "backup_failed"


def test_an_address_without_a_scheme_was_asked_by_tcp_where_the_cause_says_so() -> None:
    body = {"status": "Unhealthy", "health_check_name": "miniflux", "address": "barn"}
    refused = entered(body | {"failure_reason": "connect ECONNREFUSED"})
    assert (refused.type, refused.node, refused.service) == ("tcp_probe_failed", "barn", "miniflux")
    assert entered(body | {"failure_reason": "Fan stopped"}).service is None


def test_what_lies_below_the_name_of_a_host_of_ours_is_served_by_it() -> None:
    known = KnownNames(hosts={"vps.farm.example": "", "shed.lan": "", "farm.example": ""})

    def place(url: str) -> tuple[str, str | None]:
        event = entered_with(MONITOR | {"url": url}, known)
        return event.node, event.service

    assert place("https://feeds.vps.farm.example/") == ("vps.farm.example", "miniflux")
    assert place("http://feeds.shed.lan:8070") == ("shed.lan", "miniflux")
    assert place("https://feeds.farm.example/") == ("feeds.farm.example", None)  # a domain's other machine


@pytest.mark.parametrize(
    "body",
    [
        {"label": "miniflux", "type": "HTTP", "target": "http://barn:8070", "event": "down"},
        {"data": {"check_name": "miniflux", "request_url": "http://barn:8070", "check_state": "Failing"}},
        {"event": "check.down", "check": {"url": "http://barn:8070", "status": 500, "name": "miniflux"}},
    ],
)
def test_what_is_asked_may_be_called_otherwise(body: Body) -> None:
    assert (entered(body).type, entered(body).node, entered(body).service) == ("http_probe_failed", "barn", "miniflux")


def test_a_kind_without_a_word_of_failure_is_no_failed_probe() -> None:
    body = {"type": "UpdateCheck", "level": "warning", "application_url": "http://barn:8070", "message": "one more"}
    assert (entered(body).type, entered(body).node) == ("update_check", "barn")


def test_a_check_whose_cause_says_that_it_asked_a_port_is_called_after_a_program() -> None:
    body = {"check_name": "Miniflux", "event": "failed", "check_error_message": "connect ECONNREFUSED 192.0.2.9:8070"}
    assert (entered(body | {"host": "barn"}).node, entered(body | {"host": "barn"}).service) == ("barn", "miniflux")
    assert (entered(body | {"group_name": "barn"}).node, entered(body | {"group_name": "barn"}).service) == (
        "barn",
        "miniflux",
    )
    assert entered(body).service is None  # on nobody's host
    assert entered(body | {"host": "barn", "check_name": "Two feeds"}).service is None
    assert entered(body | {"host": "barn", "check_name": "Disk"}).service is None
    assert entered(body | {"host": "barn", "check_error_message": "the clock is off"}).service is None


def test_an_alert_of_grafanas_that_lost_its_name_is_called_as_its_message() -> None:
    sent = firing("x", instance="barn:9100")
    del sent["labels"]["alertname"]
    for title, name in (("Pump is dry", "pump_is_dry"), ("[FIRING:1] PumpIsDry barn (home)", "pump_is_dry")):
        assert of(one(grafana.alerts_in(group(sent, title=title)))).type == name
    for unnamed in (group(sent), group(sent, title=" ")):
        assert isinstance(one(grafana.alerts_in(unnamed)), Unfit)
    several = grafana.alerts_in(group(sent, sent, title="Pump is dry"))
    assert isinstance(several, list)
    assert all(isinstance(alert, Unfit) for alert in several)  # whose title?
