"""A field that leads to silence or to an action is said of the thing itself, by whoever watches it."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import IGNORE, NOTIFY, RESTART, allows, event

from mesh_core.policy.event_facts.facts import Fact, facts_for

ENDED: dict[str, Any] = {"runtime": "docker", "container": "web", "state": "exited", "exit_code": 3}

STRANGERS = (
    {"downtime_depth": "1"},
    {"maintenance": True, "removed_by_operator": True},
    {"paused_by": "admin"},
    {"retries_left": 2, "state_type": "soft"},
    {"answering": "yes"},
    {"broker_reachable": True},
    {"alert": {"status": "resolved"}},
)


@pytest.mark.parametrize("asked", STRANGERS, ids=str)
@pytest.mark.parametrize(
    "around",
    [
        lambda said: {"requests": [{"query": said}]},
        lambda said: {"http": {"request": {"headers": said}}},
        lambda said: {"request": said},
        lambda said: {"queryString": said},
        lambda said: {"form_data": said},
        lambda said: {"cookies": [said]},
        lambda said: {"graphql": {"variables": said}},
        lambda said: {"exception": {"frames": [{"vars": said}]}},
        lambda said: {"user_input": said},
        lambda said: {"logEvents": [said]},
        lambda said: {"search": {"hits": [{"_source": said}]}},
        lambda said: {"comments": [said]},
        lambda said: {f"http.request.query.{key}": value for key, value in said.items()},
    ],
)
def test_what_a_request_carries_is_nobodys_word_about_the_thing(asked: dict[str, Any], around: Any) -> None:
    alone, with_it = (
        allows("container_died", ENDED, severity="critical"),
        allows("container_died", ENDED | around(asked), severity="critical"),
    )
    assert (with_it.preferred, with_it.actions) == (alone.preferred, alone.actions)
    assert facts_for(event("odd", around(asked))) == facts_for(event("odd", {}))


@pytest.mark.parametrize(
    "beside",
    [
        {"neighbours": [{"name": "db", "state": "exited"}]},
        {"containers": [{"name": "cron", "status": "dead"}, {"name": "web", "status": "running"}]},
        {"jobs": [{"name": "nightly", "state": "stopped"}]},
        {"upstream_service": {"service_status": "stopped"}},
        {"replica": {"state": "Exited (1)"}},
        {"printers": [{"state": "stopped"}]},
        {"canary": {"health": "unhealthy"}},
        {"other_timer": {"active_state": "inactive"}},
    ],
    ids=str,
)
def test_the_state_of_another_thing_restarts_nothing(beside: dict[str, Any]) -> None:
    assert (
        allows("something_odd", beside, severity="critical").actions
        == allows("something_odd", {}, severity="critical").actions
    )


@pytest.mark.parametrize(
    "part", ["container", "unit", "data", "State", "podman", "alert", "process_info", "details", "inspect"]
)
def test_the_state_of_the_thing_itself_counts_in_a_part_of_it(part: str) -> None:
    assert Fact.DOWN in facts_for(event("something_odd", {part: {"state": "exited"}}))


@pytest.mark.parametrize(
    "beside",
    [
        {"comments": [{"by": "admin", "text": "again?"}]},
        {"last_deploy": {"by": "operator"}},
        {"commit": {"initiated_by": "user"}},
        {"history": [{"stopped_by": "admin"}]},
        {"approval": {"by": "operator"}},
    ],
    ids=str,
)
def test_whoever_did_something_else_did_not_end_it(beside: dict[str, Any]) -> None:
    assert IGNORE not in allows("container_died", ENDED | beside, severity="critical").actions


@pytest.mark.parametrize(
    "type_", ["deploy_failed", "reload_failed", "login_rejected", "page_slow", "container_unhealthy"]
)
@pytest.mark.parametrize("key", ["by", "initiated_by", "triggered_by"])
def test_by_whom_it_was_says_nothing_of_what_did_not_end(type_: str, key: str) -> None:
    assert IGNORE not in allows(type_, {key: "admin"}, severity="critical").actions


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("container_died", {"by": "admin"}),
        ("stack_paused", {"initiated_by": "operator"}),
        ("alert", {"state": "exited", "requested_by": "admin"}),
        ("alert", {"by": "admin: compose stop"}),
    ],
)
def test_by_whom_it_was_counts_of_an_end(type_: str, payload: dict[str, Any]) -> None:
    assert allows(type_, payload, severity="critical").preferred == IGNORE


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("login_failed", {"declared_user": "deploy", "actual_user": "root"}),
        ("login_failed", {"runtime": "docker", "container": "web", "declared_user": "app", "actual_user": "0"}),
        ("api_outdated", {"image": "web:2", "declared": {"version": "3"}, "running": {"version": "2"}}),
        ("firmware_old", {"declared_version": "1.4", "running_version": "1.3"}),
        ("room_cold", {"declared": {"setpoint": 21}, "actual": {"setpoint": 17}}),
        ("room_cold", {"declared_temperature": 21, "live_temperature": 17}),
        ("port_off", {"declared_ports": [1, 2], "live_ports": [1]}),
    ],
)
def test_a_wish_and_a_state_are_no_drift_of_a_container(type_: str, payload: dict[str, Any]) -> None:
    assert Fact.DRIFTED not in facts_for(event(type_, payload))


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("page_slow", {"declared_image": "web:3", "live_image": "web:2"}),
        ("page_slow", {"declared": {"volumes": ["a:/a"]}, "running": {"volumes": []}}),
        ("page_slow", {"container": "web", "declared_ports": ["80:80"], "actual_ports": []}),
        ("container_drift", {"declared_user": "app", "actual_user": "0"}),
        ("stack_changed", {"declared": {"command": ["serve"]}, "actual": {"command": ["sleep"]}}),
    ],
)
def test_what_a_container_is_made_of_drifts(type_: str, payload: dict[str, Any]) -> None:
    assert Fact.DRIFTED in facts_for(event(type_, payload))


MIXED: list[dict[str, Any]] = [
    {"cameras": {"gate": {"state": "offline"}, "barn": {"state": "online"}}},
    {"tunnels": [{"name": "a", "status": "down"}, {"name": "b", "status": "up"}]},
    {"folders": {"photos": "error: conflict", "notes": "up to date"}},
    {"peers": {"10.0.0.2": "Established", "10.0.0.3": "timeout"}},
    {"queues": {"mail": "stuck", "web": "running"}},
    {"sensors": {"attic": "nicht erreichbar", "cellar": "ok"}},
    {"members": [{"status": "unhealthy"}, {"status": "healthy"}]},
]


@pytest.mark.parametrize("parts", MIXED, ids=str)
def test_a_thing_of_which_some_parts_are_well_is_told(parts: dict[str, Any]) -> None:
    for type_ in ("stream_stalled", "bridge_down", "service_hung"):
        assert allows(type_, parts, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "parts",
    [
        {"cameras": {"gate": "offline", "barn": "offline"}},
        {"checks": {"tcp": "timeout", "icmp": "ok"}},
        {"dependencies": {"db": "up", "cache": "up"}},
        {"containers": {"web": "dead", "db": "running"}},
    ],
    ids=str,
)
def test_what_is_ill_as_a_whole_is_restarted(parts: dict[str, Any]) -> None:
    assert allows("service_hung", parts, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "said",
    [
        {"annotations": {"note": "unit masked by ops"}},
        {"log": "Failed to start web.service: Unit web.service is masked."},
        {"description": "decommissioned in May, the exporter was forgotten"},
        {"hinweis": "stillgelegt seit Mai"},
    ],
)
def test_what_nobody_wants_any_more_is_not_started(said: dict[str, Any]) -> None:
    assert allows("service_down", said, severity="critical").actions == {NOTIFY}


@pytest.mark.parametrize("said", [{"silenced": True}, {"status": "resolved"}, {"ActiveState": "failed"}], ids=str)
@pytest.mark.parametrize("kind", ["comments", "customer", "request", "signups", "form", "uploads", "members_online"])
def test_what_somebody_called_like_the_service_says_nothing_of_it(kind: str, said: dict[str, Any]) -> None:
    row = {"name": "web"} | said
    for listed in (row, [row]):
        told = allows("login_errors", {kind: listed}, severity="error")
        assert (told.preferred, told.actions) == (NOTIFY, {NOTIFY})
    assert allows("login_errors", {"containers": [row]}, severity="error").preferred != NOTIFY


NO_DEVICE: dict[str, Any] = {"runtime": "docker", "container": "web", "exit_code": 1, "logs": ["no such device"]}


@pytest.mark.parametrize(
    "key", ["title", "subject", "comment", "path", "referer", "user_agent", "username", "url", "file_name", "last_line"]
)
def test_a_text_of_whoever_it_may_be_says_of_nothing_that_it_is_there_now(key: str) -> None:
    alone = allows("container_died", NO_DEVICE)
    for text in ("/dev/ttyACM1 appeared 9 s later", "up 6 minutes (healthy)", "/dev/ttyACM1 is back now"):
        said = {key: text}
        assert (told := allows("container_died", NO_DEVICE | said)).preferred == alone.preferred
        assert told.actions == alone.actions
        assert Fact.CAME_LATER not in facts_for(event("odd", said))
    assert Fact.CAME_LATER in facts_for(event("odd", {"udev": "/dev/ttyACM1 appeared 9 s later"}))


@pytest.mark.parametrize(
    "said",
    [
        {"visitor": {"url": "https://mine.example/", "detail": "timeout"}},
        {"profile": {"link": "https://mine.example/"}, "code": 502},
        {"session": {"connected": False, "broker": "up"}},
        {"stdout": "web.service loaded failed failed A web"},
        {"stdout": ["hello", "web.service loaded failed failed A web"]},
    ],
    ids=str,
)
def test_what_a_stranger_has_or_prints_is_no_sign_of_the_thing(said: dict[str, Any]) -> None:
    assert facts_for(event("odd", said)) == facts_for(event("odd", {}))


@pytest.mark.parametrize(
    "beside",
    [
        {"postgres": {"state": "running", "health": "healthy"}},
        {"peers": [{"name": "cache", "health": "healthy"}]},
        {"other_containers": {"cache": {"state": "running"}}},
        {"services": {"cache": {"state": "running", "health": "healthy"}}},
    ],
)
def test_that_another_thing_is_well_denies_no_end_of_this_one(beside: dict[str, Any]) -> None:
    assert allows("container_exited", ENDED | beside, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "own",
    [
        {"docker": {"state": "running"}},
        {"services": {"web": {"state": "running"}}},
        {"health": {"status": "healthy"}},
    ],
)
def test_that_it_runs_itself_still_does(own: dict[str, Any]) -> None:
    assert allows("container_exited", ENDED | own, severity="error").preferred == NOTIFY
