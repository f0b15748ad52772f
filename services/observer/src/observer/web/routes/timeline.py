"""GET /incidents/{id}: one trouble from its first symptom to its recovery."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as PathParameter

from observer.index.incident_query import load_incident
from observer.index.results import Incident
from observer.index.timeline import build_timeline
from observer.web.dependencies import Context, Viewer
from observer.web.errors import HttpProblem
from observer.web.index_query import query_index

router = APIRouter(tags=["history"])


@router.get("/incidents/{incident_id:path}")
def incident(
    context: Context,
    user: Viewer,
    incident_id: Annotated[
        str, PathParameter(max_length=400, description="an action's id, or an event's (its / as it is or as %2F)")
    ],
) -> Incident:
    """Symptoms (announcements of one trouble are one step), decision, models asked, proposal, choice, run, recovery."""
    case = query_index(context, lambda c, complete: load_incident(c, incident_id, context.runtime, context.actions))
    if case is None:
        shown = incident_id.encode("ascii", "backslashreplace").decode()[:120]
        raise HttpProblem(404, "unknown", f"nothing is known of {shown}; GET /api/v1/events and /history list ids")
    return build_timeline(incident_id, case)
