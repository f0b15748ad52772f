"""GET /metrics, /healthz and /readyz on a port of their own, for services without a web server. Reads nothing else.

One request per connection, a head of at most 8 KiB within five seconds, 32 connections at a time. A port that somebody
else has is a warning: nobody's work stops because it cannot be watched.
"""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus

import structlog

from mesh_core.runtime.addresses import Address
from mesh_core.runtime.health import Answer, Probes

HEAD_BYTES = 8 * 1024
HEAD_SECONDS = 5.0
ANSWER_SECONDS = 20.0
MOST_AT_ONCE = 32

log = structlog.get_logger()


class ProbesServer:
    """A part of a service. `address` None: switched off."""

    def __init__(self, address: Address | None, probes: Probes):
        self._address = address
        self._probes = probes
        self._open = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; without a port it only waits."""
        if self._address is None:
            await stop.wait()
            return
        try:
            server = await asyncio.start_server(self._serve, self._address.host, self._address.port, limit=HEAD_BYTES)
        except OSError as error:
            log.warning(
                "probes.no_port",
                address=str(self._address),
                error=error.strerror or str(error),
                fix="set METRICS_LISTEN to another address, or to off",
            )
            await stop.wait()
            return
        log.info("probes.listening", address=str(self._address))
        async with server:
            await stop.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MOST_AT_ONCE:
                await self._answer(reader, writer)
        except (OSError, TimeoutError):
            pass  # whoever asked has gone, or never asked
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError:
            answer = _plain(431, "the head of a request has at most 8 KiB here")
        else:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._answer_to(head)
        phrase = HTTPStatus(answer.status).phrase
        lines = [
            f"HTTP/1.1 {answer.status} {phrase}",
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {len(answer.body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
        ]
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            lines.append("Allow: GET")
        writer.write("\r\n".join([*lines, "", ""]).encode() + answer.body)
        async with asyncio.timeout(HEAD_SECONDS):
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _answer_to(self, head: bytes) -> Answer:
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _plain(400, "not an HTTP/1 request")
        if words[0] != b"GET":
            return _plain(405, "only GET")
        path = words[1].partition(b"?")[0].decode("latin-1")
        return await self._probes.answer(path) or _plain(404, "there are /metrics, /healthz and /readyz")


def _plain(status: int, sentence: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", sentence.encode() + b"\n")
