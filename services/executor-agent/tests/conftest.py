"""An executor with a scripted runner, living in a runtime folder of its own; one test, one lifecycle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from executor_rig import ExecutorHarness

from mesh_core.testing import RedisServer, free_port


@pytest.fixture
async def without_redis(tmp_path: Path) -> AsyncIterator[ExecutorHarness]:
    """Without Redis: nobody listens at its address."""
    harness = ExecutorHarness(tmp_path, f"redis://127.0.0.1:{free_port()}/0")
    yield harness
    await harness.end()


@pytest.fixture
async def harness(tmp_path: Path, redis_server: RedisServer) -> AsyncIterator[ExecutorHarness]:
    """With a real Redis."""
    harness = ExecutorHarness(tmp_path, redis_server.url)
    yield harness
    await harness.end()
