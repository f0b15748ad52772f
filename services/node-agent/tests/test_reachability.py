"""HTTP and TCP probes against real local servers, good ones and nasty ones."""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mesh_core.models.events import Runtime
from mesh_core.testing import free_port
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.probe_base.probe import Backing
from node_agent.probes.http import HttpOptions, HttpProbe
from node_agent.probes.tcp import TcpOptions, TcpProbe
from node_agent.protocols.http_address import parse_address
from node_agent.protocols.http_client import HttpConnectionError, request

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(handler: Handler, port: int = 0) -> AsyncIterator[int]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def answering(raw: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()

    return handler


def plain(status: int, body: bytes = b"ok", head: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s" % (status, head, len(body), body)


def http_probe(url: str, **more: Any) -> HttpProbe:
    return HttpProbe(HttpOptions(name="shop", url=url, **more))


async def looked(port: int, **more: Any) -> CheckResult:
    (result,) = await http_probe(f"http://127.0.0.1:{port}/health", **more).check(None)
    return result


@pytest.mark.parametrize(
    ("raw", "more", "condition", "words"),
    [
        (plain(200), {}, Condition.HEALTHY, ""),
        (plain(302), {}, Condition.HEALTHY, ""),
        (plain(503, b"down \x1b[31mnow"), {}, Condition.UNHEALTHY, "it answered 503"),
        (plain(401), {"expect_status": (401,)}, Condition.HEALTHY, ""),
        (plain(200), {"expect_status": (204,)}, Condition.UNHEALTHY, "it answered 200"),
        (plain(200, b"all good"), {"expect_text": "good"}, Condition.HEALTHY, ""),
        (plain(200, b"all bad"), {"expect_text": "good"}, Condition.UNHEALTHY, "expected text"),
        (
            plain(200, "läuft".encode("latin-1"), b"Content-Type: text/html; charset=ISO-8859-1\r\n"),
            {"expect_text": "läuft"},
            Condition.HEALTHY,
            "",
        ),
        (plain(200, '{"state": "läuft"}'.encode("utf-16")), {"expect_text": "läuft"}, Condition.HEALTHY, ""),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nall\r\n5\r\n good\r\n0\r\n\r\n",
            {"expect_text": "all good"},
            Condition.HEALTHY,
            "",
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", {"expect_text": "end"}, Condition.HEALTHY, ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", {}, Condition.UNHEALTHY, "before the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {}, Condition.UNHEALTHY, "cut short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nall\r\n", {}, Condition.UNHEALTHY, "closed"),
        (b"HTTP/1.0 200 OK\nServer: small\n\nall good", {"expect_text": "good"}, Condition.HEALTHY, ""),
        (
            b"HTTP/1.0 200\n Server: small\nContent-Length : 8\n\nall good",
            {"expect_text": "good"},
            Condition.HEALTHY,
            "",
        ),
        (b"HTTP/1.0 200 OK\r\nServer: closes here\r\n", {}, Condition.HEALTHY, ""),
        (b"HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\n\n", {}, Condition.HEALTHY, ""),
        (b"HTTP/1.1 503 No\nRetry-After: 5\n\n", {}, Condition.UNHEALTHY, "it answered 503"),
        (
            b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3\nall\n5\n good\n0\n\n",
            {"expect_text": "all good"},
            Condition.HEALTHY,
            "",
        ),
        (b"ICY 200 OK\r\nContent-Length: what?\r\n\r\ngood", {"expect_text": "good"}, Condition.HEALTHY, ""),
        (
            plain(200, gzip.compress(b"all good", mtime=0), b"Content-Encoding: gzip\r\n"),
            {"expect_text": "good"},
            Condition.HEALTHY,
            "",
        ),
        (
            plain(200, '<meta charset="windows-1252">läuft'.encode("cp1252"), b"Content-Type: text/html\r\n"),
            {"expect_text": "läuft"},
            Condition.HEALTHY,
            "",
        ),
        (b"HTTP/1.1 20", {}, Condition.UNHEALTHY, "no HTTP answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", {}, Condition.UNHEALTHY, "no HTTP answer"),
        (b"", {}, Condition.UNHEALTHY, "no HTTP answer"),
    ],
)
async def test_what_counts_as_well(raw: bytes, more: dict[str, Any], condition: Condition, words: str) -> None:
    async with served(answering(raw)) as port:
        result = await looked(port, **more)
    assert result.condition is condition
    assert words in result.facts.get("error", "")
    if "down" in str(result.facts.get("body")):
        assert result.facts["body"] == "down now"


async def test_a_server_that_drips_is_cut_off_by_wall_time() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with served(drip) as port:
        result = await looked(port, timeout_seconds=0.5)
    assert result.condition is Condition.UNHEALTHY
    assert "within 0.5 s" in result.facts["error"]
    assert result.facts["latency_ms"] < 30_000


async def test_an_endless_answer_is_read_only_so_far() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with served(flood) as port:
        assert (await looked(port, timeout_seconds=60)).condition is Condition.HEALTHY


async def test_red_twice_is_an_event_that_names_what_stands_behind(watching: Any) -> None:
    port = free_port()
    probe = http_probe(
        f"http://user:secret@127.0.0.1:{port}/health?token=secret",
        every_seconds=0.2,
        backed_by=Backing(runtime=Runtime.DOCKER, name="shop.web"),
    )
    async with watching(probe) as watched:
        event = await watched.see("shop.web", "http_probe_failed")
        assert event.payload["runtime"] == "docker"
        assert event.payload["probe"] == {"kind": "http", "name": "shop"}
        assert "secret" not in event.wire().decode()
        async with served(answering(plain(200)), port):
            await watched.see("shop.web", "http_probe_failed", "service_recovered")


async def test_without_backing_the_service_is_the_probes_name(watching: Any) -> None:
    port = free_port()
    options = TcpOptions(name="database", host="127.0.0.1", port=port, every_seconds=0.2)
    async with watching(TcpProbe(options)) as watched:
        event = await watched.see("database", "tcp_probe_failed")
        assert "runtime" not in event.payload
        assert event.payload["address"] == f"127.0.0.1:{port}"
        async with served(answering(b""), port):
            await watched.see("database", "tcp_probe_failed", "service_recovered")


async def test_one_red_look_is_a_blip(watching: Any) -> None:
    statuses = iter([200, 503])

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(plain(next(statuses, 200)))(reader, writer)

    async with served(handler) as port:
        probe = http_probe(f"http://127.0.0.1:{port}/", every_seconds=0.1)
        async with watching(probe) as watched:
            await asyncio.sleep(1.5)
            assert watched.types("shop") == []


async def test_the_login_of_a_url_goes_out_with_the_request() -> None:
    """As curl does it: with the same URL that is well in a terminal, the probe must not call it down."""
    wanted = b"Authorization: Basic " + base64.b64encode("mon:päss word@".encode())

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(plain(200 if wanted in head else 401))
        await writer.drain()

    async with served(handler) as port:
        for login, condition in (("mon:p%C3%A4ss%20word%40@", Condition.HEALTHY), ("", Condition.UNHEALTHY)):
            (result,) = await http_probe(f"http://{login}127.0.0.1:{port}/").check(None)
            assert result.condition is condition
            assert result.facts["url"] == f"http://127.0.0.1:{port}/"
    assert result.facts["http_status"] == 401


async def test_a_name_that_only_the_resolver_refuses_is_red_and_not_silent() -> None:
    options = TcpOptions(name="wiki", host="wiki.lan", port=80).model_copy(update={"host": "wiki..lan"})
    (result,) = await TcpProbe(options).check(None)
    assert result.condition is Condition.UNHEALTHY
    assert "no host name" in result.facts["error"]


async def test_nobody_there_says_where() -> None:
    with pytest.raises(HttpConnectionError, match=r"127\.0\.0\.1:1"):
        await request(parse_address("http://127.0.0.1:1/"), "/", seconds=2)
    with pytest.raises(HttpConnectionError, match=r"/nowhere\.sock"):
        await request(parse_address("unix:///nowhere.sock"), "/", seconds=2)
