"""A consumer group over many streams: read new entries, take over those of dead consumers, renew, acknowledge.

Knows no records: an entry is bytes with a name. At-least-once: what is not acknowledged comes again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import redis.exceptions

from mesh_core.messaging.bus import LONGEST_PAYLOAD, READ_BYTES, REPLY_SECONDS, Bus, BusDown, client_for, or_down
from mesh_core.messaging.group_commands import Entry, GroupCommands, StreamGone, is_wiped
from mesh_core.runtime.service import cancelled

LONGEST_BLOCK_MS = 5000  # its socket is as patient again, then a waiting read looks like a dead server
RECLAIM_EVERY_SECONDS = 5.0
RECLAIM_IDLE_MS = 30_000
RENEW_EVERY_SECONDS = 10.0
DISCOVER_EVERY_SECONDS = 5.0  # what neither `hint` nor `look_around` told of
KEEP_MS = 3_600_000


class Consumer:
    """One member of `group`, named `name`, over all streams that match `pattern` (or the fixed `streams`).

    A fixed name lets a restarted process find its own unacknowledged entries at once; others wait `RECLAIM_IDLE_MS`.
    Entries of more than `longest` bytes come cut.
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
        longest: int = LONGEST_PAYLOAD,
    ):
        self._bus = bus
        # A client of its own: its replies may take LONGEST_BLOCK_MS and must not hold up short commands.
        reader = client_for(bus.url, f"{bus.name}-read", reply_seconds=LONGEST_BLOCK_MS / 1000 + REPLY_SECONDS)
        self._commands = GroupCommands(reader, group, name, longest)
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
        await self._commands.close()

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
        self._interrupt.clear()
        try:
            with or_down():
                await self._discover()
                entries = await self._reclaim(count)
                if not entries and not self._streams:
                    await self._commands.wait_for_nothing(min(block_ms, 1000))
                    self._next_discovery = 0.0
                elif not entries:
                    until_discovery_ms = max(1, int((self._next_discovery - self._clock()) * 1000))
                    entries = await self._new(count, min(block_ms, LONGEST_BLOCK_MS, until_discovery_ms), stop)
        except (BusDown, redis.exceptions.ResponseError):
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
        pipe = self._bus.redis.pipeline(transaction=False)
        for stream, ids in by_stream.items():
            pipe.xack(stream, self.group, *ids)
        await self._bus.run(pipe)
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
            if not is_wiped(error):
                raise
            self._forget()

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
            try:
                with or_down():
                    oldest = await self._commands.oldest_open(stream, expected)
            except StreamGone:  # wiped meanwhile: nothing to trim
                self._forget(stream)
                continue
            if oldest:
                ms, sequence = min(oldest, kept_from)
                await (remove or self._bus.call)("XTRIM", stream, "MINID", "~", f"{ms}-{sequence}")

    @property
    def streams(self) -> frozenset[str]:
        return frozenset(self._streams)

    async def all_streams(self) -> frozenset[str]:
        """Those too that the group has not joined, as it cannot while Redis is full. Raises BusDown."""
        with or_down():
            return frozenset(self._streams | await self._found())

    async def _discover(self) -> None:
        if self._clock() < self._next_discovery:
            return
        self._next_discovery = self._clock() + DISCOVER_EVERY_SECONDS  # before: a hint that comes meanwhile is sooner
        try:
            found = await self._found()
            for stream in sorted(found - self._streams):
                await self._commands.join(stream)
        except BaseException:
            self._next_discovery = 0.0
            raise
        self._streams |= found

    async def _found(self) -> set[str]:
        return self._wanted | (await self._commands.streams_like(self._pattern) if self._pattern else set())

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
            taken += await self._take_over(stream, few, self._idle_ms, _room(taken))
            if len(taken) >= count or not _room(taken):
                return taken
        self._next_reclaim = self._clock() + RECLAIM_EVERY_SECONDS
        return taken

    async def _own_pending(self, count: int) -> list[Entry]:
        found: list[Entry] = []
        for stream in sorted(self._streams):
            if not _room(found):
                break
            try:
                own = await self._commands.own_entries(stream, count + len(self._out))
            except StreamGone:
                self._forget(stream)
                continue
            found += await self._take_over(stream, self._not_out(stream, own), 0, _room(found))
        return found

    async def _left_by_others(self, count: int) -> dict[str, dict[str, int]] | None:
        """What nobody has got on with for a while, by stream; None if there is no open entry at all, not even young
        ones. Two round trips at most, however many streams there are."""
        counts, gone = await self._commands.open_counts(sorted(self._streams))
        if gone:
            self._forget(*gone)
        open_ = [stream for stream, number in counts.items() if number]
        if not open_:
            return None
        idle, gone = await self._commands.idle_entries(open_, count + len(self._out), self._idle_ms)
        if gone:
            self._forget(*gone)
        return {stream: left for stream, pending in idle.items() if (left := self._not_out(stream, pending))}

    def _not_out(self, stream: str, pending: Mapping[str, int]) -> dict[str, int]:
        # What is being worked on here is pending as well, and must not be handed out a second time.
        return {entry_id: times for entry_id, times in pending.items() if (stream, entry_id) not in self._out}

    async def _take_over(self, stream: str, pending: Mapping[str, int], idle_ms: int, room: int) -> list[Entry]:
        try:
            return await self._commands.take_over(stream, pending, idle_ms, room) if pending else []
        except StreamGone:
            self._own_drained = False  # what it had taken before the error is in our own list
            self._forget(stream)
            return []

    async def _new(self, count: int, block_ms: int, stop: asyncio.Event | None) -> list[Entry]:
        entries = await self._take(count) if self._more else []
        if not entries:
            entries = await self._wait_for_one(block_ms, stop)
            if entries:
                entries += await self._take(count - len(entries))
        self._more = bool(entries)
        return entries

    async def _take(self, count: int) -> list[Entry]:
        try:
            return await self._commands.take_new(sorted(self._streams), count)
        except StreamGone as gone:
            self._own_drained = False
            self._forget(gone.stream)
            return []

    async def _wait_for_one(self, block_ms: int, stop: asyncio.Event | None) -> list[Entry]:
        if self._interrupt.is_set() or not self._streams:  # since this read began: the last of them may be gone
            return []
        reading = asyncio.ensure_future(self._commands.wait_for_new(sorted(self._streams), block_ms))
        ends = [asyncio.create_task(event.wait()) for event in (self._interrupt, stop) if event is not None]
        try:
            # Not `await reading`: whoever ends us would only end that, and redis-py may lose the cancellation.
            await asyncio.wait({reading, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                self._own_drained = False  # a reply that nobody reads leaves its entry in our own list
                return []
            return reading.result()
        except StreamGone:
            self._forget()
            return []
        finally:
            await cancelled(reading, *ends)

    def _forget(self, *streams: str) -> None:
        """Somebody wiped Redis: join everything again from 0, and these even if nothing else speaks of them."""
        self._wanted.update(filter(None, streams))
        self._streams.clear()
        self._next_discovery = 0.0


def _room(entries: Iterable[Entry]) -> int:
    return max(0, READ_BYTES - sum(len(entry.raw) for entry in entries))
