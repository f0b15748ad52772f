"""Who took entries out of the mesh's own streams? Whoever may append to one may also cut it off, and no ACL forbids it.

Only the observer removes, and only through here; so it knows how many are gone, and when there are more, people are
told. It brings nothing back, and what was erased while no observer ran it does not notice (docs/decisions/0110).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from mesh_core.incidents.event_types import EventType
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.scripts.reading import COUNTS
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import DeadLetter, Decision, Severity, Trust, WorldUpdate
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.requests import RequestUpdate
from mesh_core.models.streams import ENTERED, MOVES_STREAM
from mesh_core.runtime.service import pause
from observer.own_events import own_event

LOOK_SECONDS = 10.0
# Several services write there. A node's own stream is its own voice: all it can do is take back what it said.
SHARED = (
    ActionUpdate.stream,
    Decision.stream,
    ModelAttempt.stream,
    WorldUpdate.stream,
    DeadLetter.stream,
    MOVES_STREAM,
    RequestUpdate.stream,
    *ENTERED.values(),
)

log = structlog.get_logger()


class Erasures:
    """`run` is a part of the service. `node` is the name of this host: the event is about it."""

    def __init__(self, bus: Bus, node: str):
        self._bus = bus
        self._node = node
        self._gone: dict[str, int] = {}  # stream -> how many of its entries are gone, as it should be
        self._alone = asyncio.Lock()  # what we remove ourselves must not be counted half

    async def run(self, stop: asyncio.Event) -> None:
        while not await pause(stop, LOOK_SECONDS, shared=True):
            try:
                await self.look()
            except BusDown as error:
                log.warning("erasures.redis_away", error=str(error))

    async def remove(self, command: str, stream: str, *arguments: object) -> int:
        """XTRIM or XDEL, as the one who may; how many went. Raises BusDown."""
        async with self._alone:
            expected = self._gone.pop(stream, None)  # a lost reply leaves us without a number
            count = int(await self._bus.call(command, stream, *arguments))
            if expected is not None:
                self._gone[stream] = expected + count
            return count

    async def look(self) -> None:
        """Once over all shared streams. Raises BusDown."""
        async with self._alone:
            counts = await self._bus.script(COUNTS, list(SHARED), [])
            erased = {
                stream: entries
                for stream, count in zip(SHARED, counts, strict=True)
                if (entries := self._erased(stream, count))
            }
        for stream, entries in erased.items():
            log.error("erasures.found", stream=stream, entries=entries)
            event = own_event(EventType.RECORDS_ERASED, self._node, Severity.CRITICAL, stream=stream, entries=entries)
            await self._bus.enter(event, Trust.OBSERVER)

    def _erased(self, stream: str, count: Sequence[int]) -> int:
        """How many entries went since the last look, and not by us. `count`: how many there ever were, and are."""
        if not count:
            self._gone.pop(stream, None)
            return 0
        added, length = count
        gone = added - length
        expected = self._gone.get(stream, gone)
        self._gone[stream] = gone
        return max(0, gone - expected)  # fewer: Redis forgot its last seconds, or is another one
