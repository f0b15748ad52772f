"""A real port under strangers who say too much, too slowly, or from too many connections at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import psutil
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from mesh_core.testing import free_port, wait_for
from observer.web import server as server_room
from observer.web.connections import MOST_WAITING, PendingConnections
from observer.web.server import WebServer
from observer.web.sse import SseBroadcaster


async def well(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
async def port(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[int]:
    """A parameter: the seconds in which a request has to be said; without one as long as a busy machine needs."""
    head_seconds = getattr(request, "param", 60.0)
    monkeypatch.setattr(server_room, "PendingConnections", lambda: PendingConnections(head_seconds=head_seconds))
    number, stop = free_port(), asyncio.Event()
    app = Starlette(routes=[Route("/healthz", well, methods=["GET", "POST"])])
    part = asyncio.create_task(
        WebServer(app, SseBroadcaster("redis://127.0.0.1:1/0", "test"), "127.0.0.1", number).run(stop)
    )

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", number)
        except OSError:
            return False
        writer.close()
        return True

    await wait_for(listens, 10, "the port")
    yield number
    stop.set()
    await part


async def is_well(port: int) -> int:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        return (await http.get(f"http://127.0.0.1:{port}/healthz")).status_code


@pytest.mark.parametrize("port", [2.0], indirect=True)
async def test_connections_that_drip_their_headers_keep_nobody_else_out(port: int) -> None:
    slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3 * MOST_WAITING)]
    for number, (_, writer) in enumerate(slow):
        writer.write(b"GET /healthz HTTP/1.1\r\nX-Drip: %d\r\n" % number)
    assert await is_well(port) == 200
    # The oldest were pushed out at once, the others are out of time soon, however they drip.
    assert await asyncio.wait_for(slow[0][0].read(), 60) == b""

    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        while not reader.at_eof():
            writer.write(b"X: y\r\n")
            try:
                return await asyncio.wait_for(reader.read(100), 0.3)
            except TimeoutError:
                continue
            except ConnectionError:
                return b""
        return b""

    assert await asyncio.wait_for(drips(*slow[-1]), 60) == b""
    for _, writer in slow:
        writer.close()


async def test_a_head_without_end_costs_next_to_nothing(port: int) -> None:
    before = psutil.Process().memory_info().rss
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\n")
    sent = 0
    try:
        while sent < 64 * 1024 * 1024 and not reader.at_eof():
            writer.write(b"X-Header: " + b"x" * 65_000 + b"\r\n")
            await writer.drain()
            sent += 65_000
    except ConnectionError:
        pass
    writer.close()
    assert sent < 16 * 1024 * 1024
    assert psutil.Process().memory_info().rss - before < 32 * 1024 * 1024
    assert await is_well(port) == 200


async def test_a_connection_may_be_used_again_and_a_body_may_take_its_time(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(b"cd")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        assert head.startswith(b"HTTP/1.1 200")
        assert await asyncio.wait_for(reader.readexactly(1), 60) == b"4"
    writer.close()


async def test_answers_are_dated_and_no_clock_ticks_for_it(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def tick(server: uvicorn.Server, counter: int) -> bool:
        raise AssertionError("uvicorn wakes ten times a second")

    monkeypatch.setattr(uvicorn.Server, "on_tick", tick)
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        answers = [await http.get(f"http://127.0.0.1:{port}{path}") for path in ("/healthz", "/nowhere")]
    for answer in answers:
        dated = parsedate_to_datetime(answer.headers["date"])
        assert abs((datetime.now(UTC) - dated).total_seconds()) < 60
