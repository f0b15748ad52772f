"""What lies in a folder that may not be there; what only could not be read is never taken for empty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mesh_core.storage.listing import MISSING, entries


def test_a_folder_that_is_missing_or_none_is_empty_and_a_limit_holds(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).touch()
    assert {entry.name for entry in entries(tmp_path)} == {"a", "b", "c"}
    assert len(entries(tmp_path, limit=2)) == 2
    assert entries(tmp_path / "none") == entries(tmp_path / "a") == []


def test_only_what_is_tolerated_passes_for_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: Path) -> None:
        raise PermissionError(13, "not ours")

    monkeypatch.setattr(os, "scandir", refused)
    assert entries(tmp_path) == []
    with pytest.raises(PermissionError):
        entries(tmp_path, tolerated=MISSING)
