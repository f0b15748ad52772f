"""A title of one form says which program of a host of ours does not run; any other sentence names none."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import entered_with, event_of, firing, group, one

from mesh_core.models.events import HealthEvent, Severity
from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.senders import alertmanager

OURS = KnownNames(hosts={"barn": "", "loft-2": ""})


def entered(body: dict[str, Any]) -> HealthEvent:
    return entered_with(body, OURS)


@pytest.mark.parametrize(
    ("title", "event_type", "service"),
    [
        ("tally.service failed on barn", "unit_failed", "tally.service"),
        ("\U0001f6d1 Dienst tally auf barn ist ausgefallen", "service_down", "tally"),
        (":red_circle: *tally* on `barn` is dead since noon, all else is fine", "service_down", "tally"),
        ("barn: tally is not running", "service_down", "tally"),
        ("barn/tally is unhealthy", "service_unhealthy", "tally"),
        ("tally: unit failed on barn", "unit_failed", "tally"),
        ("[Watch] Container tally on barn has stopped unexpectedly", "container_exited", "tally"),
        ("barn: tally: Exited (9) a minute ago", "container_exited", "tally"),
        ("Watch @ barn: package tally stopped", "service_stopped", "tally"),
        ("[barn] Paquet tally arr\u00eat\u00e9", "service_stopped", "tally"),
        ("barn: tally nie odpowiada", "service_down", "tally"),
        ("[barn] Container tally wurde unerwartet beendet", "container_exited", "tally"),
        ("tally.timer ha fallado en barn", "unit_failed", "tally.timer"),
    ],
)
def test_a_title_says_which_program_of_a_host_of_ours_does_not_run(title: str, event_type: str, service: str) -> None:
    event = entered({"title": title, "message": "a\nb"})
    assert (event.type, event.node, event.service, event.severity) == (event_type, "barn", service, Severity.ERROR)


@pytest.mark.parametrize(
    "title",
    [
        "Backup failed on barn",
        "Container recreation failed on barn",
        "Connection to tally on barn is down",
        "tally on barn was down for a minute",
        "barn is down",
        "tally on barn is up",
        "barn: container has crashed",
        "somebody says that tally.service failed on barn",
        "disk is dead on barn",
        "barn: kontener stoi, tally nie odpowiada",
    ],
)
def test_any_other_sentence_names_no_program(title: str) -> None:
    assert entered({"title": title, "message": "a\nb"}).service is None


def test_of_a_host_that_the_mesh_does_not_know_no_program_is_named() -> None:
    assert entered({"title": "tally.service failed on cellar"}).service is None
    assert entered({"title": "tally.service failed on barn", "host": "loft-2"}).service is None


def test_what_a_field_names_is_believed_before_a_title() -> None:
    body = {"title": "till.service failed on barn", "service": "tally", "host": "barn"}
    assert entered(body).service == "tally"
    assert entered({"title": "tally crashed", "container": "tally", "host": "barn"}).type == "service_down"


def test_a_rule_that_has_a_name_stays_what_is_wrong() -> None:
    event = entered({"title": "tally.service failed on barn", "rule": "Shop is shut"})
    assert (event.type, event.service) == ("shop_is_shut", None)


@pytest.mark.parametrize("title", ["Watch", "Watch: barn"])
def test_below_a_title_that_only_says_who_says_it_the_first_line_is_one(title: str) -> None:
    line = "Container tally is not running"
    assert entered({"title": title, "host": "barn", "text": f"{line}\nmore"}).service == "tally"
    assert entered({"title": title, "host": "barn", "text": f"more\n{line}"}).service is None
    assert entered({"title": "Till of the shop is shut", "host": "barn", "text": line}).service is None


@pytest.mark.parametrize("key", ["message", "ProblemDetailsText", "rule_note", "body"])
def test_below_any_title_the_first_line_may_speak_of_a_unit(key: str) -> None:
    body = {"title": "Till of the shop is shut", "host": "barn", key: "tally.service: failed (Result: signal)\nmore"}
    event = entered(body)
    assert (event.type, event.service) == ("unit_failed", "tally.service")
    assert entered(body | {"details": "till.service failed"}).service is None  # which of both?
    assert entered(body | {key: "see tally.service failed"}).service is None


def test_what_failed_is_a_unit_where_the_text_speaks_of_its_unit() -> None:
    body = {"title": "tally failed on barn", "body": "boom\ntally.service: Failed with result 'core-dump'."}
    assert entered(body).service == "tally"
    assert entered(body | {"body": "boom"}).service is None


@pytest.mark.parametrize(
    ("line", "service"),
    [
        ("The service \u201ctally\u201d appears to be down.", "tally"),
        ("El servicio tally no responde en 8080", "tally"),
        ("Dienst tally antwortet nicht", "tally"),
        ("The service desk is not amused", None),
    ],
)
def test_a_service_that_is_called_one_may_hang_as_well(line: str, service: str | None) -> None:
    assert entered({"subject": "[barn] Watch", "body": line}).service == service


def test_what_an_entity_runs_on_is_where_it_is() -> None:
    body = {"problem": "Process is away", "ImpactedEntity": "Process 'tally' on host barn"}
    assert entered(body).node == "barn"
    assert entered(body | {"ImpactedEntity": "Process 'tally' on host cellar"}).node == "unknown"


def test_tags_name_a_process_and_a_host_as_fields_do() -> None:
    event = entered({"problem": "Process is away", "tags": ["process=tally", "servername=barn"]})
    assert (event.node, event.service) == ("barn", "tally")


def test_a_unit_beside_what_became_of_it_is_that_unit() -> None:
    event = entered({"rule": "Shop is shut", "host": "barn", "unit": "tally.service failed (Result: signal)"})
    assert event.service == "tally.service"


def test_a_monitor_that_is_called_after_a_kind_of_thing_is_no_rule() -> None:
    body = {"monitor": "Service", "hostname": "barn", "message": "Service tally stopped (automatic)"}
    event = entered(body)
    assert (event.type, event.service) == ("service_stopped", "tally")


def test_an_entity_says_where_the_unit_is_that_a_text_speaks_of() -> None:
    body = {"state": "OPEN", "object": "Proces 'tally' on host barn", "ProblemDetailsText": "tally.service failed"}
    event = entered({"ProblemTitle": "Process is away", **body})
    assert (event.node, event.service) == ("barn", "tally.service")


def test_of_a_check_that_is_called_by_several_words_its_output_says_which() -> None:
    body = {"host_name": "barn", "service_name": "All - Containers", "service_state": "CRITICAL"}
    event = entered(body | {"service_output": "tally: health unhealthy\ntill: health healthy"})
    assert (event.service, event.severity) == ("tally", Severity.CRITICAL)
    assert entered(body | {"service_output": "3 of 4 are well\ntally: unhealthy"}).service is None


@pytest.mark.parametrize(
    ("name", "said", "service"),
    [
        ("TallyDown", "systemd: tally.service failed", "tally.service"),
        ("TallyServiceFailed", "tally.service failed", "tally.service"),
        ("TallyDown", "see my-tally.service", None),
        ("TallyDown", "tally does not answer", None),
        ("TallySlow", "systemd: tally.service failed", "tally.service"),
        ("NodeDown", "node.service is not there", None),
    ],
)
def test_a_rule_that_is_called_after_a_unit_of_which_its_text_speaks_is_about_that(
    name: str, said: str, service: str | None
) -> None:
    sent = firing(name, "firing", host="barn")
    alert = one(alertmanager.alerts_in(group({**sent, "annotations": {"description": said}})))
    assert event_of(alert).service == service
