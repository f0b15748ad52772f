"""Did something else on the node fall ill while an action ran? Reads what its agent told; looks at no host.

An agent hears of containers and units at once, so what a run broke is mostly told before its proof is done. Whoever has
no agent, or no Redis at that moment, is told nothing rather than something wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from redis.exceptions import ResponseError

from mesh_core.incidents.rule import ends, is_recovery, is_trouble
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.events import HealthEvent
from mesh_core.models.parsing import event_in
from mesh_core.models.proposals import Proposal
from mesh_core.models.records import rfc3339
from mesh_core.models.streams import EVENT_STREAM_PREFIX, entered_ms

LOOK_BACK_MS = 3_600_000
MAX_PAGES = 8  # of 500 entries
SECONDS = 2.0  # of each of the two readings
MAX_NAMED = 3

log = structlog.get_logger()


@dataclass
class Neighbourhood:
    """The places of a node (a service, or None for the node itself) as its agent told of them, in order."""

    told: set[str | None] = field(default_factory=set)
    open: dict[str | None, list[HealthEvent]] = field(default_factory=dict)

    def hear(self, events: Iterable[HealthEvent]) -> None:
        for event in events:
            self.told.add(event.service)
            if is_trouble(event):
                self.open.setdefault(event.service, []).append(event)
            elif is_recovery(event):
                left = {place: [one for one in some if not ends(event, one)] for place, some in self.open.items()}
                self.open = {place: some for place, some in left.items() if some}

    def well(self) -> frozenset[str]:
        """The services that are well as far as it told."""
        return frozenset(place for place in self.told if place is not None and place not in self.open)


class Neighbours:
    def __init__(self, bus: Bus):
        self._bus = bus

    async def before(self, proposal: Proposal) -> NeighboursBefore | None:
        """To be asked before a run, and its `after` afterwards. None: nobody tells of that node."""
        try:
            async with asyncio.timeout(SECONDS):
                stream = f"{EVENT_STREAM_PREFIX}{proposal.node}"
                last = await self._bus.last_id(stream)
                if last == "0-0":
                    return None
                seen = Neighbourhood()
                since = max(0, entered_ms(f"/{last}") - LOOK_BACK_MS)
                position = await read(self._bus, stream, f"{since}-0", seen)
                return NeighboursBefore(self._bus, proposal, stream, position, seen)
        except (BusDown, ResponseError, TimeoutError) as error:
            log.info("neighbours.unknown", node=proposal.node, reason=str(error))
            return None


class NeighboursBefore:
    """What was told of the node when a run began."""

    def __init__(self, bus: Bus, proposal: Proposal, stream: str, position: str, seen: Neighbourhood):
        self._bus, self._proposal, self._stream, self._position = bus, proposal, stream, position
        self._seen = seen
        self._ill, self._well = frozenset(seen.open), seen.well() - {proposal.service}

    async def after(self) -> str:
        """What became of the others since, as a sentence; '' where nobody can say. May be asked once."""
        try:
            async with asyncio.timeout(SECONDS):
                await read(self._bus, self._stream, self._position, self._seen)
        except (BusDown, ResponseError, TimeoutError) as error:
            log.info("neighbours.unknown", node=self._proposal.node, reason=str(error))
            return ""
        return compared(self._proposal, self._ill, self._well, self._seen)


async def read(bus: Bus, stream: str, position: str, into: Neighbourhood) -> str:
    """Everything after that entry, and the last one's id."""
    for _ in range(MAX_PAGES):
        entries, ended = await bus.page(stream, f"({position}")
        events = [event_in(stream, entry_id, raw) for entry_id, raw in entries]
        into.hear(event for event in events if isinstance(event, HealthEvent))
        if entries:
            position = entries[-1][0]
        if ended:
            break
    return position


def compared(proposal: Proposal, ill: frozenset[str | None], well: frozenset[str], seen: Neighbourhood) -> str:
    """Who else fell ill (`ill` were before), or how many of the `well` ones still are. Pure."""
    node, own = proposal.node, proposal.service
    fell = [some[0] for place, some in seen.open.items() if place not in ill and place != own]
    if fell:
        each = [f"{node}/{one.service or ''} is unhealthy since {_when(one)} ({_type(one)})" for one in fell]
        more = f" and {len(fell) - MAX_NAMED} more" if len(fell) > MAX_NAMED else ""
        return "; ".join(each[:MAX_NAMED]) + more
    if well:
        many = f"{len(well)} other services of {node} were" if len(well) > 1 else f"1 other service of {node} was"
        return f"{many} healthy before and still {'are' if len(well) > 1 else 'is'}"
    return f"nothing else of {node} became unhealthy meanwhile, as far as its agent told"


def _when(event: HealthEvent) -> str:
    return event.timestamp or rfc3339(datetime.fromtimestamp(entered_ms(event.id or "") / 1000, UTC))


def _type(event: HealthEvent) -> str:
    return event.type.replace("_", " ")
