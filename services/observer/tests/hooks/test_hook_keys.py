"""Who may come in by POST /hooks/*: tokens, signatures, programs of this machine, and nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hooks_rig import OPEN, SECRET, SIGNED, TOKEN, WITH_TOKEN, Serve, alert, body, signed

from observer.hooks.authentication import REPLAY_SECONDS, signature_of
from observer.hooks.rules import HookRules, Keys


async def test_the_right_token_comes_in_by_both_ways_that_senders_know(serve: Serve) -> None:
    async with serve(WITH_TOKEN, peer="10.0.0.9") as observer:
        one = await observer.http.post(
            "/hooks/alertmanager", json=body(alert("a")), headers={"Authorization": f"Bearer {TOKEN}"}
        )
        two = await observer.http.post("/hooks/alertmanager", json=body(alert("b")), auth=("anybody", TOKEN))
        assert (one.status_code, two.status_code, len(await observer.events())) == (200, 200, 2)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Token {TOKEN}"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic \u00fc"},
        {"Authorization": "Bearer ü"},
        {"X-Mendmesh-Signature": "0" * 64, "X-Mendmesh-Timestamp": "1"},
    ],
)
async def test_a_wrong_token_enters_nothing(serve: Serve, headers: dict[str, str]) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    async with serve(WITH_TOKEN) as observer:
        answer = await observer.http.post("/hooks/alertmanager", json=body(alert()), headers=raw)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert TOKEN not in answer.text
        assert await observer.nothing_entered()
        assert await observer.letters() == []


async def test_a_token_in_the_address_is_no_token(serve: Serve) -> None:
    """It would stand in every log on the way."""
    async with serve(WITH_TOKEN) as observer:
        answer = await observer.http.post(f"/hooks/alertmanager?token={TOKEN}", json=body(alert()))
        assert answer.status_code == 401


async def test_each_hook_may_have_a_key_of_its_own(serve: Serve) -> None:
    rules = replace(WITH_TOKEN, keys={"grafana": Keys(token="only-grafana")})
    async with serve(rules) as observer:

        async def post(path: str, token: str) -> int:
            headers = {"Authorization": f"Bearer {token}"}
            return (await observer.http.post(path, json=body(alert()), headers=headers)).status_code

        assert await post("/hooks/grafana", TOKEN) == 401
        assert await post("/hooks/grafana", "only-grafana") == 200
        assert await post("/hooks/alertmanager", "only-grafana") == 401
        assert await post("/hooks/generic/nobody", "wrong") == 401
        assert await post("/hooks/generic/nobody", TOKEN) == 404


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
async def test_a_token_with_other_letters_comes_in_as_its_sender_writes_it(serve: Serve, encoding: str) -> None:
    async with serve(replace(WITH_TOKEN, common=Keys(token="Schl\u00fcssel"))) as observer:
        headers = {"Authorization": "Bearer Schl\u00fcssel".encode(encoding)}
        assert (await observer.http.post("/hooks/alertmanager", json=body(alert()), headers=headers)).status_code == 200


async def test_a_signed_request_comes_in_once(serve: Serve) -> None:
    content = json.dumps(body(alert())).encode()
    async with serve(SIGNED) as observer:
        headers = signed(content)
        first = await observer.http.post("/hooks/alertmanager", content=content, headers=headers)
        replayed = await observer.http.post("/hooks/alertmanager", content=content, headers=headers)
        upper = headers | {"X-Mendmesh-Signature": "sha256=" + headers["X-Mendmesh-Signature"].upper()}
        disguised = await observer.http.post("/hooks/alertmanager", content=content, headers=upper)
        assert first.status_code == 200
        assert [answer.status_code for answer in (replayed, disguised)] == [409, 409]
        assert replayed.json()["error"] == "replayed"
        assert len(await observer.events()) == 1


async def test_grafanas_own_headers_are_understood(serve: Serve) -> None:
    content, timestamp = json.dumps(body(alert())).encode(), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "X-Grafana-Alerting-Signature": signature_of(SECRET, timestamp, content),
        "X-Grafana-Alerting-Timestamp": timestamp,
    }
    async with serve(SIGNED) as observer:
        assert (await observer.http.post("/hooks/grafana", content=content, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda headers, content: ({**headers, "X-Mendmesh-Signature": "0" * 64}, content),
        lambda headers, content: (headers, content.replace(b"pi4", b"pi5")),
        lambda headers, content: ({**headers, "X-Mendmesh-Timestamp": str(int(time.time()) + 1)}, content),
        lambda headers, content: ({k: v for k, v in headers.items() if "Timestamp" not in k}, content),
        lambda headers, content: ({**headers, "X-Mendmesh-Timestamp": "soon"}, content),
        lambda headers, content: (signed(content, at=time.time() - REPLAY_SECONDS - 2), content),
        lambda headers, content: (signed(content, at=time.time() + REPLAY_SECONDS + 600), content),
        lambda headers, content: (signed(content, secret="guessed"), content),
        lambda headers, content: ({"Content-Type": "application/json"}, content),
        lambda headers, content: ({"Content-Type": "application/json", "Authorization": f"Bearer {SECRET}"}, content),
    ],
    ids=["wrong", "body", "time", "no time", "no number", "old", "of tomorrow", "other secret", "none", "as token"],
)
async def test_a_wrong_signature_enters_nothing(serve: Serve, change: Callable[..., Any]) -> None:
    content = json.dumps(body(alert())).encode()
    headers, content = change(signed(content), content)
    async with serve(SIGNED) as observer:
        answer = await observer.http.post("/hooks/alertmanager", content=content, headers=headers)
        assert answer.status_code == 401
        assert len(answer.json()["detail"]) > 10
        assert await observer.nothing_entered()


@pytest.mark.parametrize(
    ("rules", "peer", "headers"),
    [
        (HookRules(), "127.0.0.1", {}),
        (OPEN, "10.0.0.9", {}),
        (OPEN, "127.0.0.1", {"X-Forwarded-For": "10.0.0.9"}),
        (OPEN, "127.0.0.1", {"Origin": "https://evil.example"}),
        (OPEN, "127.0.0.1", {"Sec-Fetch-Site": "cross-site"}),
        (OPEN, "127.0.0.1", {"Host": "evil.example"}),
    ],
    ids=["port of others", "another machine", "a proxy", "a web page", "a browser", "a name that was bound anew"],
)
async def test_without_a_key_only_programs_of_this_machine_come_in(
    serve: Serve, rules: HookRules, peer: str, headers: dict[str, str]
) -> None:
    async with serve(rules, peer) as observer:
        answer = await observer.http.post("/hooks/alertmanager", json=body(alert()), headers=headers)
        assert answer.status_code == 403
        assert await observer.nothing_entered()


async def test_what_a_web_page_may_send_anywhere_is_no_hook(serve: Serve) -> None:
    forms = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=json")
    async with serve(OPEN) as observer:
        for media in ("text/plain", "text/plain, application/json", *forms, ""):
            content = json.dumps(body(alert()))
            answer = await observer.http.post("/hooks/alertmanager", content=content, headers={"Content-Type": media})
            assert answer.status_code == 415
            assert (media.partition(";")[0].partition(",")[0] or "no Content-Type") in answer.json()["detail"]
        assert await observer.nothing_entered()
        for number, media in enumerate(("text/json", "application/vnd.x+json", "application/json, application/json")):
            content = json.dumps(body(alert(f"f{number}")))
            answer = await observer.http.post("/hooks/alertmanager", content=content, headers={"Content-Type": media})
            assert answer.status_code == 200
