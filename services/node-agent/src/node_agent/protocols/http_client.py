"""One HTTP/1.1 request at a time over TCP, TLS or a unix socket. Keeps no pool and follows no redirect.

The node agent speaks to the Docker engine, to supervisord and to its HTTP targets with it; httpx would cost 10 MiB.
h11 knows the protocol, asyncio the connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import h11

from node_agent.protocols.connection import connect, shown_by
from node_agent.protocols.http_address import HttpAddress
from node_agent.protocols.http_chunks import StrictChunks
from node_agent.protocols.http_head import NotHttp, split_head, strict_head

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 8 * 1024 * 1024
_READ_BYTES = 64 * 1024


class HttpConnectionError(ConnectionError):
    """The other side cannot be reached, went away, or did not speak HTTP; the text says which."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    status: int
    body: bytes
    content_type: str = ""
    packing: str = ""  # the header Content-Encoding
    certificate: bytes = b""  # DER, of https


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
            told = (stream.content_type, stream.packing, stream.certificate)
            return HttpResponse(stream.status, bytes(content[:limit]), *told)
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

    def __init__(self, pieces: _Pieces, protocol: h11.Connection, head: h11.Response, certificate: bytes):
        self._pieces = pieces
        self._protocol = protocol
        self.certificate = certificate
        self.status = head.status_code
        said = dict(head.headers)
        self.content_type = said.get(b"content-type", b"").decode("latin-1")
        self.packing = said.get(b"content-encoding", b"").decode("latin-1")

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; ends where the body ends, raises HttpConnectionError if it is cut short."""
        try:
            while isinstance(event := await _next_event(self._pieces, self._protocol), h11.Data):
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
        certificate = shown_by(writer)
        protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
        lines = {"Host": address.host_header, "Connection": "close", "User-Agent": "mendmesh"}
        lines |= {"Accept-Encoding": "identity", **headers}
        if address.authorization:
            lines.setdefault("Authorization", address.authorization)
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
            pieces, head = await _read_head(reader, protocol)
        except (EOFError, OSError, NotHttp, h11.ProtocolError) as error:
            raise HttpConnectionError(f"{address}: no HTTP answer ({error})") from error
        yield ResponseStream(pieces, protocol, head, certificate)
    finally:
        writer.transport.abort()


class _Pieces:
    """The body as it comes from the other side, in the words of the standard."""

    def __init__(self, reader: asyncio.StreamReader, head: bytes):
        self._reader = reader
        # Whoever ends the lines of its head with LF alone ends those of its chunks so.
        self._chunks = StrictChunks() if b"\r" not in head and b"chunked" in head.lower() else None

    def strict(self, data: bytes) -> bytes:
        return self._chunks.strict(data) if self._chunks else data

    async def next(self) -> bytes | None:
        """None at the end; b"" where more has to come before it can be read."""
        data = await self._reader.read(_READ_BYTES)
        return self.strict(data) if data else None


async def _read_head(reader: asyncio.StreamReader, protocol: h11.Connection) -> tuple[_Pieces, h11.Response]:
    """What comes after it, and the head of the answer. EOFError, NotHttp or h11.ProtocolError if none comes."""
    data, ended = b"", False
    while True:
        if (found := split_head(data)) is None:
            if ended or len(data) > HEAD_LIMIT:
                raise EOFError("it closed the connection" if ended else "the head of its answer has no end")
            piece = await reader.read(_READ_BYTES)
            ended = not piece
            data += piece if piece or not data else b"\n\n"  # a small device may close after its last header
            continue
        head, data = found
        status, strict = strict_head(head)
        if status >= 200:  # 1xx: the answer itself comes after it
            break
    pieces = _Pieces(reader, head)
    protocol.receive_data(strict + pieces.strict(data))
    if ended:
        protocol.receive_data(b"")
    if not isinstance(answer := protocol.next_event(), h11.Response):
        raise EOFError("it closed the connection")
    return pieces, answer


async def _next_event(pieces: _Pieces, protocol: h11.Connection) -> h11.Event:
    """EOFError if the other side closes where more has to come."""
    while (event := protocol.next_event()) is h11.NEED_DATA:
        data = await pieces.next()
        if data:
            protocol.receive_data(data)
        if data is None:
            protocol.receive_data(b"")
            try:
                event = protocol.next_event()
            except h11.RemoteProtocolError:
                raise EOFError("it closed the connection") from None
            break
    if isinstance(event, h11.Event) and not isinstance(event, h11.ConnectionClosed):
        return event
    raise EOFError("it closed the connection")
