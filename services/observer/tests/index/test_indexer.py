"""The index may be lost, broken or late at any moment: the files bring it back, and nothing else waits for it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from index_rig import BASE_MS, Shelf, shelf_in

from mesh_core.storage.reindexing import IndexFolder
from mesh_core.testing import AllFolders, wait_for
from observer.index import file_import
from observer.index.indexer import Indexer, IndexUnavailable
from observer.index.keys import DAY_MS
from observer.index.model_series import read_models
from observer.index.store import IndexCorrupt, Store


def fill(shelf: Shelf, count: int = 7) -> None:
    for number in range(count):
        event = shelf.event(at=number - number * DAY_MS, decided=("proposed", f"plan-{number}"))
        shelf.attempt(event, at=number)
    shelf.run(shelf.propose(shelf.event(at=500)))


def everything(shelf: Shelf) -> tuple[object, ...]:
    return shelf.events().items, shelf.history(open=True).items, shelf.incident(f"pi4/{BASE_MS}-0")


def database(shelf: Shelf) -> Path:
    return shelf.runtime / "index" / "observer.db"


def gone(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def nonsense(path: Path) -> None:
    path.write_bytes(b"not a database, " * 1000)


def torn(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[:4096] + os.urandom(len(raw) - 4096))


def of_another_version(path: Path) -> None:
    with Store(path).write() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 99")


@pytest.mark.parametrize("harm", [gone, emptied, nonsense, torn, of_another_version])
def test_a_lost_or_broken_database_is_made_anew_from_the_files(shelf: Shelf, harm: Callable[[Path], None]) -> None:
    fill(shelf)
    shelf.settle()
    before = everything(shelf)
    shelf.indexer.close()
    harm(database(shelf))
    again = shelf.reopened()
    again.settle()
    assert again.indexer.complete
    assert everything(again) == before
    again.indexer.close()


def test_a_database_that_goes_while_it_is_open_is_made_anew(shelf: Shelf) -> None:
    fill(shelf)
    shelf.settle()
    before = everything(shelf)
    for path in database(shelf).parent.glob("observer.db*"):
        path.unlink()
    shelf.settle()
    assert database(shelf).exists()
    assert everything(shelf) == before


def test_a_query_that_finds_it_broken_has_it_made_anew(shelf: Shelf) -> None:
    fill(shelf)
    shelf.settle()
    before = everything(shelf)
    shelf.indexer.report_broken()
    shelf.settle()
    assert everything(shelf) == before


def test_while_there_is_none_queries_are_told_so(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailable):
        _ = shelf_in(tmp_path).indexer.store


def test_what_was_archived_but_not_indexed_before_a_crash_is_taken_at_the_start(shelf: Shelf) -> None:
    fill(shelf)
    shelf.settle()
    late = [shelf.event(at=n, node="late", decided=("ignored", None)) for n in (1000, -100 * DAY_MS)]
    shelf.attempt(late[0], at=2000)
    shelf.indexer.store.close()  # dies: what `kept` said is forgotten
    again = shelf.reopened()
    again.settle()
    assert {row.id for row in again.events(node="late").items} == {event.id for event in late}
    timeline = again.incident(late[0].id or "")
    assert timeline is not None
    assert [step.kind for step in timeline.steps] == ["symptom", "decision", "attempt"]
    again.indexer.close()


def test_only_what_changed_since_the_mark_is_read_again(shelf: Shelf) -> None:
    fill(shelf)
    old = time.time() - 1000
    for path in (shelf.runtime / "events").glob("*/*"):
        for thing in (*(path.iterdir() if path.is_dir() else ()), path):
            os.utime(thing, (old, old))
    shelf.settle()
    shelf.indexer.close()
    for path in (shelf.runtime / "events").glob("*/pi4.jsonl"):
        path.unlink()  # who reads it again finds nothing
    again = shelf.reopened()
    again.settle()
    assert len(again.events().items) == 8
    again.indexer.close()


def test_a_filling_that_was_broken_off_goes_on_where_it_was(shelf: Shelf) -> None:
    fill(shelf, 30)
    shelf.indexer.discard()
    broken_off = shelf.reopened()
    for _ in range(10):
        assert broken_off.indexer.step()
    assert not broken_off.indexer.complete
    assert 0 < len(broken_off.events(limit=100).items) < 31
    newest = broken_off.events(limit=1).items[0]
    assert newest.id == f"pi4/{BASE_MS + 500}-0"  # the newest days come first
    broken_off.indexer.store.close()
    again = shelf.reopened()
    again.settle()
    assert len(again.events(limit=100).items) == 31
    again.indexer.close()


def test_a_wish_makes_it_anew_and_says_how_far_it_is(shelf: Shelf) -> None:
    fill(shelf)
    shelf.settle()
    before, folder = everything(shelf), IndexFolder(shelf.runtime)
    with shelf.indexer.store.write() as connection:
        connection.exec_driver_sql("DELETE FROM actions")
    folder.ask()
    with pytest.raises(IndexCorrupt, match="asked"):
        shelf.indexer.step()
    assert folder.asked()  # not fulfilled yet: a crash here forgets no wish
    shelf.settle()
    assert not folder.asked()
    told = folder.told()
    assert told is not None
    assert (told.done, told.days, told.days_done) == (True, 7, 7)
    assert told.records >= 8
    assert everything(shelf) == before


def test_too_much_at_once_is_found_again_by_its_time_of_change(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observer.index.indexer.MOST_WAITING", 5)
    fill(shelf, 20)
    shelf.settle()
    assert len(shelf.events(limit=100).items) == 21


def test_a_full_disk_delays_the_index_and_nothing_else(tiny_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "index").symlink_to(tiny_disk)
    shelf = shelf_in(tmp_path)

    def until_it_is_full() -> None:
        for number in range(2000):
            shelf.event(at=number, payload={"message": f"{number} " * 30})
            shelf.settle()

    with pytest.raises(OSError, match="full"):
        until_it_is_full()
    assert (tmp_path / "events").exists()
    shelf.indexer.close()


def test_a_line_that_cannot_be_digested_is_left_out_alone(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        shelf.event(at=number, payload={"message": f"number {number}"})
    whole = file_import.read_event_line

    def choking(line: bytes, node: str, day: str) -> object:
        if b"number 3" in line:
            raise OverflowError("nobody thought of this")
        return whole(line, node, day)

    monkeypatch.setattr(file_import, "read_event_line", choking)
    shelf.settle()
    assert [row.summary for row in shelf.events().items] == [f"number {n}" for n in (4, 2, 1, 0)]


def test_numbers_without_measure_are_cut_to_what_can_be_stored(shelf: Shelf) -> None:
    event = shelf.event()
    huge = 10**400
    shelf.attempt(event, latency_ms=huge, cost_usd=huge, prompt_tokens=huge, position=huge)
    shelf.attempt(event, latency_ms=-5, cost_usd=-7, completion_tokens=-1)
    shelf.settle()
    series = shelf.ask(lambda c: read_models(c, 1, BASE_MS))
    assert series.total.attempts == {"ok": 2}
    assert (series.total.cost_usd, series.total.completion_tokens) == (1e6, 0)
    assert shelf.incident(event.id or "") is not None


async def test_whatever_goes_wrong_in_a_step_the_part_lives_on(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.indexer.close()
    running = shelf_in(shelf.runtime)
    monkeypatch.setattr("observer.index.indexer.BACK_OFF_SECONDS", 0.05)
    step, failures = running.indexer.step, iter(range(3))

    def failing() -> bool:
        if next(failures, None) is not None:
            raise RuntimeError("a mistake of ours")
        return step()

    monkeypatch.setattr(running.indexer, "step", failing)
    stop = asyncio.Event()
    task = asyncio.create_task(running.indexer.run(stop))
    running.event()
    await wait_for(lambda: running.indexer.complete and running.events().items, 10, "the event all the same")
    stop.set()
    await asyncio.wait_for(task, 60)


async def test_the_running_part_takes_what_is_kept_and_ends_when_told(shelf: Shelf) -> None:
    shelf.indexer.close()
    running = shelf_in(shelf.runtime)
    stop = asyncio.Event()
    task = asyncio.create_task(running.indexer.run(stop))
    await wait_for(lambda: running.indexer.complete, 10, "an index")
    running.event()
    await wait_for(lambda: running.events().items, 10, "the event in the index")
    IndexFolder(running.runtime).ask()
    await wait_for(lambda: not IndexFolder(running.runtime).asked() and running.indexer.complete, 10, "a new index")
    assert len(running.events().items) == 1
    stop.set()
    await asyncio.wait_for(task, 60)
    assert not list((running.runtime / "index").glob("*-wal"))


@pytest.mark.slow
async def test_what_is_new_is_said_once_it_can_be_read_and_a_quiet_time_says_nothing(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    seen: list[int] = []
    said = Indexer(tmp_path, shelf.actions, on_new=lambda: seen.append(len(shelf.events().items)))
    shelf.indexer, stop = said, asyncio.Event()
    task = asyncio.create_task(said.run(stop))
    await wait_for(lambda: said.complete and seen, 10, "an index, and a word about it")
    shelf.event()
    await wait_for(lambda: seen[-1] == 1, 10, "the word about the event, when it can be read")
    steps = 0
    step = said.step

    def counted() -> bool:
        nonlocal steps
        steps += 1
        return step()

    said.step = counted  # type: ignore[method-assign]
    await wait_for(lambda: steps >= 2, 10, "the steps that end what the event began")
    before = len(seen)
    await wait_for(lambda: steps >= 5, 10, "some steps with nothing to do")
    assert len(seen) == before
    stop.set()
    await asyncio.wait_for(task, 60)


async def test_at_rest_it_waits_to_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observer.index.indexer.SCAN_SECONDS", 3600.0)
    shelf = shelf_in(tmp_path)
    steps = 0
    step = shelf.indexer.step

    def counted() -> bool:
        nonlocal steps
        steps += 1
        return step()

    monkeypatch.setattr(shelf.indexer, "step", counted)
    stop = asyncio.Event()
    task = asyncio.create_task(shelf.indexer.run(stop))
    await wait_for(lambda: shelf.indexer.complete and shelf.indexer._unnotified() is None, 10, "an index at rest")
    before = steps
    for _ in range(5):
        shelf.indexer.files_written([], time.time())
        await asyncio.sleep(0)
    shelf.event()
    await wait_for(lambda: bool(shelf.events().items), 10, "what was written, long before the next scan")
    assert steps <= before + 3  # the event, the word about it, and what was under way
    stop.set()
    await asyncio.wait_for(task, 60)


async def test_only_one_writes(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path)
    waiting = Indexer(tmp_path, AllFolders(tmp_path))
    stop = asyncio.Event()
    with folder.sole_writer() as ours:
        assert ours
        with folder.sole_writer() as theirs:
            assert not theirs
        task = asyncio.create_task(waiting.run(stop))
        await asyncio.sleep(0)
        await wait_for(lambda: (tmp_path / "index" / "writer.lock").exists(), 10, "the lock")
        assert not (tmp_path / "index" / "observer.db").exists()
        stop.set()
        await asyncio.wait_for(task, 60)
    with folder.sole_writer() as ours:
        assert ours
