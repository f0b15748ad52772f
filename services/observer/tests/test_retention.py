"""Old days go, and nothing else: not what is young, not what was written lately, never actions/."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from index_rig import BASE_MS, Shelf, shelf_in

from mesh_core.testing import wait_for
from observer.index.keys import DAY_MS
from observer.retention import Retention

NOW = datetime.fromtimestamp(BASE_MS / 1000, UTC)


def aged(shelf: Shelf, days: int, node: str = "pi4", *, written: int | None = None) -> Path:
    """A node's folder of events `days` old, written then or `written` days ago."""
    event = shelf.event(at=-days * DAY_MS, node=node)
    shelf.attempt(event, at=-days * DAY_MS)
    folder = shelf.archive.path_of(event.id or "").parent
    moment = BASE_MS / 1000 - (days if written is None else written) * 86_400
    for path in (*folder.iterdir(), folder, *folder.parent.glob("_*")):
        os.utime(path, (moment, moment))
    return folder


def test_what_is_too_old_goes_from_the_disk_and_the_index(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    old = [aged(shelf, days, node) for days in (31, 45, 400) for node in ("pi4", "pi5")]
    young = [aged(shelf, days) for days in (0, 1, 29, 30)]
    shelf.run(shelf.propose(shelf.event(at=-400 * DAY_MS, node="pi9")))
    for path in (tmp_path / "events").rglob("pi9*"):
        os.utime(path, (0, 0))
    shelf.settle()
    assert len(shelf.events().items) == 11
    swept = Retention(tmp_path / "events", 30, clock=lambda: NOW, on_swept=shelf.indexing.forgot)
    assert swept.sweep() > 6
    assert not any(folder.parent.exists() for folder in old)
    assert all(folder.is_dir() for folder in young)
    shelf.settle()
    assert len(shelf.events().items) == len(shelf.events(q="died").items) == len(young)
    assert len(shelf.history().items) == 1
    assert swept.sweep() == 0
    shelf.indexing.close()


def test_an_old_day_that_was_written_lately_stays(tmp_path: Path) -> None:
    # A Raspberry Pi without a clock says 1970 until it has asked the time.
    shelf = shelf_in(tmp_path)
    lately, long_ago = aged(shelf, 900, "pi4", written=3), aged(shelf, 900, "pi5")
    shelf.settle()
    Retention(tmp_path / "events", 365, clock=lambda: NOW, on_swept=shelf.indexing.forgot).sweep()
    shelf.settle()
    assert lately.is_dir()
    assert not long_ago.exists()
    assert [row.node for row in shelf.events().items] == ["pi4"]
    shelf.indexing.close()


def test_links_and_strangers_are_not_followed(tmp_path: Path) -> None:
    outside, events = tmp_path / "outside", tmp_path / "events"
    (outside / "pi4").mkdir(parents=True)
    (outside / "pi4" / "precious").write_text("mine")
    (events / "2001-01-01").mkdir(parents=True)
    (events / "2001-01-01" / "link").symlink_to(outside)
    os.utime(events / "2001-01-01" / "link", (0, 0), follow_symlinks=False)
    (events / "2001-01-02").symlink_to(outside)
    (events / "notes").mkdir()
    os.utime(events / "notes", (0, 0))
    Retention(events, 365).sweep()
    assert (outside / "pi4" / "precious").read_text() == "mine"
    assert not (events / "2001-01-01").exists()
    assert (events / "notes").is_dir()


async def test_the_running_part_sweeps_at_its_start_and_ends_when_told(tmp_path: Path) -> None:
    said: list[datetime] = []
    stop = asyncio.Event()
    part = Retention(tmp_path / "events", 10, clock=lambda: NOW, on_swept=said.append)
    task = asyncio.create_task(part.run(stop))
    await wait_for(lambda: said, 5, "the first sweep")
    stop.set()
    await asyncio.wait_for(task, 5)
    assert said == [NOW.replace(hour=0) - timedelta(days=10)]
