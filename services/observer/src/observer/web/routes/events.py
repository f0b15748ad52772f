"""GET /events: the archive by filters, newest first. Reads the index, never the files."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from mesh_core.models.events import Severity
from observer.index.events import EventFilter, read_events
from observer.index.results import EventPage
from observer.web.cursors import Cursor
from observer.web.dependencies import Context, Viewer
from observer.web.index_query import NameFilter, TimeFilter, TypeFilter, query_index

router = APIRouter(tags=["events"])


@router.get("/events")
def events(
    context: Context,
    user: Viewer,
    node: NameFilter = None,
    service: NameFilter = None,
    type: TypeFilter = None,
    severity: Annotated[Severity | None, Query(description="this one or worse")] = None,
    since: TimeFilter = None,
    until: TimeFilter = None,
    q: Annotated[
        str, Query(max_length=200, description="whole words that must all occur; a * at the end: its beginning")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> EventPage:
    """Events of the last EVENTS_KEEP_DAYS, newest first."""
    wanted = EventFilter(node, service, type, severity, since, until, q)
    page = partial(read_events, wanted=wanted, limit=limit, cursor=cursor)
    return query_index(context, lambda c, complete: page(c, complete=complete))
