"""GET /world: trouble first, in pages, and nodes with what runs on them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from observer_rig import Desk

from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.events import Severity
from mesh_core.models.records import rfc3339
from observer.web.failing_probes import AGAIN_SECONDS, FailingProbesReader
from observer.world import HealthState, TargetHealth, World

SINCE = "2026-01-01T00:00:00.000Z"


def place(node: str, service: str | None, state: HealthState, severity: Severity = Severity.INFO) -> TargetHealth:
    return TargetHealth(node=node, service=service, state=state, own_state=state, severity=severity, since=SINCE)


def world_of(*places: TargetHealth) -> World:
    return World(places={p.target_key: p for p in places})


async def test_an_empty_world_is_an_answer_too(desk: Desk) -> None:
    answer = await desk.http.get("/world")
    assert answer.status_code == 200
    assert answer.json() == {
        "counts": {"nodes": {}, "services": {}},
        "nodes": [],
        "places": [],
        "total": 0,
        "next": None,
    }


async def test_trouble_comes_first_and_pages_hold_everything_once(desk: Desk) -> None:
    services = [place("a", f"s{n:03}", HealthState.HEALTHY) for n in range(250)]
    sick = place("b", "zz", HealthState.UNHEALTHY, Severity.WARNING)
    worse = place("b", "yy", HealthState.UNHEALTHY, Severity.CRITICAL)
    desk.seen[0] = world_of(
        place("a", None, HealthState.HEALTHY), place("b", None, HealthState.OFFLINE), *services, sick, worse
    )
    got: list[str] = []
    cursor = None
    while True:
        query = {"limit": 100} | ({"cursor": cursor} if cursor else {})
        body = (await desk.http.get("/world", params=query)).json()
        got += [f"{p['node']}/{p['service']}" for p in body["places"]]
        cursor = body["next"]
        if cursor is None:
            break
    assert got[:3] == ["b/yy", "b/zz", "a/s000"]
    assert len(got) == len(set(got)) == 252
    assert body["total"] == 252
    assert [n["node"] for n in body["nodes"]] == ["b", "a"]
    assert body["nodes"][1]["services"] == {"healthy": 250}
    assert body["counts"] == {"nodes": {"healthy": 1, "offline": 1}, "services": {"healthy": 250, "sick": 2}}


async def test_a_state_a_node_and_a_word_narrow_it(desk: Desk) -> None:
    desk.seen[0] = world_of(
        place("a", "web", HealthState.UNHEALTHY),
        place("a", "db", HealthState.HEALTHY),
        place("b", "web", HealthState.HEALTHY),
    )

    async def ask(**query: str) -> list[str]:
        body = (await desk.http.get("/world", params=query)).json()
        return [f"{p['node']}/{p['service']}" for p in body["places"]]

    assert await ask(state="sick") == ["a/web"]
    assert await ask(node="a") == ["a/web", "a/db"]
    assert await ask(q="WEB") == ["a/web", "b/web"]
    assert await ask(q="nothing like it") == []


async def test_a_state_that_is_none_is_said_plainly(desk: Desk) -> None:
    answer = await desk.http.get("/world", params={"state": "sleepy"})
    assert answer.status_code == 422
    assert answer.json()["error"] == "invalid"
    assert "state" in answer.json()["detail"]


async def tells(desk: Desk, node: str, type_: str, incident: str, **payload: str) -> None:
    event = {"type": type_, "node": node, "incident": incident, "payload": payload}
    await desk.bus.redis.xadd(f"mesh:ev:{node}", {"p": json.dumps(event)})


def sick_node(node: str, event_id: str, state: HealthState = HealthState.UNHEALTHY) -> TargetHealth:
    return TargetHealth(
        node=node, state=state, own_state=state, since=SINCE, event_id=event_id, open={f"{node}//1": Severity.ERROR}
    )


async def test_what_waits_for_something_at_work_says_so_at_its_place(desk: Desk) -> None:
    held = {
        "node": "a",
        "service": "web",
        "type": "unit_failed",
        "reason": "apt-get upgrade has been at work for 3 min",
    }
    await desk.bus.redis.hset("mesh:held", "x", json.dumps({**held, "at": rfc3339(datetime.now(UTC))}))
    desk.seen[0] = world_of(place("a", "web", HealthState.UNHEALTHY), place("b", "web", HealthState.UNHEALTHY))
    places = (await desk.http.get("/world")).json()["places"]
    assert {one["node"]: one["held"] for one in places} == {"a": held["reason"], "b": ""}


async def test_a_probe_that_sees_nothing_is_named_at_its_node_until_it_works(desk: Desk) -> None:
    async def failing() -> dict[str, list[tuple[str, str]]]:
        nodes: list[dict[str, Any]] = (await desk.http.get("/world")).json()["nodes"]
        return {n["node"]: [(one["probe"], one["error"]) for one in n["failing_probes"]] for n in nodes}

    error = "PermissionError: not for you"
    await tells(desk, "nas", "probe_failed", "nas//1", probe="docker", error=error)
    await tells(desk, "gone", "probe_failed", "gone//1", probe="docker", error=error)
    well = place("pi4", None, HealthState.HEALTHY)
    desk.seen[0] = world_of(sick_node("nas", "nas/1-0"), sick_node("gone", "gone/1-0", HealthState.OFFLINE), well)
    assert await failing() == {"gone": [], "nas": [("docker", error)], "pi4": []}
    await tells(desk, "nas", "service_recovered", "nas//1", was="probe_failed")
    desk.seen[0] = world_of(sick_node("nas", "nas/2-0"), well)
    assert await failing() == {"nas": [], "pi4": []}


async def test_a_nodes_stream_is_read_again_only_after_news_or_a_while(desk: Desk) -> None:
    moment = [0.0]
    reader = FailingProbesReader(desk.bus, lambda: moment[0])
    node = sick_node("nas", "nas/1-0")
    assert await reader.of([node]) == {"nas": []}
    await tells(desk, "nas", "probe_failed", "nas//1", probe="docker", error="away")
    assert await reader.of([node]) == {"nas": []}
    moment[0] += AGAIN_SECONDS
    (found,) = (await reader.of([node]))["nas"]
    assert (found.node, found.probe, found.error) == ("nas", "docker", "away")


async def test_while_redis_is_away_what_was_known_of_probes_holds(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [0.0]
    reader = FailingProbesReader(desk.bus, lambda: moment[0])
    await tells(desk, "nas", "probe_failed", "nas//1", probe="docker", error="away")
    known = await reader.of([sick_node("nas", "nas/1-0")])
    assert len(known["nas"]) == 1

    async def down(*_: object, **__: object) -> None:
        raise BusDown("away")

    monkeypatch.setattr(Bus, "page", down)
    moment[0] += AGAIN_SECONDS
    assert await reader.of([sick_node("nas", "nas/2-0")]) == known
    assert await reader.of([sick_node("pi4", "pi4/1-0")]) == {"pi4": []}
