"""Which trouble waits because something is at work on its host, as planners noted it in Redis. Reads only."""

from __future__ import annotations

from datetime import datetime, timedelta

from mesh_core.messaging.bus import NOT_SERVED, Bus
from mesh_core.messaging.rows import read_rows
from mesh_core.models.records import Name, Record, ServiceName, Timestamp, parse_time
from mesh_core.models.streams import HELD_KEY

SEEN_WITHIN = timedelta(seconds=150)  # its agent announces it each minute as long as it lasts


class HeldTrouble(Record):
    """`at`: when it was announced last; `told_by`: the event with which people were told all the same, '' for none."""

    node: Name
    service: ServiceName | None
    type: str
    reason: str
    at: Timestamp
    told_by: str = ""

    @property
    def told(self) -> str:
        return f"{self.service or self.node} on {self.node} ({self.type.replace('_', ' ')}): {self.reason}"


async def held_now(bus: Bus, now: datetime) -> list[HeldTrouble]:
    """By place, those that nobody was told of; empty as well when Redis does not answer."""
    try:
        rows = await bus.call("HVALS", HELD_KEY)
    except NOT_SERVED:
        return []
    return sorted(
        (one for one in read_rows(HeldTrouble, rows) if not one.told_by and now - parse_time(one.at) < SEEN_WITHIN),
        key=lambda one: (one.node, one.service or ""),
    )
