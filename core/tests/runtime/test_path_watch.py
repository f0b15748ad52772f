"""Whoever looks at folders and files is told of each change: at once by the kernel, and without it by their times."""

from __future__ import annotations

from mesh_core.runtime.log import setup

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from mesh_core.runtime import path_watch
from mesh_core.runtime.path_watch import PathWatch
from mesh_core.testing import wait_for


@asynccontextmanager
async def watching(*paths: Path) -> AsyncIterator[Callable[[], int]]:
    hints: list[float] = []
    watch, stop = PathWatch(), asyncio.Event()
    watch.subscribe(lambda: hints.append(time.monotonic()), *paths)
    running = asyncio.create_task(watch.run(stop))
    await asyncio.sleep(0)
    yield lambda: len(hints)
    stop.set()
    await asyncio.wait_for(running, 60)


def deaf(*_: object) -> None:
    raise OSError(24, "no inotify left")


async def test_a_move_is_told_at_once_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_watch, "LOOK_SECONDS", 3600.0)  # the kernel alone
    here, there = tmp_path / "pending", tmp_path / "rejected"
    here.mkdir(), there.mkdir()
    (here / "a").touch()
    async with watching(here, there) as told:
        before = told()
        (here / "a").rename(there / "a")
        await wait_for(lambda: told() >= before + 2, 30, "both folders are told of")
        assert told() == before + 2


async def test_without_inotify_the_times_tell_of_folders_and_of_files_that_are_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_watch, "FolderWatch", deaf)
    monkeypatch.setattr(path_watch, "LOOK_SECONDS", 0.05)
    file, later = tmp_path / "users.yml", tmp_path / "silences"
    file.write_text("users: {}\n")
    async with watching(file, later) as told:
        for change in (lambda: file.write_text("users: {}\n#\n"), later.mkdir, (later / "x").touch):
            before = told()
            change()
            await wait_for(lambda before=before: told() > before, 30, "it is told of")  # type: ignore[misc]


async def test_a_folder_that_was_made_anew_is_watched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_watch, "LOOK_SECONDS", 0.05)
    folder = tmp_path / "approved"
    folder.mkdir()
    watch = PathWatch()
    hints: list[int] = []
    watch.subscribe(lambda: hints.append(1), folder)
    watch.look()
    folder.rename(tmp_path / "approved-before")
    folder.mkdir()
    watch.look()
    hints.clear()
    (folder / "new").touch()
    await wait_for(lambda: hints, 30, "the new folder is heard")
    stop = asyncio.Event()
    stop.set()
    await watch.run(stop)


async def test_what_does_not_change_is_not_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = time.time() - 3600
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path):
        os.utime(path, (old, old))
    watch = PathWatch()
    hints: list[int] = []
    watch.subscribe(lambda: hints.append(1), tmp_path / "file", tmp_path / "none")
    for _ in range(5):
        watch.look()
    assert hints == [1]  # of what was there at the first look


async def test_that_there_is_no_inotify_left_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(path_watch, "FolderWatch", deaf)
    setup("observer", stream=sys.stdout)
    watch = PathWatch()
    watch.subscribe(lambda: None, tmp_path, tmp_path.parent)
    for _ in range(3):
        watch.look()
    structlog.reset_defaults()
    (line,) = capsys.readouterr().out.splitlines()
    assert "path_watch.no_inotify" in line
    assert "changes are seen within 2 s" in line
