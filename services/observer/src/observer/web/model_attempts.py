"""Which models were asked about an event, out of the stream of attempts. Reads only."""

from __future__ import annotations

from pydantic import ValidationError

from mesh_core.messaging.bus import Bus
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.streams import entered_ms

ATTEMPTS_WITHIN_MS = 15 * 60_000  # a ladder takes 68 s at most; a planner that died meanwhile a little longer
MOST_READ = 5_000


async def attempts_for(bus: Bus, event_id: str) -> list[ModelAttempt]:
    """Every try of a model at this event, in order; those of the last week at most. Raises BusDown."""
    ms = entered_ms(event_id)
    rows, _ = await bus.page(ModelAttempt.stream, str(ms), last=str(ms + ATTEMPTS_WITHIN_MS), count=MOST_READ)
    found = []
    for _, raw in rows:
        try:
            attempt = ModelAttempt.model_validate_json(raw)
        except ValidationError:
            continue
        if attempt.event_id == event_id:
            found.append(attempt)
    return found
