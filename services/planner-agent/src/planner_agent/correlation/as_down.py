"""What a restart is for is down, whatever its event is called: another system names its alerts as it likes. Pure."""

from __future__ import annotations

from mesh_core.actions.choices import RESTART
from mesh_core.incidents.event_types import SERVICE_DOWN
from mesh_core.models.events import HealthEvent


def as_down(event: HealthEvent, choice: str) -> HealthEvent:
    """The same, as one that says so where a restart of its service is the `choice`."""
    if event.service is None or choice != RESTART.word:
        return event
    return event.model_copy(update={"type": SERVICE_DOWN})
