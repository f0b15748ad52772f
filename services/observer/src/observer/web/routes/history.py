"""GET /history: what became of proposals, by filters, newest first. Reads the index, never the files."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.proposals import ActionWord, Folder
from observer.index.history import HistoryFilter, read_history
from observer.index.results import HistoryPage
from observer.web.cursors import Cursor
from observer.web.dependencies import Context, Viewer
from observer.web.index_query import NameFilter, TimeFilter, query_index

router = APIRouter(tags=["history"])


@router.get("/history")
def history(
    context: Context,
    user: Viewer,
    node: NameFilter = None,
    service: NameFilter = None,
    type: Annotated[ActionWord | None, Query(description="what it runs, or would run")] = None,
    action: Annotated[ActionWord | None, Query()] = None,
    result: Annotated[Folder | None, Query(description="the folder that it lies in")] = None,
    verdict: Annotated[OutcomeVerdict | None, Query()] = None,
    since: TimeFilter = None,
    until: TimeFilter = None,
    open: Annotated[bool, Query(description="also what waits or runs")] = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> HistoryPage:
    """Proposals that came to rest, the one that moved last first."""
    folder = result.value if result else None
    wanted = HistoryFilter(node, service, type, action, folder, verdict, since, until, open)
    page = partial(read_history, wanted=wanted, limit=limit, cursor=cursor)
    return query_index(context, lambda c, complete: page(c, complete=complete))
