"""A consumer group over many streams: read new entries, take over those of dead consumers, renew, acknowledge.

Knows no records: an entry is bytes with a name. At-least-once: what is not acknowledged comes again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis.exceptions

from mesh_core.messaging.bus import LONGEST_PAYLOAD, READ_BYTES, REPLY_SECONDS, Bus, BusDown, client_for, or_down
from mesh_core.messaging.scripts.reading import TAKE_NEW, TAKE_OVER
from mesh_core.models.streams import entry_order
from mesh_core.runtime.service import cancelled

LONGEST_BLOCK_MS = 5000  # its socket is as patient again, then a waiting read looks like a dead server
RECLAIM_EVERY_SECONDS = 5.0
RECLAIM_IDLE_MS = 30_000
RENEW_EVERY_SECONDS = 10.0
DISCOVER_EVERY_SECONDS = 5.0  # what neither `hint` nor `look_around` told of
KEEP_MS = 3_600_000
# What servers say when a stream or its group is gone; the last one to a read that was waiting on it (Redis 7.0).
WIPED = ("nogroup", "no such key", "unblocked")


@dataclass(frozen=True, slots=True)
class Entry:
    """One stream entry. `deliveries` counts how often it was handed out, 1 for a fresh one.

    `raw` is cut to LONGEST_PAYLOAD bytes: no record is that long, so whoever reads it refuses it.
    """

    stream: str
    id: str
    raw: bytes
    deliveries: int = 1


class Consumer:
    """One member of `group`, named `name`, over all streams that match `pattern` (or the fixed `streams`).

    A fixed name lets a restarted process find its own unacknowledged entries at once; others wait `RECLAIM_IDLE_MS`.
    """

    def __init__(
        self,
        bus: Bus,
        group: str,
        name: str,
        *,
        pattern: str = "",
        streams: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        reclaim_idle_ms: int = RECLAIM_IDLE_MS,
    ):
        self._bus = bus
        # A client of its own: its replies may take LONGEST_BLOCK_MS and must not hold up short commands.
        self._reader = client_for(bus.url, f"{bus.name}-read", reply_seconds=LONGEST_BLOCK_MS / 1000 + REPLY_SECONDS)
        self.group = group
        self.name = name
        self._pattern = pattern
        self._streams: set[str] = set()
        self._wanted = set(streams)
        self._clock = clock
        self._idle_ms = reclaim_idle_ms
        self._next_discovery = 0.0
        self._next_reclaim = 0.0
        self._own_drained = False
        self._more = True  # the last read found something new
        self._interrupt = asyncio.Event()
        self._out: dict[tuple[str, str], Entry] = {}

    async def close(self) -> None:
        await self._reader.aclose()

    def hint(self, stream: str) -> None:
        """Somebody mentioned a stream that we may not know yet: look at once instead of in five seconds."""
        if stream not in self._streams:
            self._wanted.add(stream)
            self.look_around()
            self.interrupt()

    def look_around(self) -> None:
        """Nobody may have mentioned a new stream for a while: look for all of them with the next read."""
        self._next_discovery = 0.0

    def interrupt(self) -> None:
        """A read that waits returns now, with nothing."""
        self._interrupt.set()

    async def read(
        self, *, count: int = 200, block_ms: int = LONGEST_BLOCK_MS, stop: asyncio.Event | None = None
    ) -> list[Entry]:
        """Entries to work on: first what a dead consumer (or our earlier self) left, then new ones. Raises BusDown.

        About `count` of them and READ_BYTES at most, whatever lies in the streams. Waits for the first one, `block_ms`
        at most and not once `stop` is set.
        """
        try:
            with or_down():
                await self._discover()
                entries = await self._reclaim(count)
                if not entries and not self._streams:
                    await self._wait_for_a_stream(min(block_ms, LONGEST_BLOCK_MS))
                elif not entries:
                    until_discovery_ms = max(1, int((self._next_discovery - self._clock()) * 1000))
                    entries = await self._new(count, min(block_ms, LONGEST_BLOCK_MS, until_discovery_ms), stop)
        except BusDown:
            self._own_drained = False  # a lost reply leaves entries in our own list, which `>` never returns
            raise
        self._out.update(((entry.stream, entry.id), entry) for entry in entries)
        return entries

    async def acknowledge(self, entries: Iterable[Entry]) -> None:
        """Never handed out again. Raises BusDown; then they will be, which is safe."""
        by_stream: dict[str, list[str]] = {}
        listed = list(entries)
        for entry in listed:
            by_stream.setdefault(entry.stream, []).append(entry.id)
        if not by_stream:
            return
        async with self._bus.redis.pipeline(transaction=False) as pipe:
            for stream, ids in by_stream.items():
                pipe.xack(stream, self.group, *ids)
            with or_down():
                await pipe.execute()
        self.let_go(listed)

    def let_go(self, entries: Iterable[Entry]) -> None:
        """No longer worked on here: acknowledged by other means, or given up and to be handed out again by and by."""
        for entry in entries:
            self._out.pop((entry.stream, entry.id), None)

    def give_back(self, entries: Iterable[Entry]) -> None:
        """Nothing came of these, by no fault of theirs: the next read hands them out again, at once."""
        self.let_go(entries)
        self._own_drained = False

    async def renew(self) -> None:
        """Still working on what was handed out: nobody else may take it over for another `RECLAIM_IDLE_MS`."""
        by_stream: dict[str, list[str]] = {}
        for entry in self._out.values():
            by_stream.setdefault(entry.stream, []).append(entry.id)
        try:
            with or_down():
                for stream, ids in by_stream.items():
                    await self._bus.redis.xclaim(stream, self.group, self.name, 0, list(ids), justid=True)
        except redis.exceptions.ResponseError as error:
            self._forgotten("", error)

    @property
    def handed_out(self) -> int:
        """How many entries were read and are neither acknowledged nor let go."""
        return len(self._out)

    async def trim(
        self,
        *,
        groups: Iterable[str] = (),
        keep_ms: int = KEEP_MS,
        prefix: str = "",
        remove: Callable[..., Awaitable[object]] | None = None,
    ) -> None:
        """Drop what every group has acknowledged and is older than `keep_ms`: by MINID, never by length.

        Only streams whose name begins with `prefix`. One that some of `groups` has not joined yet is left whole: that
        group will read it from its beginning. The last hour stays, because a listener proves by the stream that a
        message on the channel is ours. `remove` sends the command, for who counts what goes. Raises BusDown.
        """
        kept_from = (int(time.time() * 1000) - keep_ms, 0)
        expected = frozenset(groups)
        for stream in sorted(name for name in self._streams if name.startswith(prefix)):
            oldest = await self._oldest_open(stream, expected)
            if oldest:
                ms, sequence = min(oldest, kept_from)
                await (remove or self._bus.call)("XTRIM", stream, "MINID", "~", f"{ms}-{sequence}")

    @property
    def streams(self) -> frozenset[str]:
        return frozenset(self._streams)

    async def _discover(self) -> None:
        if self._clock() < self._next_discovery:
            return
        found = set(self._wanted)
        if self._pattern:
            async for key in self._reader.scan_iter(match=self._pattern, count=1000, _type="stream"):
                found.add(key.decode() if isinstance(key, bytes) else str(key))
        for stream in sorted(found - self._streams):
            await self._join(stream)
        self._streams |= found
        self._next_discovery = self._clock() + DISCOVER_EVERY_SECONDS

    async def _join(self, stream: str) -> None:
        try:
            # From 0: what was written before this group existed counts as well.
            await self._reader.xgroup_create(stream, self.group, id="0", mkstream=True)
        except redis.exceptions.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _reclaim(self, count: int) -> list[Entry]:
        if not self._own_drained:
            own = await self._own_pending(count)
            if own:
                return own
            self._own_drained = True
        if self._clock() < self._next_reclaim:
            return []
        left = await self._left_by_others(count)
        if left is None:  # what is handed out from now on nobody may take over before it has lain there for so long
            self._next_reclaim = self._clock() + max(RECLAIM_EVERY_SECONDS, self._idle_ms / 1000)
            return []
        taken: list[Entry] = []
        for stream, pending in left.items():
            few = dict(list(pending.items())[: count - len(taken)])
            taken += await self._claim(stream, few, self._idle_ms, _room(taken))
            if len(taken) >= count or not _room(taken):
                return taken
        self._next_reclaim = self._clock() + RECLAIM_EVERY_SECONDS
        return taken

    async def _own_pending(self, count: int) -> list[Entry]:
        found: list[Entry] = []
        for stream in sorted(self._streams):
            if _room(found):
                found += await self._claim(stream, await self._pending(stream, count, self.name), 0, _room(found))
        return found

    async def _left_by_others(self, count: int) -> dict[str, dict[str, int]] | None:
        """What nobody has got on with for a while, by stream; None if there is no open entry at all, not even young
        ones. Two round trips at most, however many streams there are."""
        streams = sorted(self._streams)
        async with self._reader.pipeline(transaction=False) as pipe:
            for stream in streams:
                pipe.xpending(stream, self.group)
            summaries = await pipe.execute(raise_on_error=False)
        open_ = [stream for stream, summary in self._of_each(streams, summaries) if summary["pending"]]
        if not open_:
            return None
        async with self._reader.pipeline(transaction=False) as pipe:
            for stream in open_:
                pipe.xpending_range(stream, self.group, "-", "+", count + len(self._out), idle=self._idle_ms or None)
            replies = await pipe.execute(raise_on_error=False)
        return {
            stream: pending
            for stream, rows in self._of_each(open_, replies)
            if (pending := self._not_out(stream, rows))
        }

    def _of_each(self, streams: Sequence[str], replies: Sequence[Any]) -> Iterator[tuple[str, Any]]:
        """What a pipeline said of each stream, but for those that are gone."""
        for stream, reply in zip(streams, replies, strict=True):
            if isinstance(reply, redis.exceptions.ResponseError):
                self._forgotten(stream, reply)
            else:
                yield stream, reply

    async def _pending(self, stream: str, count: int, consumer: str) -> dict[str, int]:
        """{entry id: times delivered} of the unacknowledged entries of `consumer`."""
        try:
            rows = await self._reader.xpending_range(
                stream, self.group, "-", "+", count + len(self._out), consumername=consumer
            )
        except redis.exceptions.ResponseError as error:
            self._forgotten(stream, error)
            return {}
        return self._not_out(stream, rows)

    def _not_out(self, stream: str, rows: Iterable[Any]) -> dict[str, int]:
        # What is being worked on here is pending as well, and must not be handed out a second time.
        return {
            entry_id: int(row["times_delivered"])
            for row in rows
            if (stream, entry_id := _text(row["message_id"])) not in self._out
        }

    async def _claim(self, stream: str, pending: dict[str, int], idle_ms: int, room: int) -> list[Entry]:
        if not pending:
            return []
        # An entry that was deleted meanwhile leaves the pending list and is not in the reply.
        words = [self.group, self.name, idle_ms, room, LONGEST_PAYLOAD, *pending]
        return [
            Entry(stream, entry_id, raw, pending[entry_id] + 1)
            for stream, entry_id, raw in await self._script(TAKE_OVER, [stream], words)
        ]

    async def _new(self, count: int, block_ms: int, stop: asyncio.Event | None) -> list[Entry]:
        entries = await self._take(count) if self._more else []
        if not entries:
            entries = await self._wait_for_one(block_ms, stop)
            if entries:
                entries += await self._take(count - len(entries))
        self._more = bool(entries)
        return entries

    async def _take(self, count: int) -> list[Entry]:
        """What is there, without waiting."""
        words = [self.group, self.name, count, READ_BYTES, LONGEST_PAYLOAD]
        return [Entry(*row) for row in await self._script(TAKE_NEW, sorted(self._streams), words)]

    async def _wait_for_one(self, block_ms: int, stop: asyncio.Event | None) -> list[Entry]:
        """Scripts cannot wait. One entry wakes us, at most one of each stream."""
        streams: dict[Any, Any] = dict.fromkeys(sorted(self._streams), ">")
        self._interrupt.clear()
        reading = asyncio.ensure_future(
            self._reader.xreadgroup(self.group, self.name, streams, count=1, block=block_ms)
        )
        ends = [asyncio.create_task(event.wait()) for event in (self._interrupt, stop) if event is not None]
        try:
            # Not `await reading`: whoever ends us would only end that, and redis-py may lose the cancellation.
            await asyncio.wait({reading, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                self._own_drained = False  # a reply that nobody reads leaves its entry in our own list
                return []
            reply = reading.result()
        except redis.exceptions.ResponseError as error:
            self._forgotten("", error)
            return []
        finally:
            await cancelled(reading, *ends)
        pairs = reply.items() if isinstance(reply, dict) else reply
        return [
            Entry(_text(stream), _text(entry_id), _payload(fields))
            for stream, rows in pairs
            for entry_id, fields in _flat(rows)
            if fields
        ]

    async def _script(
        self, source: str, streams: Sequence[str], words: Sequence[object]
    ) -> list[tuple[str, str, bytes]]:
        """(stream, id, payload) of what it hands out."""
        runner = self._reader.register_script(source)
        try:
            rows = await runner(keys=list(streams), args=list(words))  # type: ignore[arg-type]
        except redis.exceptions.ResponseError as error:
            self._own_drained = False  # what it had taken before the error is in our own list
            self._forgotten(streams[0] if len(streams) == 1 else "", error)
            return []
        return [(_text(stream), _text(entry_id), bytes(raw)) for stream, entry_id, raw in rows]

    def _forgotten(self, stream: str, error: redis.exceptions.ResponseError) -> None:
        """Somebody wiped Redis: join everything again from 0. Anything else is raised."""
        if not any(word in str(error).lower() for word in WIPED):
            raise error
        self._wanted |= {stream} if stream else set()
        self._streams.clear()
        self._next_discovery = 0.0

    async def _wait_for_a_stream(self, block_ms: int) -> None:
        # Nothing to block on yet; a nameless stream keeps the same rhythm without a busy loop.
        await self._reader.xread({f"mesh:none:{self.group}": "$"}, block=min(block_ms, 1000))
        self._next_discovery = 0.0

    async def _oldest_open(self, stream: str, expected: frozenset[str]) -> tuple[int, int] | None:
        """The oldest entry that some group has not acknowledged; None when that cannot be known."""
        oldest: tuple[int, int] | None = None
        try:
            with or_down():
                groups = await self._reader.xinfo_groups(stream)
                if not expected <= {_text(group["name"]) for group in groups}:
                    return None
                for group in groups:
                    first = await self._first_open(stream, group)
                    if first is None:
                        return None
                    oldest = first if oldest is None else min(oldest, first)
        except redis.exceptions.ResponseError as error:  # wiped meanwhile: nothing to trim
            self._forgotten(stream, error)
            return None
        return oldest

    async def _first_open(self, stream: str, group: Mapping[str, Any]) -> tuple[int, int] | None:
        if not int(group["pending"]):
            ms, sequence = entry_order(_text(group["last-delivered-id"]))
            return ms, sequence + 1
        summary = await self._reader.xpending(stream, _text(group["name"]))
        # Acknowledged between the two questions: next time.
        return entry_order(_text(summary["min"])) if summary["pending"] else None


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _room(entries: Iterable[Entry]) -> int:
    return max(0, READ_BYTES - sum(len(entry.raw) for entry in entries))


def _payload(fields: object) -> bytes:
    """The bytes of field `p`; an entry without one has an empty payload (and is refused as not JSON). As in `scripts.reading`."""
    pairs: dict[bytes, bytes] = (
        fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))  # type: ignore[index]
    )
    if len(pairs) > 1 and sum(len(name) + len(value) for name, value in pairs.items()) >= LONGEST_PAYLOAD:
        return b" ".join(word for pair in pairs.items() for word in pair)[:LONGEST_PAYLOAD]
    return pairs.get(b"p", b"")[:LONGEST_PAYLOAD]


def _flat(rows: object) -> list[tuple[object, object]]:
    """redis-py nests the rows of a stream one level deeper in some reply shapes."""
    listed = list(rows)  # type: ignore[call-overload]
    if listed and isinstance(listed[0], list) and listed[0] and isinstance(listed[0][0], list | tuple):
        listed = [row for group in listed for row in group]
    return [(row[0], row[1]) for row in listed]
