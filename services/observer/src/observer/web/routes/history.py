"""GET /history: what became of proposals, by filters, newest first. Reads the index, never the files."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from mesh_core.models.proposals import Folder, ProposalType
from observer.index.history import HistoryFilter, read_history
from observer.index.results import HistoryPage
from observer.web.cursors import Cursor
from observer.web.looking import Moment, NameFilter, look
from observer.web.who import TheRoom, Viewer

router = APIRouter(tags=["history"])


@router.get("/history")
def history(
    room: TheRoom,
    who: Viewer,
    node: NameFilter = None,
    service: NameFilter = None,
    type: Annotated[ProposalType | None, Query(description="what it runs, or would run")] = None,
    action: Annotated[Literal["restart", "redeploy", "notify", "playbook"] | None, Query()] = None,
    result: Annotated[Folder | None, Query(description="the folder that it lies in")] = None,
    verdict: Annotated[Literal["proven", "not_helped", "inconclusive", "not_run"] | None, Query()] = None,
    since: Moment = None,
    until: Moment = None,
    open: Annotated[bool, Query(description="also what waits or runs")] = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> HistoryPage:
    """Proposals that came to rest, the one that moved last first."""
    folder = result.value if result else None
    wanted = HistoryFilter(node, service, type, action, folder, verdict, since, until, open)
    return look(room, lambda c, complete: read_history(c, wanted, limit=limit, cursor=cursor, complete=complete))
