"""The few Redis commands that this agent needs, over one connection: append, last id. Never retries, never subscribes.

redis-py costs 7 MiB on top of the records, and 40 is the whole budget (docs/decisions/0031); the protocol is a page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from mesh_core.models.events import HealthEvent
from mesh_core.models.streams import ALIVE_PREFIX, EVENT_STREAM_PREFIX
from mesh_core.runtime.metrics import REDIS_FAILURES
from node_agent.protocols.connection import Endpoint, connect

ALIVE_SECONDS = 120
CONNECT_SECONDS = 2.0
REPLY_SECONDS = 5.0
_MAX_REPLY = 1024 * 1024


class RedisUnavailable(ConnectionError):
    """Redis cannot be reached, or did not answer in time; the command may or may not have taken effect."""


class RedisRefused(RuntimeError):
    """Redis answered with an error; the text is its own."""


@dataclass(frozen=True, slots=True)
class _Login:
    user: str | None
    password: str | None
    database: int


class RedisClient:
    """One connection, opened by the first command and again after any trouble."""

    def __init__(self, url: str, name: str):
        self._endpoint, self._login = _parse_url(url)
        self._name = name
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def until_closed(self) -> None:
        """Raises RedisUnavailable when the other side closes the connection; for ever without one. No command may be
        given meanwhile."""
        reader = self._reader
        try:
            said = await reader.read(1) if reader is not None else await asyncio.Future[bytes]()
            raise EOFError("it spoke unasked" if said else "it closed the connection")
        except (OSError, EOFError) as error:
            await self.close()
            raise RedisUnavailable(f"{self._endpoint}: {error or type(error).__name__}") from error

    async def append(self, node: str, entry_id: str, raw: bytes) -> None:
        """The event into the node's stream under an explicit id, exactly once, then to the channel.

        EntryIdTooLow if the stream's newest id is not below `entry_id`: then it is there, or the id was given blindly.
        """
        try:
            await self.call(b"XADD", f"{EVENT_STREAM_PREFIX}{node}", entry_id, "p", raw)
        except RedisRefused as error:
            if "equal or smaller" in str(error):
                raise EntryIdTooLow(entry_id) from error
            raise
        await self.call(b"PUBLISH", HealthEvent.channel, raw)

    async def publish(self, raw: bytes) -> None:
        await self.call(b"PUBLISH", HealthEvent.channel, raw)

    async def mark_alive(self, node: str, note: bytes = b"1") -> None:
        """A sign of life that fades by itself: whoever watches for silent nodes looks at this key.

        `note` is what the agent sees at present, and fades with it."""
        await self.call(b"SET", f"{ALIVE_PREFIX}{node}", note, "EX", str(ALIVE_SECONDS))

    async def mark_gone(self, node: str) -> None:
        """The sign of life ends now."""
        await self.call(b"SET", f"{ALIVE_PREFIX}{node}", "1", "PX", "1")

    async def last_id(self, stream: str) -> str:
        """The newest id ever given in `stream`; `0-0` if there is no such stream."""
        return (await self._info(stream)).get("last-generated-id", "0-0")

    async def contains(self, stream: str, entry_id: str, raw: bytes) -> bool:
        """Was this very event written under this id? Also true for what has been trimmed away since."""
        found = await self.call(b"XRANGE", stream, entry_id, entry_id)
        if isinstance(found, list) and found:
            return raw in found[0][1]
        first = await self.call(b"XRANGE", stream, "-", "+", "COUNT", "1")
        if not isinstance(first, list) or not first:
            return False
        oldest = first[0][0]
        return _ms(oldest.decode()) > _ms(entry_id) and (await self._trimmed(stream))

    async def close(self) -> None:
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.transport.abort()

    async def call(self, *words: str | bytes) -> object:
        """One command, one reply (bytes, int, list or None). RedisUnavailable closes it; RedisRefused does not."""
        try:
            if self._reader is None or self._writer is None:
                self._reader, self._writer = await self._open()
            return await _exchange(self._reader, self._writer, *words)
        except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
            await self.close()
            REDIS_FAILURES.add()
            raise RedisUnavailable(f"{self._endpoint}: {error or type(error).__name__}") from error
        except RedisRefused as error:
            if str(error).startswith(("LOADING", "MASTERDOWN", "READONLY", "NOAUTH")):
                await self.close()
                REDIS_FAILURES.add()
                raise RedisUnavailable(str(error)) from error
            raise
        except asyncio.CancelledError:
            await self.close()  # half a reply may be under way
            raise

    async def _info(self, stream: str) -> dict[str, str]:
        try:
            reply = await self.call(b"XINFO", "STREAM", stream)
        except RedisRefused:
            return {}
        if not isinstance(reply, list):
            return {}
        return {
            key.decode(): value.decode() if isinstance(value, bytes) else str(value)
            for key, value in zip(reply[::2], reply[1::2], strict=False)
        }

    async def _trimmed(self, stream: str) -> bool:
        info = await self._info(stream)
        return int(info.get("entries-added", "0")) > int(info.get("length", "0"))

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Only a connection on which every command of the set-up was accepted is kept."""
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await connect(self._endpoint)
        try:
            for words in self._set_up_commands():
                try:
                    await _exchange(reader, writer, *words)
                except RedisRefused as error:
                    raise ConnectionRefusedError(f"{words[0]} was refused: {error}") from error
        except BaseException:
            writer.transport.abort()
            raise
        return reader, writer

    def _set_up_commands(self) -> Iterator[tuple[str, ...]]:
        login = self._login
        if login.password is not None:
            yield ("AUTH", *([login.user] if login.user else []), login.password)
        if login.database:
            yield ("SELECT", str(login.database))
        yield ("CLIENT", "SETNAME", self._name)


class EntryIdTooLow(RedisRefused):
    """The stream's newest id is not below the one that was offered."""


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *words: str | bytes) -> object:
    encoded = [word.encode() if isinstance(word, str) else word for word in words]
    parts = [b"*%d\r\n" % len(encoded), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)]
    async with asyncio.timeout(REPLY_SECONDS):
        writer.write(b"".join(parts))
        await writer.drain()
        return await _read_reply(reader)


async def _read_reply(reader: asyncio.StreamReader) -> object:
    line = await reader.readuntil(b"\r\n")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest
    if kind == b"-":
        raise RedisRefused(rest.decode("utf-8", "replace"))
    if kind == b":":
        return int(rest)
    size = int(rest)
    if size > _MAX_REPLY:
        raise ValueError(f"a reply of {size} bytes")
    if kind == b"$":
        return None if size < 0 else (await reader.readexactly(size + 2))[:-2]
    if kind == b"*":
        return None if size < 0 else [await _read_reply(reader) for _ in range(size)]
    raise ValueError(f"not a Redis reply: {line[:40]!r}")


def _ms(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])


def _parse_url(url: str) -> tuple[Endpoint, _Login]:
    """redis://, rediss:// and unix:// as redis-py reads them, which the other services use; ValueError otherwise."""
    parts = urlsplit(url)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    database = options.get("db", "0")
    if parts.scheme == "unix":
        endpoint = Endpoint(unix=unquote(parts.path))
    elif parts.scheme in ("redis", "rediss"):
        database = parts.path.strip("/") or database
        endpoint = Endpoint(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 6379,
            tls=parts.scheme == "rediss",
            verify_tls=options.get("ssl_cert_reqs") != "none",
            check_name=options.get("ssl_check_hostname", "").upper() not in ("0", "F", "FALSE", "N", "NO"),
            authorities=options.get("ssl_ca_certs") or options.get("ssl_ca_path", ""),
            certificate=options.get("ssl_certfile", ""),
            key=options.get("ssl_keyfile", ""),
            key_password=options.get("ssl_password", ""),
        )
    else:
        raise ValueError(f"{parts.scheme!r} is not redis, rediss or unix")
    return endpoint, _Login(
        user=unquote(parts.username) if parts.username else options.get("username"),
        password=unquote(parts.password) if parts.password is not None else options.get("password"),
        database=int(database),
    )
