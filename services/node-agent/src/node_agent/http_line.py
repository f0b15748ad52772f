"""One HTTP/1.1 request at a time over TCP, TLS or a unix socket. Keeps no pool and follows no redirect.

The node agent speaks to the Docker engine, to supervisord and to its HTTP targets with it; httpx would cost 10 MiB.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 8 * 1024 * 1024


class HttpBroken(ConnectionError):
    """The other side cannot be reached, went away, or did not speak HTTP; the text says which."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: a unix socket path, or host and port (`tls` for https)."""

    unix: str | None = None
    host: str = "localhost"
    port: int = 80
    tls: bool = False
    verify_tls: bool = True
    path: str = ""

    def __str__(self) -> str:
        return f"unix://{self.unix}" if self.unix else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def address_for(url: str, *, verify_tls: bool = True) -> Address:
    """From `unix:///path`, `tcp://host:port`, `http://...` or `https://...`; ValueError otherwise."""
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path:
        return Address(unix=parts.path)
    if parts.scheme in ("tcp", "http", "https") and parts.hostname:
        tls = parts.scheme == "https"
        query = f"?{parts.query}" if parts.query else ""
        default = {"tcp": 2375, "http": 80, "https": 443}[parts.scheme]
        return Address(
            host=parts.hostname,
            port=parts.port or default,
            tls=tls,
            verify_tls=verify_tls,
            path=(parts.path or "/") + query,
        )
    raise ValueError(f"{url!r} is not unix:///path, tcp://host:port, http:// or https://")


async def ask(
    address: Address,
    path: str,
    *,
    seconds: float,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    limit: int = BODY_LIMIT,
) -> Answer:
    """The whole answer within `seconds` of wall time; the body is cut at `limit` bytes. Raises HttpBroken."""
    try:
        async with asyncio.timeout(seconds), _opened(address, method, path, headers or {}, body) as stream:
            pieces: list[bytes] = []
            size = 0
            async for piece in stream.pieces():
                pieces.append(piece[: limit - size])
                size += len(pieces[-1])
                if size >= limit:
                    break
            return Answer(stream.status, stream.headers, b"".join(pieces))
    except TimeoutError:
        raise HttpBroken(f"no whole answer from {address} within {seconds:g} s") from None


@asynccontextmanager
async def follow(address: Address, path: str, *, seconds: float) -> AsyncIterator[Stream]:
    """An answer without an end; `seconds` bounds only connecting and the head. Raises HttpBroken."""
    opening = _opened(address, "GET", path, {}, b"")
    try:
        async with asyncio.timeout(seconds):
            stream = await opening.__aenter__()
    except TimeoutError:
        raise HttpBroken(f"no answer from {address} within {seconds:g} s") from None
    try:
        yield stream
    finally:
        await opening.__aexit__(None, None, None)


class Stream:
    """An answer whose head has been read."""

    def __init__(self, reader: asyncio.StreamReader, status: int, headers: dict[str, str]):
        self._reader = reader
        self.status = status
        self.headers = headers

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes; ends where the body ends, raises HttpBroken if it is cut short."""
        try:
            if self.headers.get("transfer-encoding", "").lower() == "chunked":
                async for piece in self._chunks():
                    yield piece
                return
            length = self.headers.get("content-length")
            left = int(length) if length is not None and length.isdigit() else None
            if self.status in (204, 304):
                left = 0
            while left is None or left > 0:
                piece = await self._reader.read(min(left, 65536) if left is not None else 65536)
                if not piece:
                    if left:
                        raise HttpBroken(f"the connection closed {left} bytes before the end")
                    return
                yield piece
                left = left - len(piece) if left is not None else None
        except (asyncio.IncompleteReadError, OSError, ValueError) as error:
            if isinstance(error, HttpBroken):
                raise
            raise HttpBroken(f"the answer was cut short: {error}") from error

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            line = await self._reader.readline()
            if not line:
                raise HttpBroken("the other side closed the connection")
            size = int(line.split(b";")[0], 16)
            while size > 0:
                piece = await self._reader.readexactly(min(size, 65536))
                size -= len(piece)
                yield piece
                if size == 0:
                    await self._reader.readline()
                    break
            else:
                return


@asynccontextmanager
async def _opened(
    address: Address, method: str, path: str, headers: dict[str, str], body: bytes
) -> AsyncIterator[Stream]:
    try:
        reader, writer = await _connect(address)
    except (OSError, ssl.CertificateError) as error:
        raise HttpBroken(f"{address}: {error.strerror or error}") from error
    try:
        host = "localhost" if address.unix else _host_header(address)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", "User-Agent: mendmesh"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
            status, answered = await _read_head(reader)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError) as error:
            raise HttpBroken(f"{address}: no HTTP answer ({error})") from error
        yield Stream(reader, status, answered)
    finally:
        writer.transport.abort()


async def _connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.unix:
        return await asyncio.open_unix_connection(address.unix, limit=HEAD_LIMIT)
    if not address.tls:
        return await asyncio.open_connection(address.host, address.port, limit=HEAD_LIMIT)
    context = ssl.create_default_context()
    if not address.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return await asyncio.open_connection(address.host, address.port, ssl=context, limit=HEAD_LIMIT)


def _host_header(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return host if address.port == (443 if address.tls else 80) else f"{host}:{address.port}"


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    version, _, tail = first.partition(" ")
    if not version.startswith("HTTP/"):
        raise ValueError(f"not HTTP: {first[:60]!r}")
    headers = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return int(tail.split(" ")[0]), headers
