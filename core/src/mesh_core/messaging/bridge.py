"""Hand-published messages on `health_events` into the foreign stream, once, however many bridges listen.

A message whose id names a stream entry with the very same bytes is ours and already safe. Everything else was typed or
posted by somebody: adopted when it is a health event, kept as a dead letter when it is not.

A message is known by its bytes and by when it was heard. So hearing is a loop of its own, which never waits for an
earlier message to be adopted, and each message keeps its moment while Redis is away.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import redis.exceptions
import structlog

from mesh_core.messaging.bus import DOWN, Bus, BusDown, Hearing, client_for
from mesh_core.models.events import HealthEvent
from mesh_core.models.parsing import read_event
from mesh_core.models.streams import ENTERED, FOREIGN_STREAM, stream_of
from mesh_core.models.strict_json import Refusal
from mesh_core.runtime.metrics import BRIDGE_ADOPTED, BRIDGE_GAPS
from mesh_core.runtime.pulse import unwatched
from mesh_core.runtime.service import cancelled, pause

LISTEN_SECONDS = 1.0
RETRY_SECONDS = 0.5
MOST_WAITING = 250  # messages, of at most 64 KiB as a rule: beyond that they wait in the socket
WAITED_SECONDS = 0.02

log = structlog.get_logger()


@dataclass(frozen=True)
class Heard:
    """A message, and when it came out of the socket."""

    raw: bytes
    hearing: Hearing


class Bridge:
    """One listener, in every planner and in the observer; `by` is the name in dead letters."""

    def __init__(
        self,
        bus: Bus,
        by: str,
        *,
        on_stream: Callable[[str], None] = lambda stream: None,
        turned: Callable[[], None] = unwatched,
    ):
        self._bus = bus
        self._by = by
        self._on_stream = on_stream
        self._turned = turned
        self._subscriptions = 0
        self._waiting: asyncio.Queue[Heard | None] = asyncio.Queue(MOST_WAITING)
        self.adopted = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until told to stop; reconnects for ever."""
        loops = [asyncio.create_task(self._hear_all(stop)), asyncio.create_task(self._adopt_all(stop))]
        try:
            await asyncio.gather(*loops)
        finally:
            await cancelled(*loops)

    async def _hear_all(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._turned()
            try:
                await self._listen(stop)
            except DOWN as error:
                log.warning("bridge.redis_away", error=str(error))
                await pause(stop, RETRY_SECONDS)
        await self._waiting.put(None)

    async def _listen(self, stop: asyncio.Event) -> None:
        client = client_for(self._bus.url, f"{self._bus.name}-bridge", reply_seconds=LISTEN_SECONDS + 5)
        try:
            async with client.pubsub() as listener:
                await listener.subscribe(HealthEvent.channel)
                looked_at = time.monotonic()
                while not stop.is_set():
                    self._turned()
                    began = time.monotonic()
                    message = await listener.get_message(timeout=LISTEN_SECONDS)
                    now = time.monotonic()
                    if now - began > WAITED_SECONDS:
                        looked_at = began  # what is there already is handed over at once: nothing was
                    if message and message["type"] == "subscribe":
                        self._count_subscription()
                    elif message and message["type"] == "message":
                        await self._hold(Heard(message["data"], Hearing(now, looked_at)))
        finally:
            await client.aclose()

    async def _hold(self, heard: Heard) -> None:
        while self._waiting.full():  # Redis is away: that is no standstill of ours
            self._turned()
            await asyncio.sleep(RETRY_SECONDS)
        self._waiting.put_nowait(heard)

    def _count_subscription(self) -> None:
        """redis-py reports no gap: a second acknowledgement is the only sign that there was a time without ears."""
        self._subscriptions += 1
        if self._subscriptions > 1:
            BRIDGE_GAPS.add()
            log.warning("bridge.gap", gaps=self.gaps, channel=HealthEvent.channel)

    @property
    def gaps(self) -> int:
        """How often the subscription was made anew; what was published in between reached nobody here."""
        return max(0, self._subscriptions - 1)

    async def _adopt_all(self, stop: asyncio.Event) -> None:
        while (heard := await self._waiting.get()) is not None:
            await self._keep_trying(heard, stop)

    async def _keep_trying(self, heard: Heard, stop: asyncio.Event) -> None:
        """The message exists only here until it is in the stream: hold on to it while Redis is away."""
        while True:
            try:
                return await self.hear(heard)
            except BusDown:
                if await pause(stop, RETRY_SECONDS):
                    return None

    async def hear(self, heard: Heard) -> None:
        """One message from the channel. Raises BusDown."""
        raw = heard.raw
        event = read_event(raw)
        if isinstance(event, HealthEvent) and event.id is not None:
            stream, entry = stream_of(event.id)
            for name in ENTERED.values() if stream == FOREIGN_STREAM else (stream,):
                if await self._holds(name, entry, raw):
                    self._on_stream(name)
                    return
        digest = hashlib.sha256(raw).hexdigest()
        if isinstance(event, Refusal):
            # One of several bridges keeps it, by the same rule as for adoption.
            entry_id = f"{digest[:16]}-{await self._bus.heard_at(digest, heard.hearing)}"
            await self._bus.refuse(raw, source=HealthEvent.channel, reason=event.reason, by=self._by, entry_id=entry_id)
        elif adopted_as := await self._bus.adopt(event, digest, heard.hearing):
            self.adopted += 1
            BRIDGE_ADOPTED.add()
            self._on_stream(FOREIGN_STREAM)
            log.info(
                "bridge.adopted", event_id=adopted_as, type=event.type, node=event.node, service_name=event.service
            )

    async def _holds(self, stream: str, entry: str, raw: bytes) -> bool:
        try:
            rows, _ = await self._bus.page(stream, entry, last=entry, count=1)
        except redis.exceptions.ResponseError:
            return False  # anybody can type an id that is none, or that names a key of another kind
        return any(payload == raw for _, payload in rows)
