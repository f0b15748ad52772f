"""The sender: spool -> Redis, strictly in order, exactly once. Decides nothing about events.

| dies after | what is left | next attempt |
|---|---|---|
| spool write | the file | XADD under the same id |
| XADD, reply lost | the file, the entry | "equal or smaller", the same bytes are there: PUBLISH, done |
| PUBLISH | the file, the entry | the same; a second PUBLISH has the same id, listeners know it |
| Redis loses its last seconds | the file, as sent | on a new connection its newest id is below ours: sent again |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import Severity
from mesh_core.models.streams import EVENT_STREAM_PREFIX
from mesh_core.runtime.pulse import unwatched
from mesh_core.runtime.service import cancelled, pause
from node_agent.delivery.redis_client import EntryIdTooLow, RedisClient, RedisRefused, RedisUnavailable
from node_agent.delivery.spool import Spool
from node_agent.incidents.events import node_event

BACK_OFF_SECONDS = (0.2, 5.0)
ALIVE_MARK_SECONDS = 30.0

log = structlog.get_logger()


class EventSender:
    """One per node: the stream has one writer."""

    def __init__(
        self,
        node: str,
        spool: Spool,
        redis: RedisClient,
        clock_ms: Callable[[], int],
        turned: Callable[[], None] = unwatched,
        note: Callable[[], bytes] = lambda: b"1",
    ):
        self._turned = turned
        self._node = node
        self._stream = f"{EVENT_STREAM_PREFIX}{node}"
        self._spool = spool
        self._redis = redis
        self._clock_ms = clock_ms
        self._note = note  # what the sign of life says
        self._more = asyncio.Event()
        self._resumed = False
        self._marked_alive_at = float("-inf")
        self.down_since: float | None = None

    def renew_note(self) -> None:
        """The sign of life is to say something else from now on."""
        self._marked_alive_at = float("-inf")
        self._more.set()

    def wake(self) -> None:
        """There is something in the spool."""
        self._more.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what is left stays in the spool."""
        stopping = asyncio.ensure_future(stop.wait())
        stopping.add_done_callback(lambda _: self._more.set())
        back_off = BACK_OFF_SECONDS[0]
        try:
            while not stop.is_set():
                self._more.clear()
                self._turned()
                try:
                    await self._deliver()
                    back_off = BACK_OFF_SECONDS[0]
                    await self._idle()
                except (RedisUnavailable, RedisRefused) as error:
                    # Out of memory, no permission: the event is fine, the server is not. It must not be overtaken.
                    self._resumed = False  # whoever answers next may know less
                    self._marked_alive_at = float("-inf")
                    if self.down_since is None:
                        self.down_since = asyncio.get_running_loop().time()
                        log.warning("sender.redis_away", error=str(error), waiting=len(self._spool))
                    await pause(stop, back_off)
                    back_off = min(back_off * 2, BACK_OFF_SECONDS[1])
        finally:
            stopping.cancel()
            await self._redis.close()

    async def _deliver(self) -> None:
        """Everything that waits. Raises RedisUnavailable or RedisRefused in the middle; then the rest waits."""
        if not self._resumed:
            last_id = await self._redis.last_id(self._stream)
            self._spool.resume_above(last_id)
            if lost := self._spool.requeue_above(last_id):
                log.warning("sender.redis_forgot", events=lost)
            self._resumed = True
        while (oldest := self._spool.oldest()) is not None:
            self._turned()
            entry, raw = oldest
            try:
                await self._redis.append(self._node, entry.stream_id, raw)
            except EntryIdTooLow:
                if not await self._redis.contains(self._stream, entry.stream_id, raw):
                    # The id was given before Redis could be asked, with a clock that is behind the stream.
                    self._spool.resume_above(await self._redis.last_id(self._stream))
                    self._spool.renumber()
                    log.warning("sender.renumbered", waiting=len(self._spool))
                    continue
                await self._redis.publish(raw)
            self._spool.mark_sent(entry)
            log.info("sender.delivered", event_id=f"{self._node}/{entry.stream_id}")
        if self.down_since is not None:
            log.info("sender.redis_back")
            self.down_since = None
        await self._mark_alive()
        if dropped := self._spool.take_dropped():
            self._spool.accept(
                node_event(
                    EventType.EVENTS_DROPPED.value, self._node, self._clock_ms(), Severity.WARNING, {"dropped": dropped}
                ),
                self._clock_ms(),
            )
            self._more.set()

    async def _idle(self) -> None:
        """Until there is something to do. Raises RedisUnavailable when Redis goes: it may have forgotten what it was
        told last, and an agent without trouble has nothing else to notice that by."""
        more = asyncio.ensure_future(self._more.wait())
        closed = asyncio.ensure_future(self._redis.until_closed())
        try:
            await asyncio.wait({more, closed}, timeout=ALIVE_MARK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if closed.done():
                await closed
        finally:
            await cancelled(more, closed)

    async def _mark_alive(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._marked_alive_at >= ALIVE_MARK_SECONDS - 1:
            self._marked_alive_at = now  # first: the note may change while it is written
            try:
                await self._redis.mark_alive(self._node, self._note())
            except RedisRefused as error:  # an ACL of an older mesh: nothing that should hold up events
                log.info("sender.alive_mark_refused", error=str(error))
