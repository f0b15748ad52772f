"""The fixture `mesh`: a whole planner in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from planner_rig import Mesh

from mesh_core.testing import RedisServer


@pytest.fixture
async def mesh(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Mesh]:
    made = Mesh(redis_server.url, tmp_path)
    yield made
    await made.stop()
    await made.bus.close()
