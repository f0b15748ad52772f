"""Whether anything can be run on the host of an event: by the inventory of now, and by who is known to be offline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import HealthEvent
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.untouchable import untouchable
from planner_agent.cause_book import CauseBook


class Touchable:
    """`inventory` reads it anew where it changed; may block."""

    def __init__(self, causes: CauseBook, inventory: Callable[[], Inventory | str]):
        self._causes = causes
        self._inventory = inventory

    async def why_not(self, event: HealthEvent) -> str:
        """A sentence, '' where it can, as far as anybody knows. Raises BusDown."""
        inventory = await asyncio.to_thread(self._inventory)
        known = await self._causes.causes_for(event)
        offline = (one.since for one in known if one.node == event.node and one.type == EventType.NODE_OFFLINE)
        return untouchable(event, inventory, next(offline, ""))
