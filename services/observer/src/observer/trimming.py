"""What Redis may forget: entries that every group has acknowledged, and records older than a week. Never by length."""

from __future__ import annotations

import asyncio
import time

import redis.exceptions
import structlog

from mesh_core.bus import Bus, BusDown
from mesh_core.consumer import Consumer
from mesh_core.records import ActionUpdate, DeadLetter, Decision, ModelAttempt, WorldUpdate
from mesh_core.service import pause
from mesh_core.streams import EVENT_STREAM_PREFIX, MOVES_STREAM

TRIM_SECONDS = 60.0
WEEK_MS = 7 * 86_400_000
READERS = ("planner", "observer")
RECORDS = (WorldUpdate.stream, DeadLetter.stream)  # nobody has to have read these
KEPT = (
    Decision.stream,
    ModelAttempt.stream,
    ActionUpdate.stream,
    MOVES_STREAM,
)  # these go once they are on disk as well

log = structlog.get_logger()


class Trimming:
    """The one place that trims: an entry that some group still needs stays, however old."""

    def __init__(self, bus: Bus, consumer: Consumer):
        self._bus = bus
        self._consumer = consumer

    async def run(self, stop: asyncio.Event) -> None:
        while not await pause(stop, TRIM_SECONDS):
            try:
                await self.trim()
            except BusDown as error:
                log.warning("trimming.redis_away", error=str(error))
            except redis.exceptions.ResponseError as error:  # a stream that somebody wiped or replaced meanwhile
                log.warning("trimming.refused", error=str(error))

    async def trim(self) -> None:
        """Once over all streams. Raises BusDown."""
        await self._consumer.trim(groups=READERS, prefix=EVENT_STREAM_PREFIX)
        for stream in KEPT:
            await self._consumer.trim(keep_ms=WEEK_MS, prefix=stream)
        oldest = int(time.time() * 1000) - WEEK_MS
        for stream in RECORDS:
            await self._bus.call("XTRIM", stream, "MINID", "~", f"{oldest}-0")
