"""One HTTP/1.1 request at a time over TCP, TLS or a unix socket. Keeps no pool and follows no redirect.

The node agent speaks to the Docker engine, to supervisord and to its HTTP targets with it; httpx would cost 10 MiB.
h11 knows the protocol, asyncio the connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import h11

from node_agent.connection import Endpoint, connect

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 8 * 1024 * 1024
_READ_BYTES = 64 * 1024
_URL_CHARACTERS = "%/?:@!$&'()*+,;=-._~[]"  # what stays as it is in a path and its query


class HttpConnectionError(ConnectionError):
    """The other side cannot be reached, went away, or did not speak HTTP; the text says which."""


@dataclass(frozen=True, slots=True)
class HttpAddress(Endpoint):
    """`path` with its query, as it goes into a request."""

    path: str = ""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    status: int
    body: bytes


def parse_address(url: str, *, verify_tls: bool = True) -> HttpAddress:
    """From `unix:///path`, `tcp://host:port`, `http://...` or `https://...`; ValueError otherwise."""
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path:
        return HttpAddress(unix=parts.path)
    if parts.scheme in ("tcp", "http", "https") and parts.hostname:
        query = f"?{parts.query}" if parts.query else ""
        return HttpAddress(
            host=parts.hostname,
            port=parts.port or {"tcp": 2375, "http": 80, "https": 443}[parts.scheme],
            tls=parts.scheme == "https",
            verify_tls=verify_tls,
            path=quote((parts.path or "/") + query, safe=_URL_CHARACTERS),
        )
    raise ValueError(f"{url!r} is not unix:///path, tcp://host:port, http:// or https://")


async def request(
    address: HttpAddress,
    path: str,
    *,
    seconds: float,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    limit: int = BODY_LIMIT,
) -> HttpResponse:
    """The response within `seconds` of wall time; its body is cut at `limit` bytes. Raises HttpConnectionError."""
    try:
        async with asyncio.timeout(seconds), _opened(address, method, path, headers or {}, body) as stream:
            content = bytearray()
            async for chunk in stream.chunks():
                content += chunk
                if len(content) >= limit:
                    break
            return HttpResponse(stream.status, bytes(content[:limit]))
    except TimeoutError:
        raise HttpConnectionError(f"no whole answer from {address} within {seconds:g} s") from None


@asynccontextmanager
async def open_stream(address: HttpAddress, path: str, *, seconds: float) -> AsyncIterator[ResponseStream]:
    """A response without an end; `seconds` bounds only connecting and the head. Raises HttpConnectionError."""
    opening = _opened(address, "GET", path, {}, b"")
    try:
        async with asyncio.timeout(seconds):
            stream = await opening.__aenter__()
    except TimeoutError:
        raise HttpConnectionError(f"no answer from {address} within {seconds:g} s") from None
    try:
        yield stream
    finally:
        await opening.__aexit__(None, None, None)


class ResponseStream:
    """A response whose head has been read."""

    def __init__(self, reader: asyncio.StreamReader, protocol: h11.Connection, status: int):
        self._reader = reader
        self._protocol = protocol
        self.status = status

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; ends where the body ends, raises HttpConnectionError if it is cut short."""
        try:
            while isinstance(event := await _next_event(self._reader, self._protocol), h11.Data):
                yield bytes(event.data)
        except EOFError:
            raise HttpConnectionError("the other side closed the connection before the end of its answer") from None
        except (OSError, h11.ProtocolError) as error:
            raise HttpConnectionError(f"the answer was cut short: {error}") from error


@asynccontextmanager
async def _opened(
    address: HttpAddress, method: str, path: str, headers: dict[str, str], body: bytes
) -> AsyncIterator[ResponseStream]:
    try:
        reader, writer = await connect(address)
    except OSError as error:
        raise HttpConnectionError(f"{address}: {error.strerror or error}") from error
    try:
        protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
        lines = {"Host": _host_header(address), "Connection": "close", "User-Agent": "mendmesh", **headers}
        if body:
            lines["Content-Length"] = str(len(body))
        events = (
            h11.Request(method=method, target=path, headers=list(lines.items())),
            h11.Data(body),
            h11.EndOfMessage(),
        )
        try:
            writer.write(b"".join(protocol.send(event) or b"" for event in events))
            await writer.drain()
            while not isinstance(event := await _next_event(reader, protocol), h11.Response):
                pass  # 1xx: the answer itself comes after it
        except (EOFError, OSError, h11.ProtocolError) as error:
            raise HttpConnectionError(f"{address}: no HTTP answer ({error})") from error
        yield ResponseStream(reader, protocol, event.status_code)
    finally:
        writer.transport.abort()


async def _next_event(reader: asyncio.StreamReader, protocol: h11.Connection) -> h11.Event:
    """EOFError if the other side closes where more has to come."""
    while (event := protocol.next_event()) is h11.NEED_DATA:
        data = await reader.read(_READ_BYTES)
        protocol.receive_data(data)
        if not data:
            try:
                event = protocol.next_event()
            except h11.RemoteProtocolError:
                raise EOFError("it closed the connection") from None
            break
    if isinstance(event, h11.Event) and not isinstance(event, h11.ConnectionClosed):
        return event
    raise EOFError("it closed the connection")


def _host_header(address: HttpAddress) -> str:
    if address.unix:
        return "localhost"
    host = f"[{address.host}]" if ":" in address.host else address.host
    return host if address.port == (443 if address.tls else 80) else f"{host}:{address.port}"
