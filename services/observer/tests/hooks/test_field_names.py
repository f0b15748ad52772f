"""Keys and words that senders have for the same: of hosts, programs, states and ends."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import event_with

from mesh_core.models.events import HealthEvent
from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.alert import Alert, Read, Unfit
from observer.hooks.senders.any_json import alerts_in

OURS = KnownNames(hosts={"barn": "192.0.2.4", "loft": ""})
Body = dict[str, Any]


def read(body: Body) -> list[Read]:
    found = alerts_in(body)
    assert isinstance(found, list), found
    return found


def firing(body: Body) -> list[Alert]:
    return [one for one in read(body) if isinstance(one, Alert) and one.firing]


def entered(alert: Alert) -> HealthEvent:
    return event_with(alert, OURS)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"nas_name": "barn", "text": "Volume 1 is degraded", "severity": "Error"}, ("barn", None, "error")),
        ({"node_name": "barn", "script": "restic", "exit_code": 1, "status": "failed"}, ("barn", None, "error")),
        ({"event": "exit", "process": {"name": "api", "id": 3}, "hostname": "loft"}, ("loft", "api", "warning")),
        (
            {"host": {"name": "barn"}, "service": {"name": "nginx"}, "rule": {"name": "Many 5xx"}, "message": "x"},
            ("barn", "nginx", "warning"),
        ),
        (
            {"resource": {"host.name": "barn", "service.name": "traefik"}, "alert": "Errors"},
            ("barn", "traefik", "warning"),
        ),
        (
            {"ComputerName": "barn", "ServiceName": "Spooler", "Level": "Error", "EventID": 7},
            ("barn", "Spooler", "error"),
        ),
        ({"alarm": "Fan failed", "IPAddress": "192.0.2.4"}, ("barn", None, "warning")),
        ({"finding": "open port", "affected_host": "barn", "severity": "medium"}, ("barn", None, "warning")),
        (
            {"daemon": "chronyd", "host": "barn", "problem": "clock is off", "level": "warn"},
            ("barn", "chronyd", "warning"),
        ),
        ({"subject": "barn: not there: postfix", "from": "monit@barn.example", "text": "x"}, ("barn", None, "warning")),
        (
            {
                "embeds": [
                    {"title": "Gone", "fields": [{"name": "Host", "value": "loft"}, {"name": "Unit", "value": "cups"}]}
                ]
            },
            ("loft", "cups.service", "warning"),
        ),
        ({"incident": {"resource_name": "barn", "state": "open", "condition_name": "slow"}}, ("barn", None, "warning")),
    ],
)
def test_the_same_is_known_by_many_keys(body: Body, said: tuple[str, str | None, str]) -> None:
    (alert,) = firing(body)
    event = entered(alert)
    assert (event.node, event.service, event.severity) == said


@pytest.mark.parametrize(
    "body",
    [
        {"titel": "Platte voll", "rechner": "barn", "zustand": "behoben"},
        {"titre": "Disque plein", "serveur": "barn", "etat": "résolu"},
        {"titulo": "Disco lleno", "servidor": "barn", "estado": "resuelto"},
        {"titolo": "Disco pieno", "host": "barn", "stato": "risolto"},
        {"titulo": "Disco cheio", "servidor": "barn", "estado": "resolvido"},
        {"event": "cert_renewed", "domain": "x.example", "host": "barn"},
        {"event": "power_restored", "host": "barn"},
        {"event": "reconnected", "ups": "cellar", "host": "barn"},
        {"action": "Close", "alert": {"alertId": "1", "message": "A thing about four words long"}},
        {
            "event_action": "resolve",
            "dedup_key": "a",
            "payload": {"summary": "It is too warm in here", "source": "barn"},
        },
        {"issue_url": "https://x.example", "title": "High load", "priority": "CRITICAL", "state": "CLOSED"},
        {"rule_name": "load", "severity": "critical", "closed_at": "2026-05-05T11:00:00Z"},
        {"rule_name": "load", "severity": "critical", "closed_at": 1777978800},
        {"monitor": {"name": "books", "online": True}},
        {"title": "books healthy again", "host": "barn"},
        {"host": "barn", "RENEWED_PATH": "/etc/keys", "RENEWED_NAMES": "a.example b.example"},
    ],
)
def test_an_end_is_known_by_many_words(body: Body) -> None:
    assert len(read(body)) == 1
    assert isinstance(read(body)[0], Alert)
    assert not firing(body)


@pytest.mark.parametrize(
    "body",
    [
        {"check": "valve", "state": "closed", "severity": "critical", "host": "barn"},  # of a thing
        {"rule": "memory", "container": "wiki", "state": "running", "host": "barn"},  # that the rule is about
        {"check": "mount", "state": "not_restored", "host": "barn"},
        {"title": "Water on the floor", "device": {"name": "leak-1", "online": True}},
        {"alarm": "too warm", "host": "barn", "reachable": True},
        {"name": "nightly", "status": "down", "body": "\n[RESOLVED] barn is up again"},  # a text that somebody sent
        {"alert": "ups", "status": "on battery", "host": "barn", "input": {"state": "ok"}},  # of a part of it
        {"title": "Disk 3 is failing", "host": "barn", "self_test": {"status": "passed"}},
        {"title": "It was left open", "event": {"action": "close", "object": "gate"}, "host": "barn"},
        {"policy_name": "valves", "state": "closed", "severity": "critical", "host": "barn"},
        {"event": "restored", "type": "warning", "message": "out of quarantine: x.exe"},
        {"type": "metrics", "host": "barn", "message": "The disk is full by now"},
        {"monitor": {"name": "books", "online": False}},
        {"title": "books not healthy again", "host": "barn"},
        {"rule_name": "load", "closed_at": None, "severity": "critical"},
        {"rule_name": "load", "closed_at": 0, "severity": "critical"},
    ],
)
def test_what_is_only_said_of_a_thing_ends_nothing(body: Body) -> None:
    assert len(firing(body)) == 1


def test_of_checks_that_come_together_each_is_one_and_the_first_hides_none() -> None:
    body = {"hostname": "barn", "checks": [{"name": "dns", "state": "ok"}, {"name": "ntp", "state": "critical"}]}
    (alert,) = firing(body)
    assert (entered(alert).type, entered(alert).node, entered(alert).severity) == ("ntp", "barn", "critical")
    assert len(read(body)) == 2
    assert len(read({"check": "all", "checks": [{"name": "dns"}, {"name": "ntp"}]})) == 1  # which only lists them


def test_what_all_keys_begin_with_names_what_nothing_else_names() -> None:
    body = {"host": "barn", "SCAN_HIT_FILE": "/srv/x.zip", "SCAN_HIT_NAME_OF_IT": "Eicar"}
    (alert,) = firing(body)
    assert entered(alert).type == "scan_hit"
    (alert,) = firing(body | {"title": "Something odd lies in the share"})
    assert entered(alert).type == "alert"


@pytest.mark.parametrize(
    ("more", "severity"), [({}, "info"), ({"state": "failed"}, "error"), ({"severity": "high"}, "error")]
)
def test_what_only_measures_is_no_trouble(more: Body, severity: str) -> None:
    (alert,) = firing({"type": "telemetry", "host": "barn", "payload": {"battery_level": 80}} | more)
    assert entered(alert).severity == severity


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"failed_unit": "cups", "affectedHost": "barn"}, ("barn", "cups.service")),
        ({"monitored_container": "wiki", "host": "loft"}, ("loft", "wiki")),
        ({"service": "shop", "impacted_service": "wiki", "host": "loft"}, ("loft", "shop")),
        ({"monitored_by": "wiki", "host": "loft"}, ("loft", None)),
        ({"url": "pump/nightly/", "host_name": "loft"}, ("loft", None)),
        ({"url": "pump/nightly/"}, ("unknown", None)),  # a path on its sender's page
        ({"url": "barn:80/nightly/"}, ("barn", None)),
    ],
)
def test_whom_it_concerns_is_said_with_a_word_before_it_and_never_by_a_path(
    body: Body, said: tuple[str, str | None]
) -> None:
    (alert,) = firing({"rule": "PumpIsDry", **body})
    assert (entered(alert).node, entered(alert).service) == said


@pytest.mark.parametrize(
    ("check", "text", "service"),
    [
        ("krb5", "krb5: not running", "krb5"),
        ("krb5", "krb5.service on barn is inactive", "krb5"),
        ("krb5", "krb5 service is down", "krb5"),
        ("krb5", "krb5 failed after 3 min", None),  # as jobs do, too
        ("krb5", "clock is down", None),  # of what it looks at is something else said
        ("krb5", "a stranger wrote krb5: not running", None),
        ("fan", "fan: not running", None),
        ("barn", "barn: down", None),
        ("two of them", "two of them are down", None),
    ],
)
def test_a_check_whose_text_says_so_of_its_own_name_is_about_a_program(
    check: str, text: str, service: str | None
) -> None:
    (alert,) = firing({"check": check, "host": "barn", "result": "ERROR", "data": {"msg": text}})
    assert entered(alert).service == service
    elsewhere = firing({"check": check, "host": "shed", "result": "ERROR", "data": {"msg": text}})
    assert entered(elsewhere[0]).service is None  # no host of ours


@pytest.mark.parametrize("event", ["ALARM_STATE_END", "incident ended", "outage.end", "$x/alarm_deactivated"])
def test_the_end_of_an_alert_is_its_end_and_no_other(event: str) -> None:
    assert not firing({"rule": "PumpIsDry", "host": "barn", "alert_event": event})
    assert firing({"rule": "PumpIsDry", "host": "barn", "alert_event": "session_end"})
    assert firing({"rule": "PumpIsDry", "host": "barn", "alert_event": "licence_deactivated"})
    assert firing({"rule": "PumpIsDry", "host": "barn", "alert_event": "ALARM_STATE_START"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"app": "wiki", "host": "barn"}, ("barn", "wiki")),
        ({"payload": {"component": "wiki", "source": "barn"}}, ("barn", "wiki")),
        ({"data": {"hits": [], "applicationName": "wiki", "hostname": "loft"}}, ("loft", "wiki")),
        ({"app": "finder", "owner": "ada", "row": {"host": "barn"}}, ("barn", None)),  # who sends it
        ({"app": "wiki", "Summary": "it is down on barn"}, ("barn", "wiki")),  # nothing else says whom it concerns
        ({"AppName": "PagerApp", "Summary": "wiki on barn is down"}, ("barn", None)),
        ({"fault": {"component": "entries"}, "place": {"hostname": "barn"}}, ("barn", None)),
        ({"problemTitle": "wiki is slow", "environment": "loft"}, ("loft", None)),
    ],
)
def test_an_app_is_meant_where_its_host_stands_beside_it(body: Body, said: tuple[str, str | None]) -> None:
    (alert,) = firing({"rule": "PumpIsDry", **body})
    assert (entered(alert).node, entered(alert).service) == said


@pytest.mark.parametrize(
    ("body", "service"),
    [
        ({"service": "barn", "host": "barn"}, None),  # as Monit calls a whole host
        ({"service": "Barn", "host": "barn"}, None),
        ({"container": "barn", "host": "barn"}, "barn"),
        ({"unit": "barn", "host": "barn"}, "barn.service"),
        ({"service": "barn", "host": "loft"}, "barn"),
    ],
)
def test_a_service_of_its_hosts_own_name_is_that_host_where_nothing_runs_it(body: Body, service: str | None) -> None:
    (alert,) = firing({"rule": "PumpIsDry", **body})
    assert entered(alert).service == service


QUERIED = {"Name": "no jobs taken", "TriggerType": "Critical"}
ROW = {"_sourceHost": "barn", "service": "picker", "_count": "4"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([ROW], ("barn", "picker")),
        ([ROW, ROW | {"_count": "7"}, {"_count": "1"}], ("barn", "picker")),
        ([ROW, ROW | {"service": "packer"}], ("barn", None)),
        ([ROW, ROW | {"_sourceHost": "loft"}], ("unknown", "picker")),
        ([{"sourceHost": "barn", "service": "picker"}], ("unknown", "picker")),  # of a firewall whoever knocks
        ([ROW | {"host": "loft"}], ("loft", "picker")),
        ([{"_HOSTNAME": "barn", "_SERVICE": "picker"}], ("barn", "picker")),
    ],
)
def test_rows_of_results_say_whom_they_are_about_where_they_agree(
    rows: list[Body], said: tuple[str, str | None]
) -> None:
    (alert,) = firing(QUERIED | {"rows": rows})
    event = entered(alert)
    assert (event.node, event.service, event.severity) == (*said, "critical")


@pytest.mark.parametrize("kind", ["ResolvedCritical", "ResolvedWarning", "ClearedError", "RecoveredMissingData"])
def test_a_trigger_tells_first_that_it_is_over_and_then_how_bad_it_was(kind: str) -> None:
    assert not firing(QUERIED | {"TriggerType": kind})
    for other in ("Unresolved", "ResolvedInVain", "Resolved Critical failed", "MissingData", "Warning"):
        assert firing(QUERIED | {"TriggerType": other})


@pytest.mark.parametrize("key", ["role", "roles", "groups", "hostGroups"])
def test_a_service_of_all_hosts_of_a_role_or_a_group_is_not_what_failed(key: str) -> None:
    role = {"name": "till: web", "serviceName": "till", "host": "loft"}
    for told in (role, [role]):
        body: Body = {"alert": "Lag", "host": {"name": "barn", key: told}}
        (alert,) = firing(body)
        assert (entered(alert).node, entered(alert).service) == ("barn", None)
        (alert,) = firing(body | {"service": "nginx"})
        assert entered(alert).service == "nginx"


def test_a_service_of_its_hosts_own_name_is_one_where_the_mesh_knows_it() -> None:
    (alert,) = firing({"rule": "PumpIsDry", "service": "barn", "host": "barn"})
    known = KnownNames(hosts={"barn": ""}, services={"barn": frozenset({"barn"})})
    assert event_with(alert, known).service == "barn"


@pytest.mark.parametrize(
    ("body", "runtime"),
    [
        ({"name": "wiki", "image": "ghcr.io/a/wiki:1.2", "state": "exited"}, "docker"),
        ({"name": "wiki", "image": "wiki", "exit_code": 139}, "docker"),
        ({"name": "wiki", "image": "wiki"}, None),  # an app's icon, perhaps
        ({"name": "wiki", "image": "https://pictures.example/wiki", "state": "odd"}, None),
        ({"name": "door", "image": "door/today.jpg", "state": "open"}, None),
        ({"name": "two wikis", "image": "wiki:1", "state": "exited"}, None),
    ],
)
def test_what_has_an_image_and_a_state_is_a_container(body: Body, runtime: str | None) -> None:
    (alert,) = firing({"host": "barn", **body})
    event = entered(alert)
    assert (event.service, event.payload.get("runtime")) == ("wiki" if runtime else None, runtime)


@pytest.mark.parametrize("key", ["Event Message", "ENTITY_DESCRIPTION", "probeSummary"])
def test_a_key_that_ends_like_one_for_a_title_is_read_where_nothing_else_says_what_is_wrong(key: str) -> None:
    (alert,) = firing({"Event Source": "till", key: "The till of the shop is shut"})
    assert alert.firing
    assert isinstance(read({key: "12"})[0], Unfit)


def test_a_rule_may_be_called_one_in_another_language() -> None:
    (alert,) = firing({"alerte": "Till is shut", "h\u00f4te": "barn", "serveur": "shop"})
    assert (alert.name, entered(alert).node) == ("Till is shut", "barn")


def test_an_environment_is_read_without_its_prefix_also_beside_a_few_other_keys() -> None:
    told = {
        "WHAT": "SERVICE",
        "HOSTNAME": "barn",
        "SERVICEDESC": "tally",
        "SERVICESTATE": "CRIT",
        "SERVICEOUTPUT": "no",
    }
    (alert,) = firing({f"TELL_{key}": text for key, text in told.items()} | {"relay": "x"})
    event = entered(alert)
    assert (event.node, event.service, event.severity) == ("barn", "tally", "critical")


def test_the_unlike_blocks_of_a_card_are_read_one_after_the_other() -> None:
    facts = [{"title": "Host", "value": "barn"}, {"title": "Service", "value": "tally"}]
    blocks = [{"type": "TextBlock", "text": "Shop: till is shut"}, {"type": "FactSet", "facts": facts}]
    card = {"contentType": "card", "content": {"type": "Card", "body": blocks}}
    (alert,) = firing({"type": "message", "attachments": [card]})
    event = entered(alert)
    assert (event.node, event.service) == ("barn", "tally")


@pytest.mark.parametrize(
    "body",
    [
        {"from": "barn", "event": "till_unhealthy"},  # a relay says whose hook it was
        {"event": "till_failed", "data": {"serviceId": "barn"}},
        {"event": "till_failed", "data": {"inner": {"tags": {"host": {"value": "barn"}}}}},
    ],
)
def test_a_host_is_said_by_a_relay_by_an_id_and_by_an_object_with_a_value_alone(body: Body) -> None:
    (alert,) = firing(body)
    assert entered(alert).node == "barn"


def test_whoever_is_no_host_of_ours_and_sends_it_is_nowhere() -> None:
    (alert,) = firing({"from": "cellar", "event": "till_unhealthy", "serviceId": "cellar"})
    assert entered(alert).node == "unknown"
