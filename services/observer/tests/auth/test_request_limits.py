"""What is too big or too slow is refused by a real server without being read, and moves nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from auth_rig import BOT, ServedApp, error_of, serving
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from mesh_core.testing import wait_for
from observer.auth.auth import COOKIE
from observer.web.request_limits import BODY_BYTES, EDIT_BYTES, HOOK_BYTES, PLAYBOOK, RequestLimits, limit_for

TEN_MB = 10_000_000


async def send_big(port: int, path: str, head: str) -> tuple[int, dict[str, Any], int]:
    """(status, answer, bytes that went out before it came) of a 10 MB body, sent as long as somebody reads it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n{head}\r\n\r\n"
    writer.write(request.encode())
    sent, chunk = 0, b"x" * 65536
    answered = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
    while sent < TEN_MB and not answered.done():
        try:
            writer.write(b"10000\r\n" + chunk + b"\r\n" if "chunked" in head else chunk)
            await writer.drain()
        except ConnectionError:
            break
        sent += len(chunk)
        await asyncio.sleep(0)
    start = (await answered).decode()
    length = int(start.lower().split("content-length: ")[1].split("\r\n")[0])
    body = json.loads(await reader.readexactly(length))
    assert "connection: close" in start.lower()
    writer.close()
    return int(start.split()[1]), body, sent


@pytest.mark.parametrize("head", [f"Content-Length: {TEN_MB}", "Transfer-Encoding: chunked"])
async def test_ten_megabytes_are_refused_without_being_read(app: ServedApp, head: str) -> None:
    name = app.propose()
    before = app.folders()
    async with serving(app) as port:
        path = f"/api/v1/proposals/{name.id}/approve"
        status, body, sent = await send_big(port, path, f"Authorization: Bearer {BOT}\r\n{head}")
        assert (status, body["error"]) == (413, "too_large")
        assert sent < TEN_MB
    assert app.folders() == before


async def test_who_may_not_come_in_is_told_so_before_a_byte_of_the_body_is_read(app: ServedApp) -> None:
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /api/v1/proposals/x/approve HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n")
        assert b" 401 " in await asyncio.wait_for(reader.readline(), 60)
        writer.close()


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/api/v1/proposals/x/approve", BODY_BYTES),
        ("/api/v1/login", BODY_BYTES),
        ("/api/v1/proposals/x/edit", EDIT_BYTES),
        ("/api/v1/requests", EDIT_BYTES),
        ("/api/v1/playbook", EDIT_BYTES),
        ("/hooks/alertmanager", HOOK_BYTES),
    ],
)
async def test_each_path_takes_what_it_needs_and_no_byte_more(path: str, limit: int) -> None:
    assert limit_for(path) == limit
    statuses = []
    for size in (limit, limit + 1):
        sent = await ask(RequestLimits(echo), path, [b"x" * size], announced=False)
        statuses.append(sent[0])
    assert statuses == [200, 413]


async def test_a_body_that_drips_is_given_up(app: ServedApp) -> None:
    assert (await ask(RequestLimits(echo, body_seconds=0.05), "/api/v1/login", [b"x", None]))[0] == 408


async def test_an_answer_that_does_not_come_is_given_up_but_a_stream_may_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forever(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.2)
        await send({"type": "http.response.body", "body": b"late", "more_body": False})

    async def later(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.2)
        await stream(scope, receive, send)

    assert (await ask(RequestLimits(forever, answer_seconds=0.05), "/api/v1/world", []))[0] == 504
    assert (await ask(RequestLimits(later, answer_seconds=0.05), PLAYBOOK, []))[0] == 200, "a planner has a minute"
    monkeypatch.setattr("observer.web.request_limits.PLAYBOOK_SECONDS", 0.05)
    assert (await ask(RequestLimits(forever), PLAYBOOK, []))[0] == 504
    assert await ask(RequestLimits(stream, answer_seconds=0.05), "/api/v1/stream", []) == (200, b"late")


async def test_the_edit_of_a_big_proposal_fits(app: ServedApp) -> None:
    name = app.propose()
    async with app.program(authorization=f"Bearer {BOT}") as bot:
        big = {"digest": name.digest, "text": "{" + " " * 200_000}
        answer = await bot.post(f"/proposals/{name.id}/edit", json=big)
        assert error_of(answer) == (422, "invalid")
        assert error_of(await bot.post(f"/proposals/{name.id}/approve", json=big)) == (413, "too_large")


async def test_a_stream_that_is_open_ends_soon_after_its_session(
    app: ServedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observer.web.auth_middleware.RECHECK_SECONDS", 0.0)
    monkeypatch.setattr("observer.web.sse.PING_SECONDS", 0.1)
    async with serving(app) as port, app.browser() as ada:
        await ada.sign_in()
        value = ada.http.cookies[COOKIE]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        cookie = f"Cookie: {COOKIE}={value}"
        writer.write(f"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n\r\n".encode())
        assert b" 200 " in await reader.readline()
        await reader.readuntil(b"ping")
        assert app.live.subscribers == 1
        await ada.post("/logout")
        await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), 60)  # the end, as HTTP says it
        await wait_for(lambda: app.live.subscribers == 0, 10, "the viewer to be forgotten")
        writer.close()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = (await receive())["body"]
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def ask(app: RequestLimits, path: str, parts: list[bytes | None], *, announced: bool = True) -> tuple[int, bytes]:
    """(status, body). A part None never comes."""
    left = list(parts)
    sent: list[Any] = []

    async def receive() -> Any:
        if not left:
            return {"type": "http.disconnect"}
        part = left.pop(0)
        if part is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"transfer-encoding", b"chunked")] if parts else []
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])
