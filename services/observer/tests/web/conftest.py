"""The observer's API in this process, on a real Redis and real folders; asked in HTTP's own shapes, without a port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from observer_rig import Desk

from mesh_core.messaging.bus import Bus
from mesh_core.testing import AllFolders, RedisServer
from observer.web.app import make_app
from observer.web.app_context import AppContext
from observer.web.sse import SseBroadcaster
from observer.world import World


@pytest.fixture
async def desk(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Desk]:
    actions = AllFolders(tmp_path)
    actions.prepare()
    bus = Bus.connect(redis_server.url, "test")
    live = SseBroadcaster(redis_server.url, "test")
    seen = [World()]
    context = AppContext(tmp_path, actions, bus, lambda: seen[0], live)
    transport = httpx.ASGITransport(make_app(context), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8686/api/v1") as http:
        yield Desk(actions, bus, http, live, seen)
    await bus.close()
