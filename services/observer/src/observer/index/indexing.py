"""Keeps the index as new as the files: takes what was just kept, looks at actions/, makes everything anew when asked.

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

from mesh_core.approvals.store import Actions
from mesh_core.runtime.service import pause
from mesh_core.storage.reindexing import Filling, IndexFolder
from observer.index.actions_scan import ActionsScan
from observer.index.facts import fact, put_fact
from observer.index.filling import FILLED, MARK, Progress, steps_for_all, steps_since, take, transaction
from observer.index.forgetting import forget
from observer.index.kept_answers import KeptAnswers
from observer.index.names import Names
from observer.index.store import Store, Unsound, remove

TURN_SECONDS = 0.5
GATHER_SECONDS = 0.1  # an event and the decision about it often come together
SCAN_SECONDS = 2.0
STEP_PATHS = 1000
MOST_WAITING = 50_000  # paths; beyond that the files' times say what is missing
BACK_OFF_SECONDS = 5.0
TELL_SECONDS = 1.0
SAY_SECONDS = 0.3  # that there is something new to read is said this often at most

log = structlog.get_logger()


class IndexAway(Exception):
    """There is no index at this moment; it is being made."""


class Indexing:
    """`kept` is told by the observer, `run` is a part of the service, `store` is for queries. One writer per mesh.

    `on_new` is called in the event loop when there is something new to read.
    """

    def __init__(
        self,
        runtime: Path,
        actions: Actions,
        *,
        clock: Callable[[], float] = time.time,
        on_new: Callable[[], None] = lambda: None,
    ):
        self._folder = IndexFolder(runtime)
        self._events = runtime / "events"
        self._actions = actions
        self._clock = clock
        self._on_new = on_new
        self._said: tuple[Store | None, int] = (None, 0)
        self._next_say = 0.0
        self._news: dict[Path, None] = {}
        self._news_before = 0.0  # everything kept before this moment is in `_news`, or in the index
        self._guard = threading.Lock()
        self._missed = False
        self._suspect = False
        self._wake = asyncio.Event()
        self._store: Store | None = None
        self._names = Names()
        self._scan = ActionsScan(actions)
        self.answers = KeptAnswers()
        self._filling: Iterator[Progress] | None = None
        self._healing: Iterator[int] | None = None
        self._next_scan = 0.0
        self._progress = Progress(0, 0, 0)
        self._next_tell = 0.0
        self._forget_before: datetime | None = None
        self.complete = False

    # ---- for the rest of the observer

    def kept(self, paths: Iterable[Path], before: float) -> None:
        """These files are safe on disk; `before` is the time at which writing them began."""
        with self._guard:
            self._news.update(dict.fromkeys(paths))
            self._news_before = before
            if len(self._news) > MOST_WAITING:
                self._news.clear()
                self._missed = True
        self._wake.set()

    def forgot(self, before: datetime) -> None:
        """Day folders older than this were removed."""
        self._forget_before = before

    @property
    def store(self) -> Store:
        """For queries, from any thread. Raises IndexAway."""
        if self._store is None:
            raise IndexAway("the index is being made anew; try again in a moment")
        return self._store

    def suspect(self) -> None:
        """A query found the database broken: throw it away."""
        self._suspect = True

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
                        await _either(stop, None, BACK_OFF_SECONDS)
                        continue
                await _either(stop, self._wake, await self._turn_or_later())
                if self._wake.is_set():
                    self._wake.clear()
                    await pause(stop, GATHER_SECONDS)
        finally:
            await asyncio.to_thread(self.close)
            if lock is not None:
                lock.__exit__(None, None, None)

    async def _turn_or_later(self) -> float:
        began = time.monotonic()
        try:
            busy = await asyncio.to_thread(self.turn)
        except Unsound as error:
            log.warning("index.thrown_away", why=str(error), consequence="it is made anew from the files")
            await asyncio.to_thread(self.throw_away)
            return 0.0
        except Exception as error:  # noqa: BLE001 - whatever it is, archiving goes on; the index follows when it can
            log.error("index.later", why=repr(error)[:500], retry_in_seconds=BACK_OFF_SECONDS)
            self._names.forget()
            self._missed, self._healing = True, None
            return BACK_OFF_SECONDS
        finally:
            self._say_if_new(time.monotonic())
        # While it fills it leaves half of the time to the archive.
        return time.monotonic() - began if busy else TURN_SECONDS

    def _say_if_new(self, now: float) -> None:
        store = self._store
        if store is None or now < self._next_say or (stand := (store, store.written)) == self._said:
            return
        self._said, self._next_say = stand, now + SAY_SECONDS
        self._on_new()

    def turn(self) -> bool:
        """Everything that is to do now, in small steps; True when there is more. Blocks; raises Unsound or OSError."""
        if self._suspect:
            raise Unsound("a query found it broken")
        if self._folder.asked():
            raise Unsound("somebody asked for a new one")
        store = self._open()
        store.check()
        more = self._take_news(store)
        if self._clock() >= self._next_scan:
            scanning = self._scan.look(store)
            self._next_scan = 0.0 if scanning else self._clock() + SCAN_SECONDS
            more = more or scanning
        more = self._heal(store) or more
        more = self._fill(store) or more
        if self._forget_before is not None and not forget(store, self._names, self._events, self._forget_before):
            self._forget_before = None
        return more or self._forget_before is not None

    def _open(self) -> Store:
        if self._store is None:
            store = Store(self._folder.database)
            with store.read() as connection:
                mark, filled = fact(connection, MARK), fact(connection, FILLED)
            if filled is None:
                self._filling = steps_for_all(store, self._names, self._events, self._scan)
            self.complete = filled is not None
            if mark is not None:
                self._healing = steps_since(store, self._names, self._events, float(mark))
            self._store = store
            log.info("index.open", file=str(self._folder.database), complete=self.complete)
        return self._store

    def _take_news(self, store: Store) -> bool:
        with self._guard:
            paths = list(islice(self._news, STEP_PATHS))
            for path in paths:
                del self._news[path]
            empty, before = not self._news, self._news_before
        if paths:
            take(store, self._names, paths)
            if empty and not self._missed and self._healing is None:
                with transaction(store, self._names) as connection:
                    put_fact(connection, MARK, str(before))
        return not empty

    def _heal(self, store: Store) -> bool:
        if self._missed and self._healing is None:
            self._missed = False
            with store.read() as connection:
                since = float(fact(connection, MARK) or 0)
            self._healing = steps_since(store, self._names, self._events, since)
        if self._healing is None:
            return False
        if next(self._healing, None) is not None:
            return True
        self._healing = None
        return False

    def _fill(self, store: Store) -> bool:
        if self._filling is None:
            return False
        progress = next(self._filling, None)
        if progress is None:
            self._filling, self.complete = None, True
            log.info("index.complete", days=self._progress.days, records=self._progress.records)
        else:
            self._progress = progress
        if self.complete or self._clock() >= self._next_tell:
            self._next_tell = self._clock() + TELL_SECONDS
            self._folder.tell(Filling(**vars(self._progress), done=self.complete))
        return not self.complete

    def throw_away(self) -> None:
        """The file and what is remembered of it; the next turn begins anew."""
        if self._store is not None:
            self._store.close()
        self._store = self._filling = self._healing = None
        self.complete = False
        self._names, self._scan, self._next_scan = Names(), ActionsScan(self._actions), 0.0
        remove(self._folder.database)
        self.answers.clear()
        self._suspect = False
        self._folder.begun()

    def close(self) -> None:
        """At the end: what is known is taken, then the file is closed."""
        try:
            if self._store is not None:
                while self._take_news(self._store):
                    pass
                self._store.close()
        except (Unsound, OSError, SQLAlchemyError) as error:
            log.warning(
                "index.not_closed_well", why=str(error)[:500], consequence="the next start takes what is missing"
            )


async def _either(stop: asyncio.Event, wake: asyncio.Event | None, seconds: float) -> None:
    """Until one of them is set, or the time is over."""
    waits = [asyncio.ensure_future(event.wait()) for event in (stop, wake) if event is not None]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
