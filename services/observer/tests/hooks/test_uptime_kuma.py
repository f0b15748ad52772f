"""What Uptime Kuma sends of its monitors, read as health events."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import event_of, kuma, one

from mesh_core.models.events import Severity
from observer.hooks.alert import Alert, Nothing, Unfit
from observer.hooks.senders import uptime_kuma


def test_uptime_kuma_says_down_and_up_of_one_monitor() -> None:
    down, up = one(uptime_kuma.alerts_in(kuma(0))), one(uptime_kuma.alerts_in(kuma(1)))
    event = event_of(down)
    assert (event.type, event.node, event.service) == ("http_probe_failed", "blog.example", "my-blog")
    assert event.severity is Severity.ERROR
    assert event.timestamp == "2026-05-05T11:59:00.321Z"
    assert "S3CRET" not in event.wire().decode()
    assert isinstance(up, Alert)
    assert not up.firing
    assert isinstance(down, Alert)
    assert up.key == down.key


def test_uptime_kumas_tags_say_node_and_service_and_a_container_is_one() -> None:
    tags = [{"name": "node", "value": "pi4"}, {"name": "service", "value": "blog"}, {"name": "x"}, 7]
    event = event_of(one(uptime_kuma.alerts_in(kuma(0, tags=tags))))
    assert (event.node, event.service) == ("pi4", "blog")
    event = event_of(one(uptime_kuma.alerts_in(kuma(0, type="docker", docker_container="web", tags=tags[:1]))))
    assert (event.type, event.node, event.service) == ("container_down", "pi4", "web")
    assert event.payload["runtime"] == "docker"
    for label, runtime in (("container", "docker"), ("unit", "systemd")):
        told = [tags[0], {"name": label, "value": "blog-web"}]
        event = event_of(one(uptime_kuma.alerts_in(kuma(0, name="Blog (pi4)", tags=told))))
        assert (event.node, (event.service or "").removesuffix(".service"), event.runtime) == (
            "pi4",
            "blog-web",
            runtime,
        )


def test_monitors_named_in_another_script_stay_apart_and_are_shown_in_full() -> None:
    names = ("Файлы", "Самба", "Büro", "Buro")
    events = [event_of(one(uptime_kuma.alerts_in(kuma(0, name=name)))) for name in names]
    assert len({event.service for event in events}) == len(names)
    assert [event.payload["monitor"]["name"] for event in events] == list(names)
    assert events[-1].service == "buro"


@pytest.mark.parametrize("status", [2, 3])
def test_pending_and_maintenance_tell_nothing(status: int) -> None:
    assert isinstance(one(uptime_kuma.alerts_in(kuma(status))), Nothing)


def test_a_test_message_tells_nothing_and_an_ending_certificate_does() -> None:
    test = {"heartbeat": None, "monitor": None, "msg": "[Mesh] [Uptime Kuma] My Notification Testing"}
    assert isinstance(one(uptime_kuma.alerts_in({**test, "msg": "My Mesh Testing"})), Nothing)
    soon = {"heartbeat": None, "monitor": None, "msg": "[Blog][https://blog.example] certificate ends in 7 days"}
    event = event_of(one(uptime_kuma.alerts_in(soon)))
    assert (event.type, event.severity, event.node) == ("monitor_message", Severity.WARNING, "unknown")


@pytest.mark.parametrize("words", [("0", "1"), ("down", "UP"), ("\U0001f534 Down", "\u2705 Up")])
def test_a_status_that_is_sent_as_text_is_that_number(words: tuple[str, str]) -> None:
    down, up = (one(uptime_kuma.alerts_in(kuma(status))) for status in words)
    assert isinstance(down, Alert)
    assert isinstance(up, Alert)
    assert (down.firing, up.firing) == (True, False)


@pytest.mark.parametrize("status", [None, True, "down?", "0.5", 9, [], {}])
def test_a_heartbeat_without_a_status_is_refused(status: Any) -> None:
    assert isinstance(uptime_kuma.alerts_in(kuma(status)), Unfit)
