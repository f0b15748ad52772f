"""The commands of one consumer group, under one consumer's name: entries out of Redis' replies. Decides nothing.

Keeps no state and knows no records: an entry is bytes with a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis.asyncio as aioredis
import redis.exceptions

from mesh_core.messaging.bus import LONGEST_PAYLOAD, READ_BYTES
from mesh_core.messaging.replies import text_of, texts_of
from mesh_core.messaging.scripts.reading import TAKE_NEW, TAKE_OVER
from mesh_core.models.streams import LAST_SEQUENCE, entry_order

# What servers say when a stream or its group is gone; the last one to a read that was waiting on it (Redis 7.0).
WIPED = ("nogroup", "no such key", "unblocked")


@dataclass(frozen=True, slots=True)
class Entry:
    """One stream entry. `deliveries` counts how often it was handed out, 1 for a fresh one.

    `raw` is cut to the reader's longest: no record of its streams is that long, so whoever reads it refuses it.
    """

    stream: str
    id: str
    raw: bytes
    deliveries: int = 1


class StreamGone(Exception):
    """Somebody wiped Redis: this stream or its group is no more; `stream` is '' where the server did not say which."""

    def __init__(self, stream: str = ""):
        super().__init__(stream)
        self.stream = stream


class GroupCommands:
    """`client` may wait longer than others do for a reply. Every command raises what redis-py does, or StreamGone.

    What is longer than `longest` bytes comes cut.
    """

    def __init__(self, client: aioredis.Redis, group: str, consumer: str, longest: int = LONGEST_PAYLOAD):
        self._longest = longest
        self._client = client
        self._group = group
        self._consumer = consumer

    async def close(self) -> None:
        await self._client.aclose()

    async def streams_like(self, pattern: str) -> set[str]:
        return texts_of([key async for key in self._client.scan_iter(match=pattern, count=1000, _type="stream")])

    async def join(self, stream: str) -> None:
        """From its beginning: what was written before this group existed counts as well."""
        try:
            await self._client.xgroup_create(stream, self._group, id="0", mkstream=True)
        except redis.exceptions.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def open_counts(self, streams: Sequence[str]) -> tuple[dict[str, int], list[str]]:
        """How many entries of each nobody has acknowledged yet; and those streams that are gone. One round trip."""
        async with self._client.pipeline(transaction=False) as pipe:
            for stream in streams:
                pipe.xpending(stream, self._group)
            found, gone = _of_each(streams, await pipe.execute(raise_on_error=False))
        return {stream: int(summary["pending"]) for stream, summary in found}, gone

    async def idle_entries(
        self, streams: Sequence[str], count: int, idle_ms: int
    ) -> tuple[dict[str, dict[str, int]], list[str]]:
        """{stream: {entry id: times delivered}} of what nobody got on with for so long; and streams that are gone."""
        async with self._client.pipeline(transaction=False) as pipe:
            for stream in streams:
                pipe.xpending_range(stream, self._group, "-", "+", count, idle=idle_ms or None)
            found, gone = _of_each(streams, await pipe.execute(raise_on_error=False))
        return {stream: _deliveries(rows) for stream, rows in found}, gone

    async def own_entries(self, stream: str, count: int) -> dict[str, int]:
        """{entry id: times delivered} of what this consumer has not acknowledged."""
        with _or_gone(stream):
            rows = await self._client.xpending_range(stream, self._group, "-", "+", count, consumername=self._consumer)
        return _deliveries(rows)

    async def take_over(self, stream: str, pending: Mapping[str, int], idle_ms: int, room: int) -> list[Entry]:
        """These entries are ours now. One that was deleted meanwhile leaves the list and is not in the reply."""
        arguments = [self._group, self._consumer, idle_ms, room, self._longest, *pending]
        return [
            Entry(stream, entry_id, raw, pending[entry_id] + 1)
            for stream, entry_id, raw in await self._script(TAKE_OVER, [stream], arguments)
        ]

    async def take_new(self, streams: Sequence[str], count: int) -> list[Entry]:
        """What is there, without waiting."""
        arguments = [self._group, self._consumer, count, READ_BYTES, self._longest]
        return [Entry(*row) for row in await self._script(TAKE_NEW, streams, arguments)]

    async def wait_for_new(self, streams: Sequence[str], block_ms: int) -> list[Entry]:
        """Scripts cannot wait. The first entry ends it, with at most one of each stream."""
        with _or_gone():
            reply = await self._client.xreadgroup(
                self._group, self._consumer, dict.fromkeys(streams, ">"), count=1, block=block_ms
            )
        pairs = reply.items() if isinstance(reply, dict) else reply
        return [
            Entry(text_of(stream), text_of(entry_id), _payload(fields, self._longest))
            for stream, rows in pairs
            for entry_id, fields in _flat(rows)
            if fields
        ]

    async def wait_for_nothing(self, block_ms: int) -> None:
        """There is no stream to wait on yet; a nameless one keeps the same rhythm without a busy loop."""
        await self._client.xread({f"mesh:none:{self._group}": "$"}, block=block_ms)

    async def oldest_open(self, stream: str, expected: frozenset[str]) -> tuple[int, int] | None:
        """The oldest entry that some group has not acknowledged; None when that cannot be known."""
        oldest: tuple[int, int] | None = None
        with _or_gone(stream):
            groups = await self._client.xinfo_groups(stream)
            if not expected <= {text_of(group["name"]) for group in groups}:
                return None
            for group in groups:
                first = await self._first_open(stream, group)
                if first is None:
                    return None
                oldest = first if oldest is None else min(oldest, first)
        return oldest

    async def _first_open(self, stream: str, group: Mapping[str, Any]) -> tuple[int, int] | None:
        if not int(group["pending"]):
            ms, sequence = entry_order(text_of(group["last-delivered-id"]))
            return ms, min(sequence + 1, LAST_SEQUENCE)  # an id beyond is none, and who trims to it is refused
        summary = await self._client.xpending(stream, text_of(group["name"]))
        # Acknowledged between the two questions: next time.
        return entry_order(text_of(summary["min"])) if summary["pending"] else None

    async def _script(
        self, source: str, streams: Sequence[str], arguments: Sequence[object]
    ) -> list[tuple[str, str, bytes]]:
        """(stream, id, payload) of what it hands out."""
        runner = self._client.register_script(source)
        with _or_gone(streams[0] if len(streams) == 1 else ""):
            rows = await runner(keys=list(streams), args=list(arguments))  # type: ignore[arg-type]
        return [(text_of(stream), text_of(entry_id), bytes(raw)) for stream, entry_id, raw in rows]


@contextmanager
def _or_gone(stream: str = "") -> Iterator[None]:
    try:
        yield
    except redis.exceptions.ResponseError as error:
        if not is_wiped(error):
            raise
        raise StreamGone(stream) from error


def is_wiped(error: redis.exceptions.ResponseError) -> bool:
    return any(word in str(error).lower() for word in WIPED)


def _of_each(streams: Sequence[str], replies: Sequence[Any]) -> tuple[list[tuple[str, Any]], list[str]]:
    """What a pipeline said of each stream; and those that are gone."""
    found: list[tuple[str, Any]] = []
    gone: list[str] = []
    for stream, reply in zip(streams, replies, strict=True):
        if not isinstance(reply, redis.exceptions.ResponseError):
            found.append((stream, reply))
        elif is_wiped(reply):
            gone.append(stream)
        else:
            raise reply
    return found, gone


def _deliveries(rows: Iterable[Any]) -> dict[str, int]:
    return {text_of(row["message_id"]): int(row["times_delivered"]) for row in rows}


def _payload(fields: object, longest: int) -> bytes:
    """The bytes of field `p`; an entry without one has an empty payload (and is refused as not JSON).

    As in `scripts.reading`.
    """
    pairs: dict[bytes, bytes] = (
        fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))  # type: ignore[index]
    )
    if len(pairs) > 1 and sum(len(name) + len(value) for name, value in pairs.items()) >= longest:
        return b" ".join(word for pair in pairs.items() for word in pair)[:longest]
    return pairs.get(b"p", b"")[:longest]


def _flat(rows: object) -> list[tuple[object, object]]:
    """redis-py nests the rows of a stream one level deeper in some reply shapes."""
    listed = list(rows)  # type: ignore[call-overload]
    if listed and isinstance(listed[0], list) and listed[0] and isinstance(listed[0][0], list | tuple):
        listed = [row for group in listed for row in group]
    return [(row[0], row[1]) for row in listed]
