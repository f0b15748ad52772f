"""An executor with a scripted runner, living in a runtime folder of its own; one test, one life."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from executor_agent.testing import Living
from mesh_core.testing import RedisServer, free_port


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Living]:
    """Without Redis: nobody listens at its address."""
    living = Living(tmp_path, f"redis://127.0.0.1:{free_port()}/0")
    yield living
    await living.end()


@pytest.fixture
async def living(tmp_path: Path, redis_server: RedisServer) -> AsyncIterator[Living]:
    """With a real Redis."""
    living = Living(tmp_path, redis_server.url)
    yield living
    await living.end()
