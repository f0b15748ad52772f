"""What else is wrong because of the trouble behind a proposal, as planners noted it in Redis. Reads only."""

from __future__ import annotations

from typing import NamedTuple

from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.streams import EXPLAINED_PREFIX


class Explained(NamedTuple):
    """`service` None: of the node itself."""

    node: str
    service: str | None
    type: str

    @property
    def told(self) -> str:
        return f"{self.service or self.node} ({self.type.replace('_', ' ')})"


async def explained_by(bus: Bus, action_id: str) -> list[Explained]:
    """By place; empty as well when Redis does not answer."""
    try:
        rows = await bus.call("HGETALL", f"{EXPLAINED_PREFIX}{action_id}")
    except BusDown:
        return []
    return [_read(bytes(place).decode(), bytes(type_).decode()) for place, type_ in sorted(rows.items())]


def _read(place: str, type_: str) -> Explained:
    node, _, service = place.partition("/")
    return Explained(node, service or None, type_)
