"""Hand-published messages on `health_events` into the foreign stream, once, however many bridges listen.

A message whose id names a stream entry with the very same bytes is ours and already safe. Everything else was typed or
posted by somebody: adopted when it is a health event, kept as a dead letter when it is not.

A message is known by its bytes and by when it was heard. So hearing is a loop of its own, which never waits for an
earlier message to be adopted, and each message keeps its moment while Redis is away.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import redis.exceptions
import structlog
from redis.asyncio.client import PubSub

from mesh_core.messaging.bus import DOWN, Bus, BusDown, Hearing, client_for
from mesh_core.models.events import HealthEvent
from mesh_core.models.parsing import read_event
from mesh_core.models.streams import ENTERED, FOREIGN_STREAM, stream_of
from mesh_core.models.strict_json import Refusal
from mesh_core.runtime.metrics import BRIDGE_ADOPTED, BRIDGE_GAPS
from mesh_core.runtime.pulse import unwatched
from mesh_core.runtime.service import cancelled, pause

LISTEN_SECONDS = 20.0  # one wait for a message; a stop does not wait for its end
LEAVE_SECONDS = 3.0  # what Redis has for its answer when we leave
LOOK_SECONDS = 2.0  # as long as the same bytes count as one message
RETRY_SECONDS = 0.5
MOST_WAITING = 250  # messages, of at most 64 KiB as a rule: beyond that they wait in the socket
DEFER_SECONDS = 0.5  # from the hearing on: who knows more names adopts within milliseconds, where it listens at all
THROUGH_TURNS = 20  # of the loop: what lies in the socket before them is through the client after them

log = structlog.get_logger()


@dataclass(frozen=True)
class Heard:
    """A message, and when it came out of the socket."""

    raw: bytes
    hearing: Hearing


class Bridge:
    """One listener, in every planner and in the observer; `actor` is its name in dead letters. Who listens to another
    channel says which, and how one message of it is heard.

    `on_stream` is told each stream that is mentioned, `on_listening` that from now on all of them are: what came before
    has to be looked for. `named` brings what somebody typed to the names that the mesh uses; where it `defers`, another
    listener that knows more of them comes first.
    """

    channel, name = HealthEvent.channel, "bridge"  # the name is that of its connection

    def __init__(
        self,
        bus: Bus,
        actor: str,
        *,
        on_stream: Callable[[str], None] = lambda stream: None,
        on_listening: Callable[[], None] = lambda: None,
        named: Callable[[HealthEvent], HealthEvent] = lambda event: event,
        defers: Callable[[], bool] = lambda: False,
        turned: Callable[[], None] = unwatched,
    ):
        self._bus = bus
        self._actor = actor
        self._on_stream = on_stream
        self._on_listening = on_listening
        self._named = named
        self._defers = defers
        self._turned = turned
        self._subscriptions = 0
        self._waiting: asyncio.Queue[Heard | None] = asyncio.Queue(MOST_WAITING)
        self._is_waiting = False  # for a message
        self._looked_at = -math.inf  # when there was nothing to hear (monotonic)
        self._heard = 0
        self.adopted = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until told to stop; reconnects for ever."""
        loops = [asyncio.create_task(part(stop)) for part in (self._hear_all, self._look_again, self._adopt_all)]
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

    async def _look_again(self, stop: asyncio.Event) -> None:
        """While the listener waits."""
        while not await pause(stop, LOOK_SECONDS, shared=True):
            await self._look()

    async def _listen(self, stop: asyncio.Event) -> None:
        client = client_for(self._bus.url, f"{self._bus.name}-{self.name}", reply_seconds=LISTEN_SECONDS + 5)
        try:
            async with client.pubsub() as listener:
                await listener.subscribe(self.channel)
                self._looked_at = time.monotonic()
                parts = [asyncio.create_task(part) for part in (self._listen_to(listener), _leave(listener, stop))]
                try:
                    await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    await cancelled(*parts)
                for part in parts:
                    if not part.cancelled():
                        part.result()
        finally:
            await client.aclose()

    async def _listen_to(self, listener: PubSub) -> None:
        """Until Redis answers that we have left."""
        while True:
            self._turned()
            message = await self._next_message(listener)
            self._heard += 1
            match message.get("type"):
                case "subscribe":
                    self._count_subscription()
                    self._on_listening()
                case "message":
                    await self._hold(Heard(message["data"], Hearing(time.monotonic(), self._looked_at)))
                case "unsubscribe":
                    return

    async def _next_message(self, listener: PubSub) -> dict[str, Any]:
        """Empty if there was none for LISTEN_SECONDS."""
        self._is_waiting = True
        try:
            return cast("dict[str, Any] | None", await listener.get_message(timeout=LISTEN_SECONDS)) or {}
        except DOWN as error:
            # redis-py tells of a lost connection when it has subscribed on a new one: Redis counts us there by now.
            if listener.connection is None or not listener.connection.is_connected:
                raise
            log.warning("bridge.redis_away", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
            return {}
        finally:
            self._is_waiting = False

    async def _look(self) -> None:
        """Is there nothing to hear now? Told by turns of the loop, not by time: this process may have been stopped for
        long, or have had little of the processor, and its messages as well."""
        began, heard = time.monotonic(), self._heard
        for _ in range(THROUGH_TURNS):
            await asyncio.sleep(0)
        if self._heard == heard and self._is_waiting:
            self._looked_at = began

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
            log.warning("bridge.gap", gaps=self.gaps, channel=self.channel)

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
            await self._refuse(raw, digest, event, await self._bus.heard_at(digest, heard.hearing))
            return
        event = self._named(event)
        if self._defers():
            await asyncio.sleep(max(0.0, heard.hearing.at + DEFER_SECONDS - time.monotonic()))
        if adopted_as := await self._bus.adopt(event, digest, heard.hearing):
            self.adopted += 1
            BRIDGE_ADOPTED.add()
            self._on_stream(FOREIGN_STREAM)
            log.info(
                "bridge.adopted", event_id=adopted_as, type=event.type, node=event.node, service_name=event.service
            )

    async def _refuse(self, raw: bytes, digest: str, why: Refusal, heard_ms: str) -> None:
        """One of several bridges keeps it, by the same rule as for adoption."""
        await self._bus.refuse(
            raw, source=self.channel, reason=why.reason, actor=self._actor, entry_id=f"{digest[:16]}-{heard_ms}"
        )

    async def _holds(self, stream: str, entry: str, raw: bytes) -> bool:
        try:
            rows, _ = await self._bus.page(stream, entry, last=entry, count=1)
        except redis.exceptions.ResponseError:
            return False  # anybody can type an id that is none, or that names a key of another kind
        return any(payload == raw for _, payload in rows)


async def _leave(listener: PubSub, stop: asyncio.Event) -> None:
    """When it is time: whoever published and was told that we are there is heard before Redis answers."""
    await stop.wait()
    await listener.unsubscribe()
    await asyncio.sleep(LEAVE_SECONDS)
