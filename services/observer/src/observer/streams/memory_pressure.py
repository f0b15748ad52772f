"""Room in Redis before it is full: a full one (`noeviction`) takes no event and no acknowledgement's record of anybody.

What everybody has dealt with goes first, an hour or a week earlier than else. If that is not enough, the largest stream
loses its older half, read or not, and people are told: one node that floods pays with its own events, not with others'.
Where the streams are not what fills it (answers that nobody fetches), none is cut.
"""

from __future__ import annotations

import asyncio

import redis.exceptions
import structlog

from mesh_core.incidents.event_types import EventType
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.consumer import Consumer
from mesh_core.messaging.redis_limits import MOST_BYTES
from mesh_core.messaging.redis_state import read_state
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.records import is_name
from mesh_core.models.streams import EVENT_STREAM_PREFIX
from mesh_core.runtime.service import pause
from observer.own_events import own_event
from observer.streams.erasures import Erasures
from observer.streams.trimming import RECORDS, Trimming

AGAIN_SECONDS = 0.1  # while there is too little room
PRESSED = 0.7  # of maxmemory: 58 MB are left for what comes until the next look
LOOK_SECONDS, LONGEST_SECONDS = 2.0, 10.0
FASTEST = 29e6  # bytes/s that what is left then takes within LOOK_SECONDS: with more room the next look comes later
WORTH_CUTTING = 0.25  # of what Redis may hold: with less in all streams it is full of something else
YOUNG_MS = 60_000  # this much stays in any case where nothing has to be cut: readers without a group are this close
TELL_SECONDS = 3600

log = structlog.get_logger()


class MemoryPressure:
    """`run` is a part of the service. `node`: this host, named where the stream is nobody's own."""

    def __init__(self, bus: Bus, consumer: Consumer, trimming: Trimming, erasures: Erasures, node: str):
        self._bus = bus
        self._consumer = consumer
        self._trimming = trimming
        self._erasures = erasures
        self._node = node
        self._next_look_seconds = LOOK_SECONDS
        self._most_bytes = MOST_BYTES
        self._untold: dict[str, HealthEvent] = {}

    async def run(self, stop: asyncio.Event) -> None:
        pressed = False
        while not await pause(stop, AGAIN_SECONDS if pressed else self._next_look_seconds, shared=True):
            try:
                pressed = await self.look()
            except BusDown as error:
                log.warning("memory_pressure.redis_away", error=str(error))
            except redis.exceptions.ResponseError as error:  # somebody's own Redis, with an ACL of an older mesh
                log.warning("memory_pressure.refused", error=str(error))

    async def look(self) -> bool:
        """Once; nothing happens while there is room. False then. Raises BusDown."""
        pressed = await self._make_room()
        for stream in list(self._untold):  # Redis may have been too full to take it
            event = self._untold[stream]
            await self._bus.enter(
                event, Trust.OBSERVER, idempotency_key=f"overflow:{stream}", idempotency_seconds=TELL_SECONDS
            )
            del self._untold[stream]
        return pressed

    async def _make_room(self) -> bool:
        if not await self._is_pressed():
            return False
        await self._trimming.trim(event_ms=YOUNG_MS, record_ms=YOUNG_MS)
        if not await self._is_pressed():
            return True
        streams = await self._consumer.all_streams()
        sizes = {stream: await self._size(stream) for stream in sorted(streams | set(RECORDS))}
        if sum(sizes.values()) >= WORTH_CUTTING * self._most_bytes:
            largest = max(sizes, key=lambda stream: sizes[stream])
            dropped = await self._halve(largest, sizes[largest])
            self._untold[largest] = self._event(largest, sizes[largest], dropped)
        return True

    async def _is_pressed(self) -> bool:
        state = await read_state(self._bus, "memory")
        self._most_bytes = state.most_bytes or MOST_BYTES
        room = PRESSED * self._most_bytes - state.used_bytes
        self._next_look_seconds = min(LONGEST_SECONDS, LOOK_SECONDS + max(0.0, room) / FASTEST)
        return room < 0

    async def _size(self, stream: str) -> int:
        # All of its parts: by a sample of the first five a stream that becomes fat at its end looks thin.
        return int(await self._bus.call("MEMORY", "USAGE", stream, "SAMPLES", 0) or 0)

    async def _halve(self, stream: str, size: int) -> int:
        """By bytes: its first half may be a hundredth of them."""
        length, dropped, most = int(await self._bus.call("XLEN", stream)), 0, size / 2
        while length and size > most:
            length //= 2
            dropped += await self._erasures.remove("XTRIM", stream, "MAXLEN", length)
            size = await self._size(stream)
        return dropped

    def _event(self, stream: str, size: int, dropped: int) -> HealthEvent:
        log.error("memory_pressure.dropped", stream=stream, bytes=size, entries=dropped)
        writer = stream.removeprefix(EVENT_STREAM_PREFIX)
        node = writer if is_name(writer) else self._node
        lost = {"stream": stream, "bytes": size, "dropped": dropped}
        return own_event(EventType.STREAM_OVERFLOW, node, Severity.CRITICAL, **lost)
