"""A folder of silences, and folders of proposals beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh_core.silences.folder import SilenceFolder
from mesh_core.testing import AllFolders


@pytest.fixture
def folder(tmp_path: Path) -> SilenceFolder:
    return SilenceFolder(tmp_path)


@pytest.fixture
def actions(tmp_path: Path) -> AllFolders:
    made = AllFolders(tmp_path)
    made.prepare()
    return made
