"""Old days go, then those that there is no room for, and nothing else: not what is young or was written lately."""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from index_rig import BASE_MS, Shelf, shelf_in
from parts.archive import lines_in, put_old, read_archive

from mesh_core.models.events import HealthEvent
from mesh_core.storage.disk_room import size_of
from mesh_core.storage.event_packing import pack
from mesh_core.testing import wait_for
from observer.archive.retention import Retention, RetentionPolicy
from observer.index.keys import DAY_MS, time_of

NOW = datetime.fromtimestamp(BASE_MS / 1000, UTC)
GIB = 1024**3


def aged(shelf: Shelf, days: int, node: str = "pi4", *, written: int | None = None, old: bool = False) -> Path:
    """A node's events of a day `days` ago, written then or `written` days ago; `old`: each a file, as before."""
    at = -days * DAY_MS
    if old:
        event = {
            "id": f"{node}/{BASE_MS + at}-0",
            "type": "container_died",
            "node": node,
            "timestamp": time_of(BASE_MS),
        }
        path = put_old(shelf.archive.root, str(event["id"]), event).parent
    else:
        path = shelf.archive.path_of(shelf.event(at=at, node=node).id or "")
    shelf.attempt(shelf.event(at=at, node=node) if not old else shelf.event(at=0), at=at)
    moment = BASE_MS / 1000 - (days if written is None else written) * 86_400
    for each in (*(path.iterdir() if path.is_dir() else ()), path, *path.parent.glob("_*")):
        os.utime(each, (moment, moment))
    return path


def swept(shelf: Shelf, days: int = 365, **more: object) -> Retention:
    return Retention(
        shelf.archive.root,
        RetentionPolicy(days, **{k: v for k, v in more.items() if k in ("max_bytes", "free_percent")}),  # type: ignore[arg-type]
        growing=shelf.archive.lock,
        clock=lambda: NOW,
        on_swept=shelf.indexer.days_removed,
        **({"disk": more["disk"]} if "disk" in more else {}),  # type: ignore[arg-type]
    )


def test_what_is_too_old_goes_from_the_disk_and_the_index(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    old = [aged(shelf, days, node) for days in (31, 45, 400) for node in ("pi4", "pi5")]
    old.append(aged(shelf, 46, "pi6", old=True))
    young = [aged(shelf, days) for days in (1, 29, 30)]
    shelf.run(shelf.propose(shelf.event(at=-400 * DAY_MS, node="pi9")))
    for path in (tmp_path / "events").rglob("pi9*"):
        os.utime(path, (0, 0))
    shelf.settle()
    assert len(shelf.events().items) == 12
    sweeping = swept(shelf, 30)
    assert sweeping.sweep() > 6
    assert not any(path.parent.exists() for path in old)
    assert len(read_archive(tmp_path / "events")) == len(young) + 1
    shelf.settle()
    assert len(shelf.events().items) == len(shelf.events(q="died").items) == len(young) + 1
    assert len(shelf.history().items) == 1
    assert sweeping.sweep() == 0
    shelf.indexer.close()


def test_an_old_day_that_was_written_lately_stays(tmp_path: Path) -> None:
    # A Raspberry Pi without a clock says 1970 until it has asked the time.
    shelf = shelf_in(tmp_path)
    lately, long_ago = aged(shelf, 900, "pi4", written=0), aged(shelf, 900, "pi5")
    shelf.settle()
    swept(shelf).sweep()
    shelf.settle()
    assert lately.is_file()
    assert not long_ago.exists()
    assert [row.node for row in shelf.events().items] == ["pi4"]
    shelf.indexer.close()


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
    Retention(events, RetentionPolicy(365)).sweep()
    assert (outside / "pi4" / "precious").read_text() == "mine"
    assert not (events / "2001-01-01").exists()
    assert (events / "notes").is_dir()


def test_a_week_old_day_is_compressed_and_the_page_and_late_lines_do_not_mind(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    plain, young = aged(shelf, 8), aged(shelf, 7)
    (event,) = (row for row in shelf.archive.root.glob("*/pi4.jsonl") if row == plain)
    before, wanted = read_archive(tmp_path / "events"), lines_in(tmp_path / "events")
    written = plain.stat().st_mtime
    sweeping = swept(shelf)
    sweeping.sweep()
    assert (event.exists(), young.exists()) == (False, True)
    packed = plain.with_name("pi4.jsonl.gz")
    assert packed.stat().st_mtime == written  # retention goes by it
    assert plain.with_name("_attempts.jsonl.gz").exists()
    assert lines_in(tmp_path / "events") == wanted
    zcat = subprocess.run(["zcat", packed], capture_output=True, check=True).stdout
    assert zcat == gzip.decompress(packed.read_bytes())
    shelf.settle()
    assert len(shelf.events().items) == len(before)
    first = next(iter(before))
    late = shelf.event(at=-8 * DAY_MS, decided=("counted", "plan-x"))  # a decision that comes a week later
    assert late.id == first
    shelf.settle()
    assert plain.exists()
    os.utime(plain, (0, 0))
    sweeping.sweep()
    assert not plain.exists()
    assert [row.verdict for row in shelf.events().items if row.id == first] == ["counted"]
    timeline = shelf.incident(first)
    assert timeline is not None
    assert "because of counted" in next(step.detail for step in timeline.steps if step.kind == "decision")
    shelf.indexer.report_broken()  # everything anew, out of what is compressed
    shelf.settle()
    assert len(shelf.events().items) == len(before)
    assert [row.verdict for row in shelf.events().items if row.id == first] == ["counted"]
    shelf.indexer.close()


async def test_a_file_that_grows_while_it_is_compressed_loses_nothing(tmp_path: Path) -> None:
    shelf, done = shelf_in(tmp_path), threading.Event()
    path = shelf.archive.path_of(shelf.event().id or "")
    packed = 0

    def pack_on() -> None:
        nonlocal packed
        while not done.is_set():
            if path.exists():
                packed += pack(path, shelf.archive.lock)

    thread = threading.Thread(target=pack_on)
    thread.start()
    for number in range(1, 400):
        shelf.event(at=number)
        if number % 100 == 0:  # with hundreds a second it would never find it at rest
            before = packed
            await wait_for(lambda before=before: packed > before, 20, "a moment of rest")  # type: ignore[misc]
    done.set()
    thread.join()
    assert [line["id"] for line in lines_in(tmp_path / "events")] == [f"pi4/{BASE_MS + n}-0" for n in range(400)]
    shelf.settle()
    assert len(shelf.events(limit=200).items) == 200
    assert shelf.ask(lambda c: c.exec_driver_sql("SELECT count(*) FROM events").scalar_one()) == 400
    shelf.indexer.close()


PACKER = """
import sys, threading
from pathlib import Path
from mesh_core.storage.event_packing import pack
for path in sorted(Path(sys.argv[1]).glob("*/*.jsonl")):
    pack(path, threading.Lock())
    print(path, flush=True)
"""


async def test_killed_while_it_compresses_no_line_is_lost_or_there_twice(tmp_path: Path) -> None:
    events = tmp_path / "events"
    events.mkdir()
    shelf = shelf_in(tmp_path)
    shelf.keep(
        *(
            HealthEvent(id=f"pi4/{BASE_MS - day * DAY_MS}-{n}", type="oom", node="pi4", payload={"log": "y" * 900})
            for day in range(30)
            for n in range(60)
        )
    )
    wanted = lines_in(events)
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", PACKER, str(events)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.communicate()
        # What a kill between the rename and the end leaves: both files with the same lines.
        packed = next(iter(sorted(events.glob("*/*.gz"))))
        packed.with_name("pi4.jsonl").write_bytes(gzip.decompress(packed.read_bytes()))
        assert {line["id"] for line in lines_in(events)} == {line["id"] for line in wanted}
    done = subprocess.run([sys.executable, "-c", PACKER, str(events)], capture_output=True, check=True)
    assert done.stderr == b""
    assert not list(events.glob("*/*.jsonl"))
    assert not list(events.glob("*/.*"))
    assert lines_in(events) == wanted
    shelf.indexer.close()


def test_a_damaged_compressed_file_is_not_built_upon(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    plain = aged(shelf, 8)
    packed = plain.with_name("pi4.jsonl.gz")
    packed.write_bytes(gzip.compress(b"what was here before\n")[:-12])
    with pytest.raises(OSError, match="damaged"):
        pack(plain, shelf.archive.lock)
    swept(shelf).sweep()  # says so, and goes on
    assert plain.exists()
    assert not list(plain.parent.glob(".*"))
    shelf.indexer.close()


def test_a_huge_day_is_compressed_before_its_week_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observer.archive.retention.PACK_BYTES", 1000)
    shelf = shelf_in(tmp_path)
    path = shelf.archive.path_of(shelf.event(payload={"log": "x" * 2000}).id or "")
    shelf.settle()
    swept(shelf).sweep()
    assert not path.exists()
    shelf.event(at=1)
    shelf.settle()
    assert len(shelf.events().items) == 2
    shelf.indexer.close()


def disk(total: int, free: int) -> object:
    return lambda path: (total, total - free, free)


def test_where_there_is_no_room_the_oldest_days_go_first_and_only_as_many_as_needed(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    days = [aged(shelf, days).parent for days in (40, 30, 20, 8, 7, 6, 1, 0)]
    swept(shelf).sweep()  # so that all that is a week old is compressed
    shelf.settle()
    wanted = sum(size_of(path) for path in days[0].iterdir()) + 1
    more = {"free_percent": 5, "disk": disk(100 * GIB, 5 * GIB - wanted)}
    assert swept(shelf, **more).sweep() > 0
    assert [day.exists() for day in days] == [False, False] + [True] * 6
    shelf.settle()
    assert len(shelf.events().items) == 6
    shelf.indexer.close()


@pytest.mark.parametrize("short", [GIB, 90 * GIB])
def test_where_even_all_older_days_would_not_make_room_none_goes(tmp_path: Path, short: int) -> None:
    shelf = shelf_in(tmp_path)
    days = [aged(shelf, days).parent for days in (40, 8, 0)]
    assert swept(shelf, free_percent=90, disk=disk(100 * GIB, 90 * GIB - short)).sweep() == 0
    assert all(day.exists() for day in days)
    shelf.indexer.close()


def test_a_limit_in_bytes_holds_as_well_and_the_last_seven_days_stay_whatever_it_says(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    days = [aged(shelf, days).parent for days in (40, 30, 8, 7, 0)]
    swept(shelf).sweep()
    everything = size_of(shelf.archive.root)
    swept(shelf, max_bytes=everything).sweep()
    assert all(day.exists() for day in days)
    swept(shelf, max_bytes=everything - 1).sweep()
    assert [day.exists() for day in days] == [False, True, True, True, True]
    swept(shelf, max_bytes=size_of(days[3]) + size_of(days[4])).sweep()
    assert [day.exists() for day in days] == [False, False, False, True, True]
    swept(shelf, max_bytes=1).sweep()
    assert [day.exists() for day in days] == [False, False, False, True, True]
    shelf.indexer.close()


async def test_the_running_part_sweeps_at_its_start_and_ends_when_told(tmp_path: Path) -> None:
    said: list[datetime] = []
    stop = asyncio.Event()
    part = Retention(tmp_path / "events", RetentionPolicy(10), clock=lambda: NOW, on_swept=said.append)
    task = asyncio.create_task(part.run(stop))
    await wait_for(lambda: said, 10, "the first sweep")
    stop.set()
    await asyncio.wait_for(task, 60)
    assert said == [NOW.replace(hour=0) - timedelta(days=10)]
