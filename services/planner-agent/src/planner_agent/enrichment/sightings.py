"""Somebody else's alert about a service that a node's agent watches, joined with what that agent sees of it now.

One question to Redis for each such event, at the beginning of its planning; events of agents are their own word.
"""

from __future__ import annotations

import structlog

from mesh_core.incidents.event_types import NODE_UNREACHABLE
from mesh_core.incidents.sighting import absence_of, sighting_of
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.sighting_notes import note_of
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.sightings import AGENT_SPEAKS

log = structlog.get_logger()


async def with_sighting(bus: Bus, event: HealthEvent) -> HealthEvent:
    """The event with what its node's agent sees of its service, where that is known; of a node that is said to be
    unreachable, that its agent speaks. Raises BusDown."""
    of_the_node = event.service is None and event.type == NODE_UNREACHABLE
    if event.trust is not Trust.FOREIGN or (event.service is None and not of_the_node):
        return event
    note = await note_of(bus, event.node)
    if of_the_node:
        said = {key: value for key, value in event.payload.items() if key != AGENT_SPEAKS}  # nobody else's word
        return event.model_copy(update={"payload": said | ({AGENT_SPEAKS: True} if note.speaks else {})})
    seen = sighting_of(event, note.rows) or absence_of(event, note)
    if seen is None:
        return event
    log.info("sightings.joined", event_id=event.id, service=seen.service, state=seen.state)
    return event.model_copy(update={"sighting": seen})
