"""Who took entries out of the mesh's own streams? Whoever may append to one may also cut it off, and no ACL forbids it.

Only the observer removes, and only through here; so it knows how many are gone, and when there are more, people are
told. It brings nothing back, and what was erased while no observer ran it does not notice (docs/decisions/0110).
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import structlog

from mesh_core.incidents.event_types import EventType
from mesh_core.messaging.bus import Bus, BusDown, or_down
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import DeadLetter, Decision, HealthEvent, Severity, Trust, WorldUpdate
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.records import rfc3339
from mesh_core.models.streams import ENTERED, MOVES_STREAM
from mesh_core.runtime.service import pause

LOOK_SECONDS = 10.0
# Several services write there. A node's own stream is its own voice: all it can do is take back what it said.
SHARED = (
    ActionUpdate.stream,
    Decision.stream,
    ModelAttempt.stream,
    WorldUpdate.stream,
    DeadLetter.stream,
    MOVES_STREAM,
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
        while not await pause(stop, LOOK_SECONDS):
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
            infos = await self._infos()
            erased = {stream: entries for stream, info in infos.items() if (entries := self._erased(stream, info))}
        for stream, entries in erased.items():
            log.error("erasures.found", stream=stream, entries=entries)
            event = HealthEvent(
                type=EventType.RECORDS_ERASED,
                node=self._node,
                severity=Severity.CRITICAL,
                payload={"stream": stream, "entries": entries, "noticed_by": "observer"},
                timestamp=rfc3339(datetime.now(UTC)),
                trust=Trust.OBSERVER,
            )
            await self._bus.enter(event, Trust.OBSERVER)

    async def _infos(self) -> dict[str, dict[bytes, Any]]:
        """XINFO STREAM of each, in one round trip; empty for one that nobody has written yet, or any more."""
        async with self._bus.redis.pipeline(transaction=False) as pipe:
            for stream in SHARED:
                pipe.execute_command("XINFO", "STREAM", stream)
            with or_down():
                replies = await pipe.execute(raise_on_error=False)
        return {stream: reply if isinstance(reply, dict) else {} for stream, reply in zip(SHARED, replies, strict=True)}

    def _erased(self, stream: str, info: dict[bytes, Any]) -> int:
        """How many entries went since the last look, and not by us."""
        if b"entries-added" not in info:  # no such stream, or a server before 7.0
            self._gone.pop(stream, None)
            return 0
        gone = int(info[b"entries-added"]) - int(info[b"length"])
        expected = self._gone.get(stream, gone)
        self._gone[stream] = gone
        return max(0, gone - expected)  # fewer: Redis forgot its last seconds, or is another one
