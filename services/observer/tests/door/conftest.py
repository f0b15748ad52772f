"""The API behind its gate: `door` where everybody signs in, `link_door` where nobody is listed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from door_rig import Door, add_people, door_at

from mesh_core.testing import free_port

NO_REDIS = f"redis://127.0.0.1:{free_port()}/0"  # who may decide is no question for Redis


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    add_people(tmp_path)
    async with door_at(tmp_path, NO_REDIS) as made:
        yield made


@pytest.fixture
async def link_door(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_at(tmp_path / "link", NO_REDIS) as made:
        yield made
