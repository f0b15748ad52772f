"""What a node's own agent sees running there, for an alert that names a service in its headline alone.

One question to Redis for each node that a request speaks so of. Of a node without a fresh note nothing is known.
"""

from __future__ import annotations

from mesh_core.messaging.bus import Bus
from mesh_core.messaging.sighting_notes import note_of
from observer.hooks.service_in_names import service_in_headline


class SeenServices:
    """Of one request."""

    def __init__(self, bus: Bus):
        self._bus = bus
        self._known: dict[str, dict[str, str]] = {}

    async def named_in(self, headline: str, node: str) -> str:
        """The one service of this node that is named there, as its agent calls it; '' for none. Raises BusDown."""
        if not headline:
            return ""
        if node not in self._known:
            self._known[node] = await self._services_of(node)
        return service_in_headline(headline, self._known[node])

    async def _services_of(self, node: str) -> dict[str, str]:
        rows = (await note_of(self._bus, node)).rows
        return {name: one.service for one in rows for name in (*one.names, one.service)}
