"""Somebody else's alert about a service that a node's agent watches, joined with what that agent sees of it now.

One question to Redis for each such event, at the beginning of its planning; events of agents are their own word.
"""

from __future__ import annotations

import redis.exceptions
import structlog

from mesh_core.incidents.sighting import absence_of, read_note, sighting_of
from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.sightings import MAX_NOTE_BYTES
from mesh_core.models.streams import ALIVE_PREFIX

log = structlog.get_logger()


async def with_sighting(bus: Bus, event: HealthEvent) -> HealthEvent:
    """The event with what its node's agent sees of its service, where that is known. Raises BusDown.

    Nothing is known once the sign of life has faded: what is still there was seen within the last two minutes.
    """
    if event.trust is not Trust.FOREIGN or event.service is None:
        return event
    try:
        # One more than a note may have: what a broken agent wrote is not read to its end, and is none.
        raw = await bus.call("GETRANGE", f"{ALIVE_PREFIX}{event.node}", 0, MAX_NOTE_BYTES)
    except redis.exceptions.ResponseError as error:  # an ACL of an older mesh: as before there were notes
        log.info("sightings.refused", error=str(error))
        return event
    note = read_note(raw, event.node)
    seen = sighting_of(event, note.rows) or absence_of(event, note)
    if seen is None:
        return event
    log.info("sightings.joined", event_id=event.id, service=seen.service, state=seen.state)
    return event.model_copy(update={"sighting": seen})
