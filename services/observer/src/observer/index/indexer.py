"""Keeps the index as new as the files: takes what was just written, scans actions/, makes all anew when asked.

A part of the observer that nothing else waits for. What goes wrong here is logged and tried again, a broken database is
thrown away, and the files stay as they are.

| dies, or cannot write | what is left | then |
|---|---|---|
| after the archive, before the index | files newer than the mark | every file that changed since the mark is taken |
| in a transaction | the one before it | the same |
| while everything is made anew | `filled_down_to` | goes on with the day before that |
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import islice
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.models.proposals import Folder
from mesh_core.runtime.service import pause, woken
from mesh_core.storage.reindexing import Filling, IndexFolder
from observer.index.actions_scan import ActionsScan
from observer.index.file_import import FILLED, MARK, Progress, import_all, import_files, import_since, transaction
from observer.index.pruning import prune_days
from observer.index.query_cache import QueryCache
from observer.index.state import read_state, write_state
from observer.index.store import IndexCorrupt, Store, remove
from observer.index.string_ids import StringIds

GATHER_SECONDS = 0.1  # an event and the decision about it often come together
SCAN_SECONDS = 2.0  # also how long it rests where nobody tells it what a person moves, or of a wish for a new index
STEP_PATHS = 1000
MOST_WAITING = 50_000  # paths; beyond that the files' times say what is missing
BACK_OFF_SECONDS = 5.0
PROGRESS_SECONDS = 1.0
NOTIFY_SECONDS = 0.3  # that there is something new to read is said this often at most

log = structlog.get_logger()


class IndexUnavailable(Exception):
    """There is no index at this moment; it is being made."""


class Indexer:
    """`files_written` is told by the observer, `run` is a part of the service, `store` is for queries. One per mesh.

    `on_new` is called in the event loop when there is something new to read.
    """

    def __init__(
        self,
        runtime: Path,
        actions: ActionFolders,
        *,
        clock: Callable[[], float] = time.time,
        on_new: Callable[[], None] = lambda: None,
        rest_seconds: float = SCAN_SECONDS,
    ):
        self._rest_seconds = rest_seconds
        self._folder = IndexFolder(runtime)
        self._events = runtime / "events"
        self._actions = actions
        self._clock = clock
        self._on_new = on_new
        self._notified: tuple[Store, int] | None = None
        self._next_notify = 0.0
        self._new_files: dict[Path, None] = {}
        self._new_files_before = 0.0  # everything kept before this moment is in `_new_files`, or in the index
        self._guard = threading.Lock()
        self._missed = False
        self._broken = False
        self._wake = asyncio.Event()
        self._store: Store | None = None
        self._names = StringIds()
        self._scan = ActionsScan(actions)
        self.cache = QueryCache()
        self._rebuilding: Iterator[Progress] | None = None
        self._catching_up: Iterator[int] | None = None
        self._next_scan = 0.0
        self._hinted = False
        self._progress = Progress(0, 0, 0)
        self._next_progress = 0.0
        self._prune_before: datetime | None = None
        self.complete = False

    # ---- for the rest of the observer

    def files_written(self, paths: Iterable[Path], before: float) -> None:
        """These files are safe on disk; `before` is the time at which writing them began."""
        news = dict.fromkeys(paths)
        with self._guard:
            self._new_files.update(news)
            self._new_files_before = before
            if len(self._new_files) > MOST_WAITING:
                self._new_files.clear()
                self._missed = True
        if news:
            self._wake.set()

    def wake(self) -> None:
        """Something changed in one of `watched`."""
        self._hinted = True
        self._wake.set()

    @property
    def watched(self) -> list[Path]:
        """Where others do something that it wants to know soon."""
        return [self._folder.request, self._folder.database, *map(self._actions.folder, Folder)]

    def days_removed(self, before: datetime) -> None:
        """Day folders older than this were removed."""
        self._prune_before = before

    @property
    def store(self) -> Store:
        """For queries, from any thread. Raises IndexUnavailable."""
        if self._store is None:
            raise IndexUnavailable("the index is being made anew; try again in a moment")
        return self._store

    def report_broken(self) -> None:
        """A query found the database broken: throw it away."""
        self._broken = True

    # ---- the loop

    async def run(self, stop: asyncio.Event) -> None:
        lock: AbstractContextManager[bool] | None = None
        try:
            while not stop.is_set():
                if lock is None:
                    lock = self._folder.sole_writer()
                    if not lock.__enter__():
                        lock.__exit__(None, None, None)
                        lock = None
                        log.warning("index.somebody_else_writes", folder=str(self._folder.root))
                        await pause(stop, BACK_OFF_SECONDS)
                        continue
                await woken(stop, self._wake, await self._step_or_later())
                if self._wake.is_set():
                    self._wake.clear()
                    await pause(stop, GATHER_SECONDS)
        finally:
            await asyncio.to_thread(self.close)
            if lock is not None:
                lock.__exit__(None, None, None)

    async def _step_or_later(self) -> float:
        began = time.monotonic()
        try:
            busy = await asyncio.to_thread(self.step)
        except IndexCorrupt as error:
            log.warning("index.thrown_away", reason=str(error), consequence="it is made anew from the files")
            await asyncio.to_thread(self.discard)
            return 0.0
        except Exception as error:  # noqa: BLE001 - whatever it is, archiving goes on; the index follows when it can
            log.error("index.later", reason=repr(error)[:500], retry_in_seconds=BACK_OFF_SECONDS)
            self._names.forget()
            self._missed, self._catching_up = True, None
            return BACK_OFF_SECONDS
        finally:
            self._notify_if_new(time.monotonic())
        # While it fills it leaves half of the time to the archive.
        return time.monotonic() - began if busy else NOTIFY_SECONDS if self._unnotified() else self._rest_seconds

    def _notify_if_new(self, now: float) -> None:
        if now >= self._next_notify and (state := self._unnotified()):
            self._notified, self._next_notify = state, now + NOTIFY_SECONDS
            self._on_new()

    def _unnotified(self) -> tuple[Store, int] | None:
        """What can be read now, if nobody was told of it yet."""
        state = (self._store, self._store.written) if self._store is not None else None
        return None if state == self._notified else state

    def step(self) -> bool:
        """Everything that is to do now, in small steps; True when there is more. Blocks; raises Unsound or OSError."""
        if self._broken:
            raise IndexCorrupt("a query found it broken")
        if self._folder.asked():
            raise IndexCorrupt("somebody asked for a new one")
        store = self._open()
        store.check()
        more = self._import_new_files(store)
        if self._hinted or self._clock() >= self._next_scan:
            self._hinted = False  # a hint that comes while we look is for the next look
            scanning = self._scan.look(store)
            self._next_scan = 0.0 if scanning else self._clock() + self._rest_seconds
            more = more or scanning
        more = self._catch_up(store) or more
        more = self._rebuild(store) or more
        if self._prune_before is not None and not prune_days(store, self._names, self._events, self._prune_before):
            self._prune_before = None
        return more or self._prune_before is not None

    def _open(self) -> Store:
        if self._store is None:
            store = Store(self._folder.database)
            with store.read() as connection:
                mark, filled = read_state(connection, MARK), read_state(connection, FILLED)
            if filled is None:
                self._rebuilding = import_all(store, self._names, self._events, self._scan)
            self.complete = filled is not None
            if mark is not None:
                self._catching_up = import_since(store, self._names, self._events, float(mark))
            self._store = store
            log.info("index.open", file=str(self._folder.database), complete=self.complete)
        return self._store

    def _import_new_files(self, store: Store) -> bool:
        with self._guard:
            paths = list(islice(self._new_files, STEP_PATHS))
            for path in paths:
                del self._new_files[path]
            empty, before = not self._new_files, self._new_files_before
        if paths:
            import_files(store, self._names, paths)
            if empty and not self._missed and self._catching_up is None:
                with transaction(store, self._names) as connection:
                    write_state(connection, MARK, str(before))
        return not empty

    def _catch_up(self, store: Store) -> bool:
        if self._missed and self._catching_up is None:
            self._missed = False
            with store.read() as connection:
                since = float(read_state(connection, MARK) or 0)
            self._catching_up = import_since(store, self._names, self._events, since)
        if self._catching_up is None:
            return False
        if next(self._catching_up, None) is not None:
            return True
        self._catching_up = None
        return False

    def _rebuild(self, store: Store) -> bool:
        if self._rebuilding is None:
            return False
        progress = next(self._rebuilding, None)
        if progress is None:
            self._rebuilding, self.complete = None, True
            log.info("index.complete", days=self._progress.days, records=self._progress.records)
        else:
            self._progress = progress
        if self.complete or self._clock() >= self._next_progress:
            self._next_progress = self._clock() + PROGRESS_SECONDS
            self._folder.tell(Filling(**vars(self._progress), done=self.complete))
        return not self.complete

    def discard(self) -> None:
        """The file and what is remembered of it; the next turn begins anew."""
        if self._store is not None:
            self._store.close()
        self._store = self._rebuilding = self._catching_up = None
        self.complete = False
        self._names, self._scan, self._next_scan = StringIds(), ActionsScan(self._actions), 0.0
        remove(self._folder.database)
        self.cache.clear()
        self._broken = False
        self._folder.begun()

    def close(self) -> None:
        """At the end: what is known is taken, then the file is closed."""
        try:
            if self._store is not None:
                while self._import_new_files(self._store):
                    pass
                self._store.close()
        except (IndexCorrupt, OSError, SQLAlchemyError) as error:
            log.warning(
                "index.not_closed_well", reason=str(error)[:500], consequence="the next start takes what is missing"
            )
