"""Which of the words in the place of a name are one: of a host under any key, of a thing that is said to stand so."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import entered_with, event_with, firing, group, one

from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.senders import alertmanager

OURS = KnownNames(hosts={"barn": "192.0.2.4", "loft": ""})
Body = dict[str, Any]


@pytest.mark.parametrize("key", ["printer", "router", "Gateway", "pc"])
def test_any_field_at_the_top_may_be_a_host_of_ours(key: str) -> None:
    assert entered_with({"event": "jam", key: "barn"}, OURS).node == "barn"
    assert entered_with({"event": "jam", key: "shed"}, OURS).node == "unknown"
    assert entered_with({"event": "jam", key: "barn", "spare": "loft"}, OURS).node == "unknown"  # two of ours
    assert entered_with({"event": "jam", key: "barn", "host": "loft"}, OURS).node == "loft"


@pytest.mark.parametrize("key", ["user", "client", "sender", "title"])
def test_who_asked_and_what_is_told_is_no_host(key: str) -> None:
    assert entered_with({"event": "jam", key: "barn", "spare": "loft"}, OURS).node == "loft"


@pytest.mark.parametrize(
    ("body", "service"),
    [
        ({"container": "absent", "unit": "till.service"}, "till.service"),
        ({"process": "alive", "program": "till"}, "till"),
        ({"unit": "active", "check": "till"}, None),
        ({"Service": "Till Relay Host", "ServiceName": "till-relay"}, "till-relay"),
        ({"service": "till@barn"}, "till"),
        ({"service": "till@loft"}, "till@loft"),
    ],
)
def test_how_a_thing_stands_is_no_name_and_of_several_that_is_meant_that_can_be_one(
    body: Body, service: str | None
) -> None:
    assert entered_with(body | {"host": "barn", "message": "it is slow"}, OURS).service == service


@pytest.mark.parametrize(
    ("body", "service"),
    [
        ({"name": "till-sync", "status": "down", "desc": "container till-sync exited"}, "till-sync"),
        ({"name": "till-sync", "status": "down", "desc": "container till exited"}, None),
        ({"name": "till-sync", "status": "down", "desc": "runs at night"}, None),
        ({"name": "till", "status": "down", "desc": "log: 'container till exited'"}, None),
        ({"check": "till", "status": "down", "text": "till.service on loft is slow"}, None),  # another host's
        ({"docker_event": {"name": "till", "status": "die"}, "note": "it is slow"}, "till"),
        ({"reader": {"name": "till", "status": "die"}, "note": "it is slow"}, None),
        ({"addon": "till_core", "state": "stopped"}, "till_core"),
    ],
)
def test_a_checks_own_name_is_a_service_where_its_text_says_so_and_an_engines_part_names_its_thing(
    body: Body, service: str | None
) -> None:
    assert entered_with(body | {"host": "barn"}, OURS).service == service


def test_a_container_that_the_engine_does_not_find_is_missing() -> None:
    event = entered_with({"check": "nightly", "host": "barn", "output": "No such container: till\n"}, OURS)
    assert (event.type, event.service) == ("container_missing", "till")
    unnamed = entered_with({"check": "nightly", "host": "barn", "output": "No such container: 0a1b2c3d4e5f"}, OURS)
    quoted = entered_with({"check": "nightly", "host": "barn", "output": "asked for No such container: till"}, OURS)
    assert (unnamed.service, quoted.service) == (None, None)


@pytest.mark.parametrize("label", ["application", "app", "deployment"])
def test_what_a_measurement_calls_an_app_is_its_service_unless_that_only_watches(label: str) -> None:
    def of(**labels: str) -> str | None:
        sent = firing("Slow", "firing", instance="barn:8080", **labels)
        return event_with(one(alertmanager.alerts_in(group(sent))), OURS).service

    assert of(**{label: "till"}) == "till"
    assert of(**{label: "till-exporter"}) is None
    assert of(**{label: "till", "container": "ledger"}) == "ledger"
