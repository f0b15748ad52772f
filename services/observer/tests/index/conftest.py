"""A shelf: an empty runtime folder and an index over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from index_rig import Shelf, shelf_in


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = shelf_in(tmp_path)
    made.settle()
    yield made
    made.indexer.close()
