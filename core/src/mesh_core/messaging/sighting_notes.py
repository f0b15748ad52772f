"""The note that a node's own agent leaves with its sign of life: what it sees running there at present."""

from __future__ import annotations

import redis.exceptions
import structlog

from mesh_core.incidents.sighting import SightingsNote, read_note
from mesh_core.messaging.bus import Bus
from mesh_core.models.sightings import MAX_NOTE_BYTES
from mesh_core.models.streams import ALIVE_PREFIX

log = structlog.get_logger()


async def note_of(bus: Bus, node: str) -> SightingsNote:
    """One question to Redis; of a node without a fresh note nothing is known. Raises BusDown.

    Nothing is known once the sign of life has faded: what is still there was seen within the last two minutes.
    """
    try:
        # One more than a note may have: what a broken agent wrote is not read to its end, and is none.
        raw = await bus.call("GETRANGE", f"{ALIVE_PREFIX}{node}", 0, MAX_NOTE_BYTES)
    except redis.exceptions.ResponseError as error:  # an ACL of an older mesh: as before there were notes
        log.info("sightings.refused", error=str(error))
        return SightingsNote()
    return read_note(raw, node)
