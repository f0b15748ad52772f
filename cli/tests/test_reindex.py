"""`mend reindex`: the index is made anew, with an observer and without one, and says what it cannot do."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from mend_rig import Mend

from mesh_core.models.events import HealthEvent
from mesh_core.storage.reindexing import IndexFolder
from mesh_core.testing import AllFolders, wait_for
from observer.archive.events import EventArchive
from observer.index.events import EventFilter, read_events
from observer.index.indexer import Indexer
from observer.index.store import Store

MS = 1_779_969_600_000


def archived(runtime: Path, count: int) -> None:
    events = [
        HealthEvent(id=f"pi4/{MS - n * 86_400_000}-0", type="container_died", node="pi4", service="web")
        for n in range(count)
    ]
    EventArchive(runtime / "events").keep(events, [])


def found(runtime: Path) -> int:
    store = Store(runtime / "index" / "observer.db")
    with store.read() as connection:
        number = len(read_events(connection, EventFilter(), limit=100).items)
    store.close()
    return number


def test_without_an_observer_it_is_made_here(mend: Mend) -> None:
    archived(mend.runtime, 12)
    (mend.runtime / "index").mkdir()
    (mend.runtime / "index" / "observer.db").write_bytes(b"broken")
    done = mend.real("reindex")
    assert (done.returncode, done.stdout) == (0, "the index is new: 12 records of 12 days\n"), done.stderr
    assert found(mend.runtime) == 12


async def test_a_running_observer_makes_it_while_it_works_on(mend: Mend) -> None:
    archived(mend.runtime, 12)
    indexer = Indexer(mend.runtime, AllFolders(mend.runtime))
    stop = asyncio.Event()
    task = asyncio.create_task(indexer.run(stop))
    await wait_for(lambda: indexer.complete, 10, "the first index")
    with indexer.store.write() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    done = await asyncio.to_thread(mend.real, "reindex")
    assert (done.returncode, done.stdout) == (0, "the index is new: 12 records of 12 days\n"), done.stderr
    asked = await asyncio.to_thread(mend.real, "reindex", "--no-wait")
    assert (asked.returncode, "asked" in asked.stdout) == (0, True)
    await wait_for(lambda: not IndexFolder(mend.runtime).asked() and indexer.complete, 10, "one more")
    stop.set()
    await task
    assert found(mend.runtime) == 12


def test_an_observer_that_does_not_listen_is_not_waited_for_without_end(
    mend: Mend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mend.commands.reindex.HEARD_SECONDS", 0.3)
    with IndexFolder(mend.runtime).sole_writer():
        done = mend("reindex")
    assert done.exit_code == 1
    assert "did not begin" in done.stderr
    assert IndexFolder(mend.runtime).asked()


def test_somebody_elses_index_is_left_alone(mend: Mend) -> None:
    folder = mend.runtime / "index"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(folder, 10004, 10004)
    done = mend("reindex")
    assert done.exit_code == 1
    assert "belongs to user id 10004" in done.stderr
    assert not (folder / "observer.db").exists()


def test_a_folder_that_is_not_there_is_named(mend: Mend, tmp_path: Path) -> None:
    done = mend("reindex", RUNTIME_PATH=str(tmp_path / "nowhere"))
    assert (done.exit_code, "RUNTIME_PATH" in done.stderr) == (3, True)
    assert not (tmp_path / "nowhere").exists()
