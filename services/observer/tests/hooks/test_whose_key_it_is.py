"""What a stranger sent, or made a program print, ends no alert, calls none a test and moves none to another host."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alert_rig import NOW

from mesh_core.models.events import HealthEvent
from mesh_core.policy.names.known_names import KnownNames
from mesh_core.policy.policy import Policy
from observer.hooks.alert import Alert
from observer.hooks.mapping import Mapped
from observer.hooks.senders.any_json import alerts_in

OURS = KnownNames(hosts={"barn": "", "loft": ""}, services={"loft": frozenset({"shop"})})
ALERT = {"server": "barn", "alertname": "LoginsFail", "level": "error"}
SAID: tuple[dict[str, Any], ...] = (
    *({"status": "normal"}, {"resolved_at": "2026-02-03"}, {"state": "0"}, {"severity": "cleared"}),
    *({"host": "loft", "service": "shop"}, {"Host": "loft"}, {"tags": ["node:loft"]}, {"hostname": "loft"}),
    *({"title": "This is a test notification"}, {"maintenance": True}, {"is_test": "yes"}, {"Level": "info"}),
)


def seen(body: dict[str, Any]) -> tuple[str, str, str | None, str, str]:
    found = alerts_in(body)
    assert isinstance(found, list)
    (read,) = found
    assert isinstance(read, Alert)
    assert read.firing
    event = Mapped().event_for(read, "1", NOW, OURS)
    assert isinstance(event, HealthEvent)
    return event.type, event.node, event.service, event.severity, Policy.load(None).allows(event).preferred


@pytest.mark.parametrize("said", SAID, ids=str)
@pytest.mark.parametrize(
    "around",
    [
        lambda said: {"request": said},
        lambda said: {"http": {"request": {"headers": said}}},
        lambda said: {"postData": said},
        lambda said: {"context": {"query_string": said}},
        lambda said: {"comments": [said]},
        lambda said: {"stdout": said},
        lambda said: {"message": json.dumps(said)},
        lambda said: {"body": json.dumps(said)},
    ],
)
def test_it_is_nobodys_word_about_the_alert(said: dict[str, Any], around: Any) -> None:
    assert seen(ALERT | around(said)) == seen(ALERT)


@pytest.mark.parametrize("said", [{"Host": "loft"}, {"SEVERITY": "ok"}, {"level": "info"}, {"Server": "loft"}], ids=str)
def test_what_is_wrapped_says_nothing_that_is_said_around_it(said: dict[str, Any]) -> None:
    body = {"Server": "barn", "host": "barn", "Severity": "error", "LEVEL": "error", "alertname": "LoginsFail"}
    assert seen(body | {"data": said}) == seen(body)


def test_the_text_of_an_envelope_is_its_alert() -> None:
    sent = {"Type": "Notification", "TopicArn": "arn:x", "Message": json.dumps(ALERT)}
    assert seen(sent) == seen(ALERT)
    assert seen({"server": "barn", "title": "odd", "log": {"level": "error", "host": "loft"}})[1:4] == (
        "barn",
        None,
        "error",
    )
