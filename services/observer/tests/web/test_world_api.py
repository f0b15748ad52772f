"""GET /world: trouble first, in pages, and nodes with what runs on them."""

from __future__ import annotations

from observer_rig import Desk

from mesh_core.models.events import Severity
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
