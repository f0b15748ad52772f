"""What Redis may forget: entries that every group has acknowledged, and records older than a week. Never by length."""

from __future__ import annotations

import asyncio
import time

import redis.exceptions
import structlog

from mesh_core.messaging.bus import BusDown
from mesh_core.messaging.consumer import KEEP_MS, Consumer
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import DeadLetter, Decision, WorldUpdate
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.requests import RequestUpdate
from mesh_core.models.streams import EVENT_STREAM_PREFIX, MOVES_STREAM
from mesh_core.runtime.service import pause
from observer.streams.erasures import Erasures

TRIM_SECONDS = 300.0  # a Redis that becomes full is trimmed at once: memory_pressure.py
WEEK_MS = 7 * 86_400_000
READERS = ("planner", "observer")
RECORDS = (WorldUpdate.stream, DeadLetter.stream)  # nobody has to have read these
KEPT = (
    Decision.stream,
    ModelAttempt.stream,
    ActionUpdate.stream,
    MOVES_STREAM,
    RequestUpdate.stream,
)  # these go once they are on disk as well

log = structlog.get_logger()


class Trimming:
    """The one place that trims: an entry that some group still needs stays, however old."""

    def __init__(self, consumer: Consumer, erasures: Erasures):
        self._consumer = consumer
        self._erasures = erasures

    async def run(self, stop: asyncio.Event) -> None:
        while not await pause(stop, TRIM_SECONDS, shared=True):
            try:
                await self.trim()
            except BusDown as error:
                log.warning("trimming.redis_away", error=str(error))
            except redis.exceptions.ResponseError as error:  # a stream that somebody wiped or replaced meanwhile
                log.warning("trimming.refused", error=str(error))

    async def trim(self, *, event_ms: int = KEEP_MS, record_ms: int = WEEK_MS) -> None:
        """Once over all streams; what is younger than so many ms stays in any case. Raises BusDown."""
        remove = self._erasures.remove
        await self._consumer.trim(groups=READERS, prefix=EVENT_STREAM_PREFIX, keep_ms=event_ms, remove=remove)
        for stream in KEPT:
            await self._consumer.trim(prefix=stream, keep_ms=record_ms, remove=remove)
        oldest = int(time.time() * 1000) - record_ms
        for stream in RECORDS:
            await remove("XTRIM", stream, "MINID", "~", f"{oldest}-0")
