"""Hand-published messages on `health_events` into the foreign stream, once, however many bridges listen.

A message whose id names a stream entry with the very same bytes is ours and already safe. Everything else was typed or
posted by somebody: adopted when it is a health event, kept as a dead letter when it is not.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import redis.exceptions
import structlog

from mesh_core.bus import ADOPTION_WINDOW_MS, DOWN, Bus, BusDown, client_for
from mesh_core.door import read_event
from mesh_core.metrics import BRIDGE_ADOPTED, BRIDGE_GAPS
from mesh_core.records import HealthEvent
from mesh_core.scripts import REFUSAL_WINDOW
from mesh_core.service import pause
from mesh_core.streams import ENTERED, FOREIGN_STREAM, stream_of
from mesh_core.strict_json import Refusal

LISTEN_SECONDS = 1.0
RETRY_SECONDS = 0.5

log = structlog.get_logger()


class Bridge:
    """One listener, in every planner and in the observer; `by` is the name in dead letters."""

    def __init__(self, bus: Bus, by: str, *, on_stream: Callable[[str], None] = lambda stream: None):
        self._bus = bus
        self._by = by
        self._on_stream = on_stream
        self._subscriptions = 0
        self.adopted = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until told to stop; reconnects for ever."""
        while not stop.is_set():
            try:
                await self._listen(stop)
            except DOWN as error:
                log.warning("bridge.redis_away", error=str(error))
                await pause(stop, RETRY_SECONDS)

    async def _listen(self, stop: asyncio.Event) -> None:
        client = client_for(self._bus.url, f"{self._bus.name}-bridge", reply_seconds=LISTEN_SECONDS + 5)
        try:
            async with client.pubsub() as listener:
                await listener.subscribe(HealthEvent.channel)
                while not stop.is_set():
                    message = await listener.get_message(timeout=LISTEN_SECONDS)
                    if message and message["type"] == "subscribe":
                        self._count_subscription()
                    elif message and message["type"] == "message":
                        await self._keep_trying(message["data"], stop)
        finally:
            await client.aclose()

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

    async def _keep_trying(self, raw: bytes, stop: asyncio.Event) -> None:
        """The message exists only here until it is in the stream: hold on to it while Redis is away."""
        while not stop.is_set():
            try:
                return await self.hear(raw)
            except BusDown:
                await pause(stop, RETRY_SECONDS)
        return None

    async def hear(self, raw: bytes) -> None:
        """One message from the channel. Raises BusDown."""
        event = read_event(raw)
        if isinstance(event, HealthEvent) and event.id is not None:
            stream, entry = stream_of(event.id)
            for name in ENTERED.values() if stream == FOREIGN_STREAM else (stream,):
                if await self._holds(name, entry, raw):
                    self._on_stream(name)
                    return
        digest = hashlib.sha256(raw).hexdigest()
        if isinstance(event, Refusal):
            # One of several bridges keeps it: the same two-second window as for adoption.
            await self._bus.refuse(
                raw, source=HealthEvent.channel, reason=event.reason, by=self._by, entry_id=await self._window(digest)
            )
            return
        if entry_id := await self._bus.adopt(event, digest):
            self.adopted += 1
            BRIDGE_ADOPTED.add()
            self._on_stream(FOREIGN_STREAM)
            log.info("bridge.adopted", event_id=entry_id, type=event.type, node=event.node, service_name=event.service)

    async def _holds(self, stream: str, entry: str, raw: bytes) -> bool:
        try:
            rows, _ = await self._bus.page(stream, entry, last=entry, count=1)
        except redis.exceptions.ResponseError:
            return False  # anybody can type an id that is none, or that names a key of another kind
        return any(payload == raw for _, payload in rows)

    async def _window(self, digest: str) -> str:
        """A name for this refusal, the same for every bridge that hears it within two seconds."""
        since = await self._bus.script(REFUSAL_WINDOW, [f"adopt:{digest}"], [ADOPTION_WINDOW_MS])
        return f"{digest[:16]}-{since.decode()}"
