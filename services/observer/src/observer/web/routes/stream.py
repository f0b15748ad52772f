"""GET /stream: what happens right now, as server-sent events. See observer/live.py for their names."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from observer.web.who import TheRoom, Viewer

router = APIRouter(tags=["stream"])


@router.get("/stream", response_class=StreamingResponse)
async def stream(room: TheRoom, who: Viewer) -> StreamingResponse:
    """`event world action attempt output` as JSON, one message each, and `hello` first.

    `index`: `/events`, `/history`, `/incidents` and `/metrics/...` may say more now; `audit`: so may `/audit`;
    `lag`: something was missed, read all lists again.
    """
    return StreamingResponse(
        room.live.watch(),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
