"""The API behind its middleware: `app` where everybody signs in, `by_link` where nobody is listed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from auth_rig import ServedApp, add_people, serve_app

from mesh_core.testing import free_port

NO_REDIS = f"redis://127.0.0.1:{free_port()}/0"  # who may decide is no question for Redis


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[ServedApp]:
    add_people(tmp_path)
    async with serve_app(tmp_path, NO_REDIS) as made:
        yield made


@pytest.fixture
async def by_link(tmp_path: Path) -> AsyncIterator[ServedApp]:
    async with serve_app(tmp_path / "link", NO_REDIS) as made:
        yield made
