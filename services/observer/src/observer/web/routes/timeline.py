"""GET /incidents/{id}: one trouble from its first symptom to its recovery."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as PathParameter

from observer.index.incident import tell
from observer.index.incident_case import gather
from observer.index.results import Incident
from observer.web.errors import ApiError
from observer.web.looking import look
from observer.web.who import TheRoom, Viewer

router = APIRouter(tags=["history"])


@router.get("/incidents/{incident_id:path}")
def incident(
    room: TheRoom,
    who: Viewer,
    incident_id: Annotated[
        str, PathParameter(max_length=400, description="an action's id, or an event's (its / as it is or as %2F)")
    ],
) -> Incident:
    """Symptoms (announcements of one trouble are one step), decision, models asked, proposal, choice, run, recovery."""
    case = look(room, lambda c, complete: gather(c, incident_id, room.runtime, room.actions))
    if case is None:
        shown = incident_id.encode("ascii", "backslashreplace").decode()[:120]
        raise ApiError(404, "unknown", f"nothing is known of {shown}; GET /api/v1/events and /history list ids")
    return tell(incident_id, case)
