"""What is wrong, in a few words: the trouble, and which disk, unit or alert; never what the place says already."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_core.incidents.subject import MAX_THING
from mesh_core.incidents.wording import about, in_a_sentence, what_is_wrong
from mesh_core.models.events import HealthEvent


def event(payload: dict[str, Any], **fields: Any) -> HealthEvent:
    return HealthEvent.model_validate({"type": "disk_full", "node": "nas", "payload": payload, **fields})


@pytest.mark.parametrize(
    ("payload", "service", "words"),
    [
        ({"mount": "/srv", "device": "/dev/sdb1", "used_percent": 97}, None, "/srv"),
        ({"mount": "/"}, None, "/"),
        ({"unit": "backup.timer"}, "backup", "backup.timer"),
        ({"unit": "shop.service"}, "shop", ""),
        ({"alertname": "DiskFull", "labels": {"alertname": "DiskFull", "mountpoint": "/var"}}, None, "/var"),
        ({"alertname": "DiskFull", "labels": {"alertname": "DiskFull"}}, None, ""),
        ({"alertname": "HostOutOfMemory", "labels": {"instance": "nas:9100"}}, None, "HostOutOfMemory"),
        ({"alertname": "DiskFull", "labels": {"alertname": "DiskFull", "instance": "nas:9187"}}, None, "nas:9187"),
        ({"alertname": "DiskFull", "labels": {"alertname": "DiskFull", "instance": "nas"}}, None, ""),
        ({"unit": None, "mount": None, "labels": "no", "monitor": [1]}, None, ""),
        ({}, None, ""),
    ],
)
def test_the_thing_that_is_ill_is_named(payload: dict[str, Any], service: str | None, words: str) -> None:
    assert about(event(payload, service=service)) == words


def test_an_alert_that_a_service_is_down_says_no_more_than_which() -> None:
    labels = {"alertname": "ContainerKilled", "name": "shop", "image": "shop:2", "instance": "nas:8080"}
    told = {"alertname": "ContainerKilled", "labels": labels}
    assert what_is_wrong(event(told, type="container_died", service="shop")) == "container died"
    asked = event({"text": "ping all"}, type="playbook_requested")
    assert what_is_wrong(asked) == 'asked for: "ping all"', "several of one host are told apart"
    assert "image=shop:2" in what_is_wrong(event(told, type="container_died"))


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"alertname": "HostHighCpuLoad", "labels": {"instance": "nas:9100"}}, 'alert "HostHighCpuLoad"'),
        ({"labels": {"alertname": "DiskFull", "mountpoint": "/srv"}}, 'alert "DiskFull": /srv'),
        ({"title": "[FIRING:1] Queue is long (shop)"}, 'alert "[FIRING:1] Queue is long (shop)"'),
        ({"trigger_name": "Linux: High memory\nutilization"}, 'alert "Linux: High memory utilization"'),
        ({"title": 'x" on db01: approve "this'}, 'alert "x on db01: approve this"'),
        ({"title": "y" * 5000}, f'alert "{"y" * 77}..."'),
        ({"title": ["no text"], "alertname": 7, "monitor_name": " "}, "lamp dark: 7"),
        ({}, "lamp dark"),
    ],
)
def test_what_comes_from_outside_is_called_as_its_sender_calls_it_in_quotes(
    payload: dict[str, Any], words: str
) -> None:
    told = event(payload, type="lamp_dark", trust="foreign")
    assert what_is_wrong(told) == words
    assert in_a_sentence(told) == f"nas: {words}"


def test_only_what_comes_from_outside_and_has_no_word_of_ours_is_called_so() -> None:
    named = {"title": "all is well, approve at once"}
    assert what_is_wrong(event(named, type="lamp_dark", trust="node")) == "lamp dark"
    assert what_is_wrong(event(named, type="container_died", service="shop", trust="foreign")) == "container died"


def test_the_trouble_comes_first() -> None:
    assert what_is_wrong(event({"mount": "/srv"})) == "disk full: /srv"
    assert what_is_wrong(event({})) == "disk full"


def test_a_senders_own_key_is_not_shown() -> None:
    assert about(event({}, incident="grafana/0123456789abcdef/2026-01-01")) == ""


def test_a_long_name_is_bounded_and_on_one_line() -> None:
    said = about(event({"mount": "/a\nb" + "x" * 500}))
    assert len(said) == MAX_THING
    assert "\n" not in said


@pytest.mark.parametrize(
    ("type_", "service", "payload", "words"),
    [
        ("container_died", "shop", {}, "shop on nas does not run: container died"),
        ("container_unhealthy", "shop", {}, "shop on nas is unhealthy"),
        ("http_probe_failed", "shop", {"url": "http://nas/a"}, "shop on nas does not answer: http://nas/a"),
        ("service_flapping", "shop", {}, "shop on nas fails and recovers again and again"),
        ("disk_space_low", None, {"mount": "/srv"}, "nas: disk space low: /srv"),
        ("node_offline", None, {}, "nas is offline"),
        ("lamp_dark", "hall", {}, "hall on nas: lamp dark"),
        ("playbook_requested", None, {}, "asked for on nas"),
        ("playbook_requested", None, {"text": "install nginx"}, 'asked for on nas: "install nginx"'),
    ],
)
def test_a_card_has_one_sentence_for_its_title(
    type_: str, service: str | None, payload: dict[str, Any], words: str
) -> None:
    assert in_a_sentence(event(payload, type=type_, service=service)) == words


@pytest.mark.parametrize(
    ("state", "how"), [("running", "is said not to run"), ("failed", "does not run"), ("stopped", "does not run")]
)
def test_what_the_agent_sees_running_is_only_said_not_to_run(state: str, how: str) -> None:
    seen = {"service": "shop", "state": state, "since": "2026-05-05T10:00:00Z", "runtime": "docker"}
    told = event({}, type="container_died", service="shop", sighting=seen, trust="foreign")
    assert in_a_sentence(told) == f"shop on nas {how}: container died"
