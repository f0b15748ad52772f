"""Whether a file is still the one that was read before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mesh_core.storage.file_stamp import WhenChanged, stamp_of


def test_a_stamp_differs_once_the_file_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    seen = [stamp_of(file)]

    def differs() -> bool:
        seen.append(stamp_of(file))
        return seen[-1] != seen[-2]

    assert not differs()
    file.write_text("a")
    assert differs()
    assert not differs()
    file.write_text("ab")
    assert differs()
    os.utime(file, (1, 1))
    assert differs()
    file.chmod(0o600 if file.stat().st_mode & 0o077 else 0o644)
    assert differs()
    (tmp_path / "other").write_text("ab")
    (tmp_path / "other").rename(file)
    assert differs()
    file.unlink()
    assert differs()


def test_what_was_read_is_kept_until_the_file_changes(tmp_path: Path) -> None:
    file, reads = tmp_path / "file", 0

    def read() -> list[str]:
        nonlocal reads
        reads += 1
        return file.read_text().split()

    kept = WhenChanged(read, lambda: stamp_of(file))
    with pytest.raises(FileNotFoundError):
        kept.value()
    file.write_text("a b")
    assert kept.value() is kept.value()
    assert (kept.value(), reads) == (["a", "b"], 2)
    file.write_text("a b c")
    assert (kept.value(), reads) == (["a", "b", "c"], 3)
