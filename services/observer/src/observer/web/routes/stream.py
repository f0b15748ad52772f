"""GET /stream: what happens right now, as server-sent events. See observer/live.py for their names."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from observer.web.who import TheRoom, Viewer

router = APIRouter(tags=["stream"])


@router.get("/stream", response_class=StreamingResponse)
async def stream(room: TheRoom, who: Viewer) -> StreamingResponse:
    """`event world action attempt output` as JSON, one message each; `lag`: read the lists again; `hello` first."""
    return StreamingResponse(
        room.live.watch(),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
