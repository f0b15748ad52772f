"""What the kernel says of one folder, with the real one."""

from __future__ import annotations

import asyncio
import contextlib
import select
from pathlib import Path

import pytest

from mesh_core.storage.folder_watch import APPEARED, VANISHED, WRITTEN, FolderChanges, FolderWatch
from mesh_core.testing import wait_for


async def test_only_the_changes_that_were_asked_for_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    names: list[str | None] = []
    lost: list[str | None] = []
    with (
        contextlib.closing(FolderWatch(folder, WRITTEN | APPEARED, names.append)),
        contextlib.closing(FolderWatch(folder, VANISHED, lost.append)),
    ):
        (tmp_path / "moved").write_text("x")
        (tmp_path / "moved").rename(folder / "moved")
        (folder / "written").write_text("x")
        await wait_for(lambda: names == ["moved", "written", "written"], 10, "a move, a new file and its end")
        (folder / "moved").unlink()
        await wait_for(lambda: lost == ["moved"], 10, "what vanished")
    assert names == ["moved", "written", "written"]


async def test_the_end_of_the_folder_is_told_as_none_and_nothing_comes_after_closing(tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    names: list[str | None] = []
    watch = FolderWatch(folder, APPEARED, names.append)
    folder.rmdir()
    await wait_for(lambda: None in names, 10, "the folder is gone")
    watch.close()
    names.clear()
    folder.mkdir()
    (folder / "late").touch()
    await asyncio.sleep(0)
    assert names == []


async def test_what_cannot_be_watched_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FolderWatch(tmp_path / "none", APPEARED, lambda name: None)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        FolderWatch(tmp_path / "file", APPEARED, lambda name: None)


def test_who_has_no_event_loop_waits_for_it_and_reads_it(tmp_path: Path) -> None:
    with contextlib.closing(FolderChanges(tmp_path, APPEARED)) as changes:
        assert list(changes.read()) == []
        assert select.select([changes], [], [], 0) == ([], [], [])
        (tmp_path / "new").touch()
        assert select.select([changes], [], [], 60)[0] == [changes]
        assert list(changes.read()) == ["new"]
        assert select.select([changes], [], [], 0) == ([], [], [])
