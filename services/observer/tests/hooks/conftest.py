"""The fixture `serve`: an observer's hooks under the rules that a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from hooks_rig import HERE, Observer, Serve

from mesh_core.messaging.bus import Bus
from mesh_core.testing import AllFolders, RedisServer
from observer.hooks.rules import HookRules
from observer.web.app import make_app
from observer.web.app_context import AppContext
from observer.web.sse import SseBroadcaster
from observer.world import World


@pytest.fixture
def serve(redis_server: RedisServer, tmp_path: Path) -> Serve:
    @asynccontextmanager
    async def begin(rules: HookRules, peer: str = "127.0.0.1") -> AsyncIterator[Observer]:
        bus = Bus.connect(redis_server.url, "test")
        context = AppContext(
            tmp_path, AllFolders(tmp_path), bus, World, SseBroadcaster(redis_server.url, "test"), hooks=rules
        )
        transport = httpx.ASGITransport(make_app(context), raise_app_exceptions=False, client=(peer, 40000))
        try:  # whatever the test finds: what stays open is told in the middle of another one
            async with httpx.AsyncClient(transport=transport, base_url=HERE) as http:
                yield Observer(http, bus)
        finally:
            await bus.close()

    return begin
