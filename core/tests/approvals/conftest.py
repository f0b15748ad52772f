"""One runtime folder with everybody's verbs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh_core.testing import AllFolders


@pytest.fixture
def actions(tmp_path: Path) -> AllFolders:
    actions = AllFolders(tmp_path)
    actions.prepare()
    return actions
