"""The fixtures `mesh` and `requests`: a whole planner, and its part for requests, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from planner_rig import Mesh
from request_rig import Requests

from mesh_core.testing import RedisServer


@pytest.fixture
async def mesh(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Mesh]:
    made = Mesh(redis_server.url, tmp_path)
    yield made
    await made.stop()
    await made.bus.close()


@pytest.fixture
async def requests(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Requests]:
    """A planner's part for requests, not started."""
    made = Requests(redis_server.url, tmp_path)
    yield made
    await made.stop()
