"""What engines and managers tell of a thing: which one it is, and what was done to it."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import entered_with

from mesh_core.models.events import HealthEvent
from mesh_core.policy.names.known_names import KnownNames

OURS = KnownNames(hosts={"barn": "", "loft": ""})


def entered(body: dict[str, Any]) -> HealthEvent:
    return entered_with(body, OURS)


def of_engine(action: str, **attributes: str) -> dict[str, Any]:
    actor = {"ID": "77aa01", "Attributes": {"name": "tally", "image": "tally/tally:4", **attributes}}
    return {"Type": "container", "Action": action, "node": "barn", "Actor": actor}


@pytest.mark.parametrize(
    ("action", "event_type"),
    [
        ("die", "container_died"),
        ("oom", "container_oom"),
        ("health_status: unhealthy", "container_unhealthy"),
        ("restart", "container_restart"),
    ],
)
def test_an_engine_says_which_container_and_what_was_done(action: str, event_type: str) -> None:
    event = entered(of_engine(action))
    assert (event.type, event.node, event.service, event.runtime) == (event_type, "barn", "tally", "docker")


@pytest.mark.parametrize("kind", ["lifecycle", "instance", "VM"])
def test_what_was_done_says_it_all_where_it_names_the_thing_itself(kind: str) -> None:
    assert entered({"type": kind, "action": "guest-paused", "location": "loft"}).type == "guest_paused"


def test_an_action_beside_another_kind_is_no_part_of_it() -> None:
    assert entered({"type": "tank-low", "action": "email", "host": "barn"}).type == "tank_low"


@pytest.mark.parametrize(
    ("part", "service", "runtime"),
    [
        ({"object": {"kind": "container", "name": "tally"}}, "tally", "docker"),
        ({"resource": {"type": "Unit", "name": "tally.service"}}, "tally.service", "systemd"),
        ({"containers": [{"name": "tally", "exitCode": 3}]}, "tally", "docker"),
        ({"containers": [{"name": "tally", "exitCode": 3}, {"name": "till", "exitCode": 0}]}, None, None),
        ({"object": {"kind": "room", "name": "tally"}}, None, None),
        ({"object": {"kind": "container", "name": "tally of the shop"}}, None, None),
        ({"sender": {"kind": "container", "name": "tally"}}, None, None),
    ],
)
def test_a_part_that_says_what_it_is_names_it(part: dict[str, Any], service: str | None, runtime: str | None) -> None:
    event = entered({"rule": "Till is shut", "host": "barn", **part, "data": {"log": {"container": "other"}}})
    assert (event.service, event.runtime) == (service, runtime)


def test_what_stands_at_the_top_is_believed_before_a_part() -> None:
    body = {"rule": "Till is shut", "host": "barn", "service": "till", "object": {"kind": "container", "name": "tally"}}
    assert entered(body).service == "till"


@pytest.mark.parametrize("key", ["location", "target_ident", "DeviceName", "cluster"])
def test_a_field_that_may_name_anything_names_a_host_of_ours(key: str) -> None:
    assert entered({"rule": "Till is shut", key: "loft"}).node == "loft"
    assert entered({"rule": "Till is shut", key: "cellar"}).node == "unknown"


def test_whoever_asked_or_sent_is_not_where_it_is() -> None:
    assert entered({"rule": "Till is shut", "clientName": "loft", "sourceDevice": "barn"}).node == "unknown"


def test_a_container_with_an_exit_code_has_exited() -> None:
    event = entered({"object": {"kind": "container", "name": "tally"}, "host": "barn", "data": {"exit_code": 3}})
    assert (event.type, event.service) == ("container_exited", "tally")


def test_a_container_is_what_runs_of_an_app_and_stands_before_it() -> None:
    assert entered({"rule": "Till is shut", "host": "barn", "app": "shop", "container": "tally"}).service == "tally"
    assert entered({"rule": "Till is shut", "host": "barn", "app": "shop"}).service == "shop"


def test_what_has_an_address_and_no_name_is_no_monitor() -> None:
    event = entered({"url": "http://barn:8080/tally", "message": "Tally of the day is here", "count": 3})
    assert event.type == "alert"


@pytest.mark.parametrize(
    ("body", "service"),
    [
        ({"check": "compose ps", "project": "shop", "missing": ["shop-tally"]}, "shop-tally"),
        ({"project": "shop", "missing": {"service": "tally", "image": "tally/tally:4"}}, "tally"),
        ({"source": "watch", "missing": [{"container": "tally", "image": "tally/tally:4", "at": "noon"}]}, "tally"),
    ],
)
def test_the_only_container_that_is_declared_and_not_there_is_missing(body: dict[str, Any], service: str) -> None:
    event = entered({"host": "barn", **body})
    assert (event.type, event.service, event.runtime) == ("container_missing", service, "docker")


@pytest.mark.parametrize(
    "body",
    [
        {"check": "files", "missing": ["tally"]},
        {"check": "files", "project": "shop", "missing": ["tally", "till"]},
        {"check": "files", "project": "shop", "missing": []},
        {"check": "files", "project": "shop", "missing": "3 of 4"},
        {"check": "files", "missing": [{"name": "tally", "size": 3}]},
    ],
)
def test_what_else_is_missing_is_no_container(body: dict[str, Any]) -> None:
    event = entered({"host": "barn", **body})
    assert (event.type, event.service) == ("files", None)


def test_a_compose_service_is_one_where_no_other_label_says_it() -> None:
    body = {"rule": "Till is shut", "host": "barn", "labels": {"compose_service": "tally"}}
    assert entered(body).service == "tally"
    assert entered(body | {"container": "shop-tally-1"}).service == "shop-tally-1"


def test_fields_that_name_a_host_come_before_words_of_a_title_and_whoever_sends_it() -> None:
    body = {"rule": "Till is shut", "device": "loft", "source": "barn"}
    assert entered(body).node == "loft"
    assert entered(body | {"message": "Till is shut. Now restart barn"}).node == "loft"
    assert entered(body | {"deviceName": "barn"}).node == "unknown"


def test_a_cloud_event_says_which_thing_and_in_its_source_where() -> None:
    body = {"specversion": "1.0", "type": "shop.tally.stalled", "source": "/barn/tally", "subject": "tally"}
    event = entered(body)
    assert (event.type, event.node, event.service) == ("shop_tally_stalled", "barn", "tally")
    assert entered(body | {"source": "/cellar/tally"}).service is None
    assert entered(body | {"subject": "till 7 of the shop"}).service is None
    assert entered({key: text for key, text in body.items() if key != "specversion"}).service is None


def test_a_unit_and_a_container_are_named_as_the_alert_itself_calls_them_until_an_agent_tells_of_them() -> None:
    line = {"_HOSTNAME": "barn", "_SYSTEMD_UNIT": "tally.service", "PRIORITY": "3", "MESSAGE": "loop ended"}
    assert entered(line).service == "tally.service"
    both = entered(line | {"SYSLOG_IDENTIFIER": "tally"})
    assert (both.service, both.payload["runtime"]) == ("tally", "systemd")
    project = {"com.docker.compose.project": "office", "com.docker.compose.service": "tally"}
    container = entered(of_engine("destroy", **project))
    assert (container.service, container.payload["compose"]) == ("tally", {"project": "office", "service": "tally"})
    seen = KnownNames(hosts={"barn": ""}, services={"barn": frozenset({"tally.service", "office.tally"})})
    for body, ours in (
        (line | {"SYSLOG_IDENTIFIER": "tally"}, "tally.service"),
        (of_engine("die", **project), "office.tally"),
    ):
        assert entered_with(body, seen).service == ours


@pytest.mark.parametrize(
    ("check", "output", "service"),
    [
        ("docker tally", "CRITICAL: tally is not running (exited)", "tally"),
        ("podman tally", "tally: unhealthy", "tally"),
        ("docker tally", "CRITICAL: tally-db is not running", None),
        ("service desk", "CRITICAL: 9 tickets of the desk", None),
        ("shelf tally", "CRITICAL: tally is not running", None),
    ],
)
def test_a_check_of_a_managers_thing_is_about_that_where_its_output_begins_so(
    check: str, output: str, service: str | None
) -> None:
    body = {"hostname": "barn", "servicedesc": check, "servicestate": "CRITICAL", "serviceoutput": output}
    assert entered(body).service == service


def test_a_container_is_what_an_engine_writes_with_its_slash_in_a_rules_name() -> None:
    body = {"host_name": "barn", "event_name": "Engine: Container /tally: stopped with an error", "event_value": "1"}
    event = entered(body)
    assert (event.service, event.payload["runtime"]) == ("tally", "docker")
    assert entered(body | {"event_name": "Engine: Container tally: stopped"}).service is None
