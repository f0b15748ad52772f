"""The fixtures `group` and `listeners` (bridges), on each server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from bridge_rig import Listeners
from consumer_rig import Group

from mesh_core.testing import RedisServer


@pytest.fixture
async def group(redis_each: RedisServer) -> AsyncIterator[Group]:
    made = Group(redis_each.url)
    yield made
    await made.close()


@pytest.fixture
async def listeners(redis_each: RedisServer) -> AsyncIterator[Listeners]:
    made = Listeners(redis_each.url)
    yield made
    await made.close()
