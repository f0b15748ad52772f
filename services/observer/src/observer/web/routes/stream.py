"""GET /stream: what happens right now, as server-sent events. See web/sse.py for their names."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from observer.web.dependencies import Context, Viewer
from observer.web.sse import event_stream

router = APIRouter(tags=["stream"])


@router.get("/stream", response_class=StreamingResponse)
async def stream(context: Context, user: Viewer) -> StreamingResponse:
    """`event world action attempt request output` as JSON, one message each, and `hello` first.

    `index`: `/events`, `/history`, `/incidents` and `/metrics/...` may say more now; `audit`: so may `/audit`;
    `lag`: something was missed, read all lists again.
    """
    return event_stream(context.sse.subscribe())
