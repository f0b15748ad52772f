"""POST /hooks/* on bad days: endless bodies, too many requests, a Redis that is away. Nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hooks_rig import OPEN, SIGNED, Serve, alert, body, signed

from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.runtime import metrics
from mesh_core.testing import RedisServer
from observer.web import hook_admission


async def test_ten_megabytes_are_refused_before_they_are_read(serve: Serve) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(160):
            read += 1
            yield b" " * 65536

    async with serve(OPEN) as observer:
        headers = {"Content-Type": "application/json"}
        said = await observer.http.post("/hooks/alertmanager", content=b" " * 10_000_000, headers=headers)
        unsaid = await observer.http.post("/hooks/alertmanager", content=endless(), headers=headers)
        assert (said.status_code, unsaid.status_code) == (413, 413)
        assert read < 20  # of 160 pieces
        assert await observer.nothing_entered()
        assert await observer.letters() == []


async def test_a_body_that_never_comes_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_admission, "BODY_SECONDS", 0.1)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with serve(OPEN) as observer:
        headers = {"Content-Type": "application/json"}
        answer = await asyncio.wait_for(
            observer.http.post("/hooks/alertmanager", content=stalled(), headers=headers), 60
        )
        assert answer.status_code == 408


async def test_a_sender_is_told_to_come_back_while_redis_is_away_and_then_it_enters_once(
    serve: Serve, redis_server: RedisServer
) -> None:
    content = json.dumps(body(alert("a"), alert("b"))).encode()
    async with serve(SIGNED) as observer:
        headers = signed(content)
        redis_server.kill()
        away = await observer.http.post("/hooks/alertmanager", content=content, headers=headers)
        assert away.status_code == 503
        assert int(away.headers["retry-after"]) > 0
        redis_server.start()
        back = await observer.http.post("/hooks/alertmanager", content=content, headers=headers)
        assert (back.status_code, back.json()["entered"]) == (200, 2)
        assert len(await observer.events()) == 2


async def test_a_request_that_was_cut_short_by_redis_is_whole_after_it_is_sent_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(OPEN) as observer:
        entered, calls = Bus.enter, 0

        async def dying(bus: Bus, *args: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == 3:
                raise BusDown("gone in the middle")
            return await entered(bus, *args, **more)

        monkeypatch.setattr(Bus, "enter", dying)
        many = body(*(alert(f"f{n}") for n in range(5)))
        assert (await observer.http.post("/hooks/alertmanager", json=many)).status_code == 503
        answer = (await observer.http.post("/hooks/alertmanager", json=many)).json()
        assert (answer["repeated"], answer["entered"]) == (2, 3)
        assert len(await observer.events()) == 5


async def test_whoever_asks_too_often_waits(serve: Serve) -> None:
    async with serve(replace(OPEN, per_minute=5)) as observer:
        statuses = [(await observer.http.post("/hooks/alertmanager", json=body())).status_code for _ in range(7)]
        other = await observer.http.post("/hooks/grafana", json=body())
    assert statuses == [200] * 5 + [429] * 2
    assert other.status_code == 200


async def test_who_has_no_key_cannot_use_up_what_those_with_one_are_allowed(serve: Serve) -> None:
    content = body(alert())
    async with serve(replace(SIGNED, per_minute=5)) as observer:
        wrong = {"Authorization": "Bearer wrong"}
        statuses = [
            (await observer.http.post("/hooks/alertmanager", json=content, headers=wrong)).status_code for _ in range(7)
        ]
        raw = json.dumps(content).encode()
        right = await observer.http.post("/hooks/alertmanager", content=raw, headers=signed(raw))
    assert statuses == [401] * 5 + [429] * 2
    assert right.status_code == 200


def counted(measure: metrics.Counter) -> dict[tuple[str, ...], float]:
    return {tuple(labels.values()): value for _, labels, value in measure.samples() if value}


async def test_every_request_and_every_alert_is_counted_as_what_it_became(serve: Serve) -> None:
    def since(measure: metrics.Counter, before: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
        return {k: v - before.get(k, 0) for k, v in counted(measure).items() if v != before.get(k, 0)}

    requests, alerts = counted(metrics.HOOK_REQUESTS), counted(metrics.HOOK_ALERTS)
    test = alert("t", alertname="TestAlert", instance="Grafana")
    async with serve(OPEN) as observer:
        for _ in range(3):
            await observer.http.post("/hooks/alertmanager", json=body(alert()))
        await observer.http.post("/hooks/alertmanager", json=body(alert(status="resolved"), "what"))
        await observer.http.post("/hooks/grafana", json=body(test))
        await observer.http.post("/hooks/grafana", json=[])
        await observer.http.post(
            "/hooks/grafana", content=b" " * 2_000_000, headers={"Content-Type": "application/json"}
        )
        text = (await observer.http.get("/metrics")).text
    assert since(metrics.HOOK_REQUESTS, requests) == {
        ("alertmanager", "ok"): 4,
        ("grafana", "ok"): 1,
        ("grafana", "bad"): 1,
        ("grafana", "too_large"): 1,
    }
    assert since(metrics.HOOK_ALERTS, alerts) == {
        ("alertmanager", "entered"): 1,
        ("alertmanager", "repeated"): 2,
        ("alertmanager", "benign"): 1,
        ("alertmanager", "refused"): 1,
        ("grafana", "ignored"): 1,
        ("grafana", "refused"): 1,
    }
    assert 'became="other"' not in text
