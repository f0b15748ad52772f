"""What another system told of a node and what is open there still, told once more when a silent node is back.

While a node is offline that explains all trouble of it, and nothing else is proposed. An agent announces again what
lasts; a monitor that speaks once (Uptime Kuma, a script) or every few hours (Alertmanager) does not, and of what fails
there still nobody would hear. Its words enter once more, as if it had repeated them; nothing of it is judged here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog
from pydantic import ValidationError

from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.runtime.service import pause
from mesh_core.storage.event_files import PLAIN, blocks_of_a_day, day_folders
from mesh_core.storage.json_files import object_in
from observer.world import HealthState, World

LOOK_SECONDS = 15.0
SETTLE_SECONDS = 120.0  # a host that was started has to start what runs there; most alerts end by themselves
MOST_DAYS, MOST_ALERTS = 8, 100

log = structlog.get_logger()


class ToldAgain:
    """`events` is the archive's folder."""

    def __init__(
        self, bus: Bus, world: Callable[[], World], events: Path, *, clock: Callable[[], float] = time.monotonic
    ):
        self._bus = bus
        self._world = world
        self._events = events
        self._clock = clock
        self._offline: set[str] = set()
        self._due: dict[str, float] = {}

    async def run(self, stop: asyncio.Event) -> None:
        while not await pause(stop, LOOK_SECONDS, shared=True):
            try:
                await self.look()
            except BusDown as error:
                log.warning("told_again.redis_away", error=str(error))

    async def look(self) -> None:
        """Who is back, and for long enough? May be repeated; raises BusDown."""
        nodes = [place for place in self._world().places.values() if place.service is None]
        offline = {place.node for place in nodes if place.state is HealthState.OFFLINE}
        for node in self._offline - offline:
            self._due[node] = self._clock() + SETTLE_SECONDS
        self._offline = offline
        for node in [node for node, due in self._due.items() if due <= self._clock() or node in offline]:
            if node not in offline:
                await self._tell(node)
            del self._due[node]

    async def _tell(self, node: str) -> None:
        wanted = self._open_at(node)
        for event in await asyncio.to_thread(last_told, self._events, node, wanted) if wanted else ():
            again = event.model_copy(update={"payload": {**event.payload, "announced_again": True}, "sighting": None})
            # Under a name of the kind that the ACL of an older mesh lets us keep.
            key = f"online:{node}:again:{event.id}"
            if await self._bus.enter(again, Trust.FOREIGN, idempotency_key=key):
                log.info("told_again.entered", event_id=event.id, type=event.type, incident=event.incident)

    def _open_at(self, node: str) -> set[str]:
        """The incidents that are open there and that its own agent did not open: those are called after the node."""
        places = [place for place in self._world().places.values() if place.node == node]
        named = (name for place in places for name in place.open if name not in place.unnamed)
        return set([name for name in named if not name.startswith(f"{node}/")][:MOST_ALERTS])


def last_told(events: Path, node: str, incidents: set[str]) -> list[HealthEvent]:
    """The last words of somebody else about each of these, as the archive has them. Reads the days backwards."""
    found: dict[str, HealthEvent] = {}
    for day in sorted(day_folders(events), key=lambda folder: folder.name, reverse=True)[:MOST_DAYS]:
        missing = incidents - found.keys()
        if not missing:
            break
        told = (event for event in _of_a_day(day / (node + PLAIN), missing) if event.trust is Trust.FOREIGN)
        found |= {event.incident: event for event in told if event.incident in missing}
    return list(found.values())


def _of_a_day(plain: Path, incidents: set[str]) -> Iterator[HealthEvent]:
    """In the order of entering; only lines that name one of these are read."""
    names = [json.dumps(name, ensure_ascii=False).encode() for name in incidents]
    for block in blocks_of_a_day(plain):
        for line in block.splitlines():
            if any(name in line for name in names) and (event := _event_in(line)):
                yield event


def _event_in(line: bytes) -> HealthEvent | None:
    try:
        return HealthEvent.model_validate(object_in(line).get("event"))
    except ValidationError:
        return None  # a decision, or what nobody can read any more
