"""Does the probe that saw the trouble see it gone? Reads the node agent's own stream; asks nobody, never repairs.

Only for what a look at the manager cannot see (a web page, a port, an agent on a host that was away), and only where a
node agent said it: nobody repeats a look for a message that a person typed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from redis.exceptions import ResponseError

from mesh_core.actions.register import action_type
from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.rule import ends
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.events import HealthEvent
from mesh_core.models.parsing import event_in
from mesh_core.models.proposals import Proposal
from mesh_core.models.streams import stream_of
from mesh_core.models.strict_json import Refusal

PROBES = frozenset({EventType.HTTP_PROBE_FAILED, EventType.TCP_PROBE_FAILED})
POLL_SECONDS = 0.5

log = structlog.get_logger()

Ask = Callable[[float], Awaitable[bool | None]]


class OriginalProbe:
    def __init__(self, bus: Bus):
        self.bus = bus

    async def listen(self, proposal: Proposal) -> Ask | None:
        """From now on: a question that is answered by what the node agent says after this moment.

        The answer: True (well again), False (announced again as open), None (nothing was said, or no Redis). No
        question at all where the look at the target is proof enough.
        """
        event = proposal.event
        asked = event.type in PROBES or action_type(proposal.type).whole_node  # its agent has to come back, too
        if not asked or not event.incident or not (event.id or "").endswith("-0"):
            return None
        stream = stream_of(event.id or "")[0]
        try:
            start = await self.bus.last_id(stream)
        except BusDown:
            start = f"{int(time.time() * 1000)}-0"

        async def ask(seconds: float) -> bool | None:
            return await self._wait(stream, start, event, seconds)

        return ask

    async def _wait(self, stream: str, position: str, trouble: HealthEvent, seconds: float) -> bool | None:
        deadline, still_red = time.monotonic() + seconds, False
        while True:
            try:
                entries, _ = await self.bus.page(stream, f"({position}")
            except (BusDown, ResponseError) as error:
                log.info("original_probe.no_answer", stream=stream, reason=str(error))
                entries = ()
            for entry_id, raw in entries:
                position = entry_id
                event = event_in(stream, entry_id, raw)
                if isinstance(event, Refusal):
                    continue
                if ends(event, trouble):
                    return True
                still_red = still_red or event.incident == trouble.incident
            if time.monotonic() >= deadline:
                return False if still_red else None
            await asyncio.sleep(POLL_SECONDS)
