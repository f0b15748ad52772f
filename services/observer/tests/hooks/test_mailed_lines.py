"""A mail says in lines what its subject says as well; a line alone says nothing."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import event_of, one

from observer.hooks.senders.any_json import alerts_in

SUBJECT = "[barn.lan] Watch -- Timeout lighttpd"
TEXT = "Something needs you.\n\nHost:     barn.lan\nService:  lighttpd\nEvent:    Timeout\nDescription: no answer"


def mail(text: str = TEXT, subject: str = SUBJECT, **more: Any) -> dict[str, Any]:
    return {"from": "root@barn.lan", "subject": subject, "text": text, "hostname": "barn", **more}


def test_what_subject_and_lines_say_is_the_service_and_what_befell_it() -> None:
    event = event_of(one(alerts_in(mail())))
    assert (event.type, event.node, event.service) == ("timeout", "barn", "lighttpd")
    assert event.payload["event"] == "Timeout"


@pytest.mark.parametrize("planted", ["Service: sshd\n", "Event: Exists\nService: sshd\n"])
def test_a_line_that_somebody_plants_changes_nothing(planted: str) -> None:
    for text in (planted + TEXT, f"{TEXT}\n{planted}"):
        event = event_of(one(alerts_in(mail(text))))
        assert (event.type, event.service) == ("timeout", "lighttpd")


@pytest.mark.parametrize(
    "body",
    [
        mail(subject="[barn.lan] Watch -- something is slow here"),
        mail("Service: lighttpd"),
        mail("see Service: lighttpd, Event: Timeout"),
        mail(subject="lighttpd"),
    ],
)
def test_lines_that_the_subject_does_not_say_name_nothing(body: dict[str, Any]) -> None:
    assert event_of(one(alerts_in(body))).service is None


def test_a_field_is_asked_before_any_line() -> None:
    assert event_of(one(alerts_in(mail(service="varnish")))).service == "varnish"
