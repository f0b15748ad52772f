"""GET /metrics, /healthz and /readyz on a port of their own, for services without a web server. Reads nothing else.

One request per connection, a head of at most 8 KiB within five seconds, 32 connections at a time. A port that somebody
else has is a warning: nobody's work stops because it cannot be watched.
"""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus

import h11
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
            server = await asyncio.start_server(self._serve, self._address.host, self._address.port)
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
        protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        request: h11.Request | None = None
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                request = await _request(reader, protocol)
        except h11.RemoteProtocolError as error:
            answer = _plain(error.error_status_hint, f"not an HTTP/1 request that is answered here: {error}")
        else:
            if request is None:
                return
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._answer_to(request)
        headers = {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
        }
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET, HEAD"
        body = b"" if request is not None and request.method == b"HEAD" else answer.body
        response = h11.Response(
            status_code=answer.status, headers=list(headers.items()), reason=HTTPStatus(answer.status).phrase
        )
        writer.writelines(protocol.send(event) or b"" for event in (response, h11.Data(body), h11.EndOfMessage()))
        async with asyncio.timeout(HEAD_SECONDS):
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _answer_to(self, request: h11.Request) -> Answer:
        if request.method not in (b"GET", b"HEAD"):  # by which many monitors and balancers ask
            return _plain(405, "only GET and HEAD")
        path = request.target.partition(b"?")[0].decode("latin-1")
        return await self._probes.answer(path) or _plain(404, "there are /metrics, /healthz and /readyz")


async def _request(reader: asyncio.StreamReader, protocol: h11.Connection) -> h11.Request | None:
    """None if the caller has gone before its request was whole. Raises RemoteProtocolError."""
    while (event := protocol.next_event()) is h11.NEED_DATA:
        data = await reader.read(HEAD_BYTES)
        if not data:
            return None
        protocol.receive_data(data)
    return event if isinstance(event, h11.Request) else None


def _plain(status: int, sentence: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", sentence.encode() + b"\n")
