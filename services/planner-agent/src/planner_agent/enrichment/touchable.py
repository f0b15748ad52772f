"""Whether anything can be run on the host of an event: by the inventory, and by who is known to be offline. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from mesh_core.incidents.causes import Cause
from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import HealthEvent
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.inventory.untouchable import untouchable


def why_untouchable(event: HealthEvent, inventory: Inventory | str, causes: Iterable[Cause]) -> str:
    """A sentence, '' where it can, as far as anybody knows. `causes`: those that are known for this event."""
    offline = (one.since for one in causes if one.node == event.node and one.type == EventType.NODE_OFFLINE)
    return untouchable(event, inventory, next(offline, ""))
