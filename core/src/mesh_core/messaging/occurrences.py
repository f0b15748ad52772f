"""How often the trouble behind a proposal came while it waits: counted in Redis, not in the file. Reads only."""

from __future__ import annotations

from collections.abc import Sequence

from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.streams import OCCURRENCES_KEY


async def occurrences_of(bus: Bus, event_ids: Sequence[str]) -> list[int | None]:
    """How often each trouble was seen so far (1: once); None for each when Redis does not answer."""
    if not event_ids:
        return []
    try:
        counts = await bus.call("HMGET", OCCURRENCES_KEY, *event_ids)
    except BusDown:
        return [None] * len(event_ids)
    return [1 + int(count or 0) for count in counts]
