"""POST /hooks/*: who may come in, what lies in the stream afterwards, and what the sender is told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from mesh_core.incidents.rule import ends
from mesh_core.messaging.bus import Bus
from mesh_core.models.events import DeadLetter, HealthEvent
from mesh_core.models.records import rfc3339
from mesh_core.models.streams import FOREIGN_STREAM
from mesh_core.runtime import metrics
from mesh_core.testing import AllFolders, RedisServer
from observer.hooks.alert import MOST_ALERTS
from observer.hooks.authentication import REPLAY_SECONDS, signature_of
from observer.hooks.generic import GenericHook
from observer.hooks.ingest import REPEAT_SECONDS
from observer.hooks.rules import HookRules, Keys
from observer.web import hook_admission
from observer.web.app import make_app
from observer.web.app_context import AppContext
from observer.web.sse import SseBroadcaster
from observer.world import World

HERE = "http://127.0.0.1:8686"
TOKEN, SECRET = "a-token-of-this-hook", "a-secret-to-sign-with"
Serve = Callable[..., Any]


class Observer:
    """The app, and what lies in the streams."""

    def __init__(self, http: httpx.AsyncClient, bus: Bus):
        self.http = http
        self.bus = bus

    async def events(self) -> list[HealthEvent]:
        rows = await self.bus.call("XRANGE", FOREIGN_STREAM, "-", "+")
        return [HealthEvent.model_validate_json(fields[b"p"]) for _, fields in rows]

    async def letters(self) -> list[DeadLetter]:
        rows = await self.bus.call("XRANGE", DeadLetter.stream, "-", "+")
        return [DeadLetter.model_validate_json(fields[b"p"]) for _, fields in rows]

    async def nothing_entered(self) -> bool:
        return await self.events() == []


@pytest.fixture
def serve(redis_server: RedisServer, tmp_path: Path) -> Serve:
    @asynccontextmanager
    async def begin(rules: HookRules, peer: str = "127.0.0.1") -> AsyncIterator[Observer]:
        bus = Bus.connect(redis_server.url, "test")
        context = AppContext(
            tmp_path, AllFolders(tmp_path), bus, World, SseBroadcaster(redis_server.url, "test"), hooks=rules
        )
        transport = httpx.ASGITransport(make_app(context), raise_app_exceptions=False, client=(peer, 40000))
        try:  # whatever the test finds: what stays open is told in the middle of another one
            async with httpx.AsyncClient(transport=transport, base_url=HERE) as http:
                yield Observer(http, bus)
        finally:
            await bus.close()

    return begin


OPEN = HookRules(loopback=True)
WITH_TOKEN = HookRules(common=Keys(token=TOKEN))
SIGNED = HookRules(common=Keys(secret=SECRET))
GENERIC = replace(
    OPEN, generic={"any": GenericHook(type="kind", node="host", service="svc", firing="state != 'ok'", incident="id")}
)


def alert(fingerprint: str = "f1", status: str = "firing", starts: str = "2026-05-05T11:00:00Z", **labels: str) -> Any:
    return {
        "status": status,
        "labels": {"alertname": "ContainerUnhealthy", "instance": "pi4:9100", "container": "web", **labels},
        "annotations": {"summary": "ill"},
        "startsAt": starts,
        "endsAt": "2026-05-05T12:00:00Z",
        "fingerprint": fingerprint,
    }


def body(*alerts: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "alerts": list(alerts)}


def signed(content: bytes, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    timestamp = str(int(time.time() if at is None else at))
    return {
        "Content-Type": "application/json",
        "X-Mendmesh-Timestamp": timestamp,
        "X-Mendmesh-Signature": signature_of(secret, timestamp, content),
    }


async def test_a_firing_alert_lies_in_the_stream_before_it_is_answered(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        answer = await observer.http.post("/hooks/alertmanager", json=body(alert()))
        (event,) = await observer.events()
    assert answer.status_code == 200
    assert answer.json() | {"events": []} == {
        "received": 1,
        "entered": 1,
        "benign": 0,
        "repeated": 0,
        "ignored": 0,
        "refused": 0,
        "events": [],
        "problems": [],
    }
    assert answer.json()["events"] == [event.id]
    assert (event.type, event.node, event.service, event.trust) == ("container_unhealthy", "pi4", "web", "foreign")


async def test_a_firing_alert_that_is_sent_again_and_again_enters_once_and_its_recovery_once(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        for _ in range(3):
            await observer.http.post("/hooks/alertmanager", json=body(alert()))
        for _ in range(2):
            last = await observer.http.post("/hooks/alertmanager", json=body(alert(status="resolved")))
        again = await observer.http.post("/hooks/alertmanager", json=body(alert(starts="2026-05-05T13:00:00Z")))
        first, well, second = await observer.events()
    assert last.json()["repeated"] == 1
    assert again.json()["entered"] == 1
    assert (well.type, well.incident) == ("service_recovered", first.incident)
    assert second.incident != first.incident


async def test_a_repeat_after_a_while_is_another_announcement_of_the_same_incident(serve: Serve) -> None:
    """As a node agent's: the planner counts it beside the proposal, or proposes what a cooldown had swallowed."""
    async with serve(OPEN) as observer:
        await observer.http.post("/hooks/alertmanager", json=body(alert()))
        (key,) = await observer.bus.call("KEYS", "mesh:once:hook:alertmanager/*")
        assert 0 < await observer.bus.call("TTL", key) <= REPEAT_SECONDS
        await observer.bus.call("DEL", key)  # it has passed
        await observer.http.post("/hooks/alertmanager", json=body(alert()))
        first, again = await observer.events()
    assert first.incident == again.incident


async def test_a_sender_that_does_not_say_when_it_began_is_followed_through_its_episodes(serve: Serve) -> None:
    ill = {"kind": "backup_failed", "host": "nas", "svc": "mail", "id": 7, "state": "bad"}
    well = ill | {"state": "ok"}
    async with serve(GENERIC) as observer:
        answers = [
            (await observer.http.post("/hooks/generic/any", json=said)).json()
            for said in (well, ill, ill, well, well, ill, well)
        ]
        events = await observer.events()
    became = [next(word for word in ("entered", "benign", "repeated") if answer[word]) for answer in answers]
    assert became == ["repeated", "entered", "repeated", "benign", "repeated", "entered", "benign"]
    assert [event.type for event in events] == ["backup_failed", "service_recovered"] * 2
    assert events[0].incident == events[1].incident != events[2].incident == events[3].incident


async def test_a_recovery_whose_answer_was_lost_still_closes_its_episode(serve: Serve) -> None:
    """The sender tries again what it has no answer to; the next trouble must not pass for the old one."""
    ill = {"kind": "backup_failed", "host": "nas", "svc": "mail", "id": 7, "state": "bad"}
    async with serve(GENERIC) as observer:
        await observer.http.post("/hooks/generic/any", json=ill)
        (key,) = await observer.bus.call("KEYS", "mesh:once:hook-open:*")
        opened = await observer.bus.call("GET", key)
        await observer.http.post("/hooks/generic/any", json=ill | {"state": "ok"})
        await observer.bus.call("SET", key, opened)  # as if it had died before the episode was closed
        await observer.http.post("/hooks/generic/any", json=ill | {"state": "ok"})
        answer = await observer.http.post("/hooks/generic/any", json=ill)
    assert answer.json()["entered"] == 1


async def test_what_is_resolved_ends_its_fingerprint_whatever_beginning_and_place_it_tells(serve: Serve) -> None:
    """Some senders write the end where the beginning was; a monitor may be moved while it is down."""
    moved = {"kind": "backup_failed", "host": "attic", "id": 7, "state": "ok"}
    async with serve(GENERIC) as observer:
        await observer.http.post("/hooks/grafana", json=body(alert()))
        over = alert(status="resolved", starts="2026-05-05T12:00:00Z")
        answers = [(await observer.http.post("/hooks/grafana", json=body(over))).json() for _ in range(2)]
        ill = {"kind": "backup_failed", "host": "nas", "svc": "mail", "id": 7, "state": "bad"}
        await observer.http.post("/hooks/generic/any", json=ill)
        (key,) = await observer.bus.call("KEYS", "mesh:once:hook:generic*:firing")
        await observer.bus.call("DEL", key)  # so long ago that it is announced again
        await observer.http.post("/hooks/generic/any", json=moved | {"state": "bad"})
        await observer.http.post("/hooks/generic/any", json=moved)
        first, well, second, again, also_well = await observer.events()
    assert (again.incident, again.target_key) == (second.incident, second.target_key)
    assert [answer["benign"] for answer in answers] == [1, 0]
    assert (well.type, well.incident) == ("service_recovered", first.incident)
    for trouble, recovery in ((first, well), (second, also_well)):
        assert ends(recovery, trouble)


async def test_one_alert_whose_beginning_is_told_in_two_ways_is_one_incident(serve: Serve) -> None:
    """As the two of a pair do, of which each remembers its own."""
    async with serve(OPEN) as observer:
        await observer.http.post("/hooks/alertmanager", json=body(alert()))
        second = await observer.http.post("/hooks/alertmanager", json=body(alert(starts="2026-05-05T11:00:07Z")))
        resolved = await observer.http.post("/hooks/alertmanager", json=body(alert(status="resolved")))
        first, well = await observer.events()
    assert (second.json()["repeated"], resolved.json()["benign"]) == (1, 1)
    assert ends(well, first)


async def test_an_alert_that_begins_again_though_nobody_told_its_end_is_new_and_both_end_together(serve: Serve) -> None:
    tomorrow = rfc3339(datetime.now(UTC) + timedelta(days=1))
    async with serve(OPEN) as observer:
        await observer.http.post("/hooks/alertmanager", json=body(alert()))
        again = await observer.http.post("/hooks/alertmanager", json=body(alert(starts=tomorrow)))
        await observer.http.post("/hooks/alertmanager", json=body(alert(status="resolved", starts=tomorrow)))
        first, second, *over = await observer.events()
    assert again.json()["entered"] == 1
    assert first.incident != second.incident
    assert {event.incident for event in over} == {first.incident, second.incident}


async def test_an_open_alert_of_before_this_was_kept_as_a_record_still_finds_its_end(serve: Serve) -> None:
    ill = {"kind": "backup_failed", "host": "nas", "svc": "mail", "id": 7, "state": "bad"}
    async with serve(GENERIC) as observer:
        await observer.http.post("/hooks/generic/any", json=ill)
        (key,) = await observer.bus.call("KEYS", "mesh:once:hook-open:*")
        await observer.bus.call("SET", key, "1777000000000")
        await observer.http.post("/hooks/generic/any", json=ill | {"state": "ok"})
        _, well = await observer.events()
    assert well.incident == "generic-any/7/1777000000000"


async def test_two_machines_of_one_prefix_are_two_and_a_host_of_the_inventory_keeps_its_name(
    serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "inventory.yml").write_text("all: {hosts: {NAS01: , pi4: {ansible_host: 'fd00:10::21'}}}")

    def monitor(number: int, hostname: str) -> dict[str, Any]:
        kind = {"id": number, "name": "Share", "type": "port", "hostname": hostname, "url": "https://"}
        return {"heartbeat": {"status": 0, "msg": "refused"}, "monitor": kind}

    async with serve(OPEN) as observer:
        for number, hostname in enumerate(("fd00:10::21", "fd00:10::77", "nas01.lan")):
            await observer.http.post("/hooks/uptime-kuma", json=monitor(number, hostname))
        events = await observer.events()
    assert [event.node for event in events] == ["pi4", "fd00-10--77", "NAS01"]


async def test_each_alert_of_a_request_is_dealt_with_by_itself(serve: Serve) -> None:
    mixed = body(alert("a"), {"labels": {}}, alert("b", status="resolved"), alert("a"), "what", alert("c"))
    async with serve(OPEN) as observer:
        answer = await observer.http.post("/hooks/alertmanager", json=mixed)
        letters = await observer.letters()
    said = answer.json()
    assert answer.status_code == 200
    assert [said[word] for word in ("received", "entered", "benign", "repeated", "refused")] == [6, 2, 1, 1, 2]
    assert said["problems"][0].startswith("alert 2: labels.alertname")
    assert [(letter.source, letter.by) for letter in letters] == [("hook:alertmanager", "observer")] * 2


async def test_a_request_of_three_thousand_alerts_enters_every_one(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        answer = await observer.http.post("/hooks/alertmanager", json=body(*(alert(f"f{n}") for n in range(3000))))
        assert (answer.status_code, answer.json()["entered"]) == (200, 3000)
        assert len(await observer.events()) == 3000


async def test_a_request_of_too_many_alerts_is_refused_whole_so_that_its_sender_knows(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        short = b'{"labels":{"alertname":"a"}},' * (MOST_ALERTS + 1)
        content = b'{"alerts":[' + short[:-1] + b"]}"
        answer = await observer.http.post(
            "/hooks/alertmanager", content=content, headers={"Content-Type": "application/json"}
        )
        assert await observer.nothing_entered()
        assert len(await observer.letters()) == 1
    assert answer.status_code == 422
    assert f"more than {MOST_ALERTS} alerts" in answer.json()["detail"]


async def test_a_list_of_half_a_million_nothings_does_not_hold_the_observer_up(serve: Serve) -> None:
    rules = replace(OPEN, generic={"any": GenericHook(each="x", type="kind", node="host", service="a.b.c")})
    zeros = b"[" + b"0," * 500_000 + b"0]"
    async with serve(rules) as observer:
        for path, content in (("alertmanager", b'{"alerts":' + zeros + b"}"), ("generic/any", b'{"x":' + zeros + b"}")):
            began = time.process_time()
            answer = await observer.http.post(
                f"/hooks/{path}", content=content, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 422
            assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/hooks/alertmanager", b"", 400),
        ("/hooks/alertmanager", b"{", 400),
        ("/hooks/alertmanager", b"[]", 400),
        ("/hooks/alertmanager", b'{"a": NaN}', 400),
        ("/hooks/alertmanager", b"[" * 100_000, 400),
        ("/hooks/alertmanager", b'{"alerts": {}}', 422),
        ("/hooks/alertmanager", b'{"alerts": [1, 2]}', 422),
        ("/hooks/grafana", b'{"message": "old Grafana"}', 422),
        ("/hooks/uptime-kuma", b'{"heartbeat": {}}', 422),
        ("/hooks/generic/any", b'{"x": 1}', 422),
    ],
)
async def test_what_is_no_alert_is_refused_with_a_sentence_and_kept(
    serve: Serve, path: str, content: bytes, status: int
) -> None:
    async with serve(GENERIC) as observer:
        answer = await observer.http.post(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == status
        assert set(answer.json()) == {"error", "detail"}
        letters = await observer.letters()
        assert letters
        assert {letter.source for letter in letters} == {path[1:].replace("hooks/", "hook:")}
        assert await observer.nothing_entered()


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [
        ("utf-8-sig", ""),
        ("utf-8-sig", "; charset=utf-8"),
        ("utf-16", "; charset=utf-16"),
        ("utf-16-le", ""),
        ("utf-32", ""),
        ("iso-8859-1", "; charset=iso-8859-1"),
        ("cp1252", '; charset="Windows-1252"'),
    ],
)
async def test_a_body_is_read_in_the_encoding_that_it_shows_or_that_its_header_names(
    serve: Serve, encoding: str, charset: str
) -> None:
    content = json.dumps({"kind": "backup_failed", "host": "nas", "state": "Büro"}, ensure_ascii=False)
    async with serve(GENERIC) as observer:
        answer = await observer.http.post(
            "/hooks/generic/any",
            content=content.encode(encoding),
            headers={"Content-Type": f"application/json{charset}"},
        )
        assert answer.status_code == 200, answer.text
        (event,) = await observer.events()
        assert (event.type, event.node) == ("backup_failed", "nas")
        assert "Büro" in json.dumps(event.payload, ensure_ascii=False)


async def test_a_signed_body_is_read_in_its_encoding_as_well(serve: Serve) -> None:
    content = json.dumps(body(alert())).encode("utf-16")
    async with serve(SIGNED) as observer:
        answer = await observer.http.post("/hooks/alertmanager", content=content, headers=signed(content))
        assert answer.status_code == 200, answer.text


async def test_a_charset_that_nobody_knows_is_named_with_what_to_send_instead(serve: Serve) -> None:
    async with serve(GENERIC) as observer:
        headers = {"Content-Type": "application/json; charset=klingon"}
        answer = await observer.http.post("/hooks/generic/any", content=b"{}", headers=headers)
        assert answer.status_code == 400
        assert "'klingon' is not known here; send UTF-8" in answer.json()["detail"]
        assert await observer.letters()


async def test_an_empty_group_is_no_mistake(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        answer = await observer.http.post("/hooks/alertmanager", json=body())
    assert (answer.status_code, answer.json()["received"]) == (200, 0)


# ---- who may come in -------------------------------------------------------------------------------------------------


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
    async with serve(OPEN) as observer:
        answer = await observer.http.post(
            "/hooks/alertmanager", content=json.dumps(body(alert())), headers={"Content-Type": "text/plain"}
        )
        assert answer.status_code == 415
        assert await observer.nothing_entered()


# ---- bad days --------------------------------------------------------------------------------------------------------


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
        await asyncio.sleep(20)

    async with serve(OPEN) as observer:
        headers = {"Content-Type": "application/json"}
        answer = await asyncio.wait_for(
            observer.http.post("/hooks/alertmanager", content=stalled(), headers=headers), 5
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
    from mesh_core.messaging.bus import BusDown

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
