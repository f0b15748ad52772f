"""Runs of long ago keep their papers; what is young, running or not over is not touched."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from executor_agent.run_files.retention import RunRetention
from mesh_core.models.proposals import Folder
from mesh_core.testing import AllFolders, wait_for

PAPERS = ("proposal.json", "intent.json", "outcome.json", "started", "approved.by.txt")
DAY = 86_400


def run(actions: AllFolders, name: str, days: float, folder: Folder = Folder.DONE, *, over: bool = True) -> Path:
    path = actions.folder(folder) / name
    for part in ("project", "inventory", "logs", "logs/deep"):
        (path / part).mkdir(parents=True)
        (path / part / "file").write_text("x")
    for paper in PAPERS:
        if over or paper != "outcome.json":
            (path / paper).write_text("{}")
    (path / "bundle.zip").write_bytes(b"zip")
    then = time.time() - days * DAY
    for each in (*path.iterdir(), path):
        os.utime(each, (then, then))
    return path


def whole(path: Path) -> bool:
    return (path / "logs" / "deep" / "file").exists() and (path / "bundle.zip").exists()


@pytest.fixture
def actions(tmp_path: Path) -> AllFolders:
    made = AllFolders(tmp_path)
    made.prepare()
    return made


def test_only_the_papers_of_what_ended_long_ago_stay(actions: AllFolders, tmp_path: Path) -> None:
    old = [run(actions, f"plan-{n}", 31, folder) for n, folder in enumerate((Folder.DONE, Folder.FAILED))]
    old.append(run(actions, "plan-i", 900, Folder.INTERRUPTED))
    kept = [
        run(actions, "plan-young", 29),
        run(actions, "plan-running", 90, Folder.RUNNING),
        run(actions, "plan-open", 90, over=False),
    ]
    outside = run(actions, "plan-w", 90, Folder.WITHDRAWN).rename(tmp_path / "outside")
    (actions.folder(Folder.DONE) / "plan-link").symlink_to(outside)
    (old[0] / "logs2").symlink_to(outside)
    then = time.time() - 31 * DAY
    os.utime(old[0], (then, then))
    written = [path.stat().st_mtime for path in old]
    assert RunRetention(actions, 30).thin(asyncio.Event()) == 3
    for path in old:
        assert {p.name for p in path.iterdir()} - {"logs2"} == set(PAPERS)
        assert abs(path.stat().st_mtime - written[old.index(path)]) < 5  # lists show it where it was
        assert actions.executed_before(path.name) is not None
    assert all(whole(path) for path in (*kept, outside))
    assert RunRetention(actions, 30).thin(asyncio.Event()) == 0


async def test_it_thins_at_its_start_ends_when_told_and_0_means_for_ever(actions: AllFolders) -> None:
    path, stop = run(actions, "plan-x", 400), asyncio.Event()
    await asyncio.wait_for(RunRetention(actions, 0).run(stop), 60)
    assert whole(path)
    task = asyncio.create_task(RunRetention(actions, 365).run(stop))
    await wait_for(lambda: not (path / "logs").exists(), 10, "the run to be thin")
    stop.set()
    await asyncio.wait_for(task, 60)
    assert (path / "outcome.json").exists()
