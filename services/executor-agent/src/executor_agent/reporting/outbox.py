"""Reports on their way to Redis: first to the disk (state/executor/outbox), then delivered in order, each heard once.

A batch on disk is as good as delivered: the folders move on, whether Redis answers or not. Knows no targets, runs
nothing.

What Redis has taken it may still lose (a power cut, kill -9 while its disk stalls). So a batch stays as `.told` until
it is known to be on the disk of Redis, and is delivered again whenever Redis started anew meanwhile, under the same
keys: one that still has it does nothing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from pydantic import ConfigDict, Field, ValidationError
from redis.exceptions import RedisError

from executor_agent.reporting.reports import Report
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.persisted import Persisted
from mesh_core.models.events import Trust
from mesh_core.models.records import Record
from mesh_core.runtime.pulse import unwatched
from mesh_core.runtime.service import cancelled, pause, woken
from mesh_core.storage.files import drop_unfinished, write_whole

FIRST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS = 0.2, 5.0
LOOK_SECONDS = 30.0  # whoever puts something wakes us
PERSISTED_CHECK_SECONDS = 1.0
MARKER = "mesh:once:persisted:executor"
WAITING, DELIVERED, UNREADABLE = ".json", ".told", ".unreadable"  # what a batch's file is, by its ending

log = structlog.get_logger()


class ReportBatch(Record):
    """Reports of what became true at the same moment: one file of the outbox."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    reports: tuple[Report, ...] = Field(alias="told")


class Outbox:
    """Between the executor and Redis; one executor at a time has it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        drop_unfinished(self.folder)
        self._last_number = 0
        self._unwritten: deque[ReportBatch] = deque()
        self._delivered: deque[tuple[float, Path]] = deque()  # when Redis took it (monotonic), and the file
        self._redis_run_id = ""  # of the server that took them
        self._writing = threading.Lock()
        self._wake = asyncio.Event()
        self._some_delivered = asyncio.Event()
        self._new = False  # written since somebody was woken

    def put(self, reports: Sequence[Report]) -> None:
        """Durable when it returns. Raises OSError (disk full); it is kept in memory then and goes first next time,
        and repeating it is harmless. May be called from any thread."""
        with self._writing:
            batch = ReportBatch(reports=tuple(reports))
            if reports and batch not in self._unwritten:
                self._unwritten.append(batch)
            while self._unwritten:
                self._last_number = max(self._last_number + 1, time.time_ns())
                write_whole(self.folder / f"{self._last_number:020d}{WAITING}", self._unwritten[0].wire())
                self._unwritten.popleft()
                self._new = True

    def try_put(self, reports: Sequence[Report]) -> None:
        """As `put`, for what is not worth waiting for: a full disk is logged, and it is tried again with the next."""
        try:
            self.put(reports)
        except OSError as error:
            log.error("executor.report_not_written", folder=str(self.folder), reason=str(error))

    @property
    def at_rest(self) -> bool:
        """Is everything that was put on the disk?"""
        return not self._unwritten

    def wake(self) -> None:
        """There is something new (from the loop's own thread)."""
        self._new = False
        self._wake.set()

    def wake_if_new(self) -> None:
        """As `wake`, for who does not know whether there is (a scan in its thread)."""
        if self._new:
            self.wake()

    def waiting(self) -> list[Path]:
        """The batches that nobody has heard yet, oldest first."""
        return sorted(path for path in self.folder.iterdir() if path.suffix == WAITING and path.name[0] != ".")

    async def deliver(self, bus: Bus, closing: asyncio.Event, progress: Callable[[], None] = unwatched) -> None:
        """Deliver what waits, in order, until `closing` is set and nothing waits (or Redis does not answer)."""
        self._deliver_again()
        dropping = asyncio.create_task(self._drop_persisted(Persisted(bus, MARKER), closing), name="drop persisted")
        try:
            await self._deliver_all(bus, closing, progress)
        finally:
            await cancelled(dropping)

    async def _deliver_all(self, bus: Bus, closing: asyncio.Event, progress: Callable[[], None]) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            self._wake.clear()
            progress()
            try:
                for path in await asyncio.to_thread(self.waiting):
                    progress()
                    if await self._deliver_one(bus, path):
                        self._delivered.append((time.monotonic(), path.rename(path.with_suffix(DELIVERED))))
                        self._some_delivered.set()
                if backoff != FIRST_BACKOFF_SECONDS:
                    log.info("executor.reports_caught_up")
                backoff = FIRST_BACKOFF_SECONDS
            except (BusDown, RedisError, OSError) as error:
                # Redis is away, loading, read-only, full, or does not permit it: all of these pass.
                if backoff == FIRST_BACKOFF_SECONDS:
                    log.warning("executor.reports_wait", reason=str(error)[:300])
                if closing.is_set():
                    return
                self._deliver_again()
                await pause(closing, backoff)
                backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)
                continue
            if closing.is_set() and not self._wake.is_set():
                return
            await woken(closing, self._wake, LOOK_SECONDS)

    async def _deliver_one(self, bus: Bus, path: Path) -> bool:
        """False for a file that can never be delivered; it gets another ending."""
        try:
            batch = ReportBatch.model_validate_json(path.read_bytes())
        except ValidationError as error:
            log.error("executor.report_unreadable", file=str(path), reason=str(error)[:300])
            path.rename(path.with_suffix(UNREADABLE))
            return False
        for report in batch.reports:
            if report.update is not None:
                await bus.publish(report.update, idempotency_key=report.idempotency_key)
            if report.event is not None:
                await bus.enter(report.event, Trust.MESH, idempotency_key=report.idempotency_key)
        return True

    async def _drop_persisted(self, persisted: Persisted, closing: asyncio.Event) -> None:
        """What is on the disk of Redis needs no copy here; what a server took that is no more is delivered again."""
        while not await woken(closing, self._some_delivered):
            if not self._delivered:
                self._some_delivered.clear()
                continue
            if await pause(closing, PERSISTED_CHECK_SECONDS):
                return
            try:
                standing = await persisted.look()
            except (BusDown, RedisError) as error:
                log.debug("executor.not_known_to_be_kept", reason=str(error)[:300])
                continue
            if standing.life != self._redis_run_id:
                self._redis_run_id = standing.life
                self._deliver_again()
                self._wake.set()
            while self._delivered and self._delivered[0][0] < standing.until:
                self._delivered.popleft()[1].unlink(missing_ok=True)

    def _deliver_again(self) -> None:
        """Redis was away, or we were: what it took and may have lost goes first, in its old place."""
        self._delivered.clear()
        for path in self.folder.glob(f"*{DELIVERED}"):
            path.rename(path.with_suffix(WAITING))
