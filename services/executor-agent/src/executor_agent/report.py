"""What happened, told in order, each thing once: first to the disk (state/executor/outbox), then to Redis when it can.

A batch on disk is as good as told: the folders move on, whether Redis answers or not. Knows no targets, runs nothing.

What Redis has taken it may still lose (a power cut, kill -9 while its disk stalls). So a batch stays as `.told` until
it is known to be on the disk of Redis, and is told again whenever Redis started anew meanwhile, under the same names:
one that still has it does nothing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from pydantic import ValidationError
from redis.exceptions import RedisError

from mesh_core.actions.register import action_type
from mesh_core.incidents.event_types import EventType
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.persisted import Persisted
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import ActionUpdate, Folder, Proposal
from mesh_core.models.records import Record
from mesh_core.runtime.pulse import unwatched
from mesh_core.runtime.service import cancelled, pause
from mesh_core.storage.files import drop_unfinished, write_whole

FIRST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS = 0.2, 5.0
CLOSING_SECONDS = 3.0
LOOK_SECONDS = 1.0
MARKER = "mesh:once:persisted:executor"

log = structlog.get_logger()


class Told(Record):
    """One thing to tell. At most one is ever told under one `once`."""

    once: str
    update: ActionUpdate | None = None
    event: HealthEvent | None = None


class Batch(Record):
    """Things that became true at the same moment."""

    told: tuple[Told, ...]


class Outbox:
    """Between us and Redis."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        drop_unfinished(self.folder)  # one executor at a time has an outbox
        self._last = 0
        self._kept: deque[Batch] = deque()
        self._told: deque[tuple[float, Path]] = deque()  # when Redis took it (monotonic), and the file
        self._life = ""  # of the Redis that took them
        self._writing = threading.Lock()
        self._fresh = asyncio.Event()

    def put(self, told: Sequence[Told]) -> None:
        """Durable when it returns. Raises OSError (disk full); it is kept in memory then and goes first next time,
        and repeating it is harmless. May be called from any thread."""
        with self._writing:
            batch = Batch(told=tuple(told))
            if told and batch not in self._kept:
                self._kept.append(batch)
            while self._kept:
                self._last = max(self._last + 1, time.time_ns())
                write_whole(self.folder / f"{self._last:020d}.json", self._kept[0].wire())
                self._kept.popleft()

    def tell(self, told: Sequence[Told]) -> None:
        """As `put`, for what is not worth waiting for: a full disk is logged, and it is tried again with the next."""
        try:
            self.put(told)
        except OSError as error:
            log.error("executor.report_not_written", folder=str(self.folder), reason=str(error))

    def ring(self) -> None:
        """There is something new (from the loop's own thread)."""
        self._fresh.set()

    def waiting(self) -> list[Path]:
        """The batches that nobody has heard yet, oldest first."""
        return sorted(path for path in self.folder.iterdir() if path.suffix == ".json" and path.name[0] != ".")

    async def deliver(self, bus: Bus, closing: asyncio.Event, turned: Callable[[], None] = unwatched) -> None:
        """Tell what waits, in order, until `closing` is set and nothing waits (or Redis does not answer any more)."""
        self._tell_again()
        looking = asyncio.create_task(self._forget(Persisted(bus, MARKER), closing), name="forget")
        try:
            await self._tell_all(bus, closing, turned)
        finally:
            await cancelled(looking)

    async def _tell_all(self, bus: Bus, closing: asyncio.Event, turned: Callable[[], None]) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            self._fresh.clear()
            turned()
            try:
                for path in await asyncio.to_thread(self.waiting):
                    turned()
                    if await self._deliver_one(bus, path):
                        self._told.append((time.monotonic(), path.rename(path.with_suffix(".told"))))
                if backoff != FIRST_BACKOFF_SECONDS:
                    log.info("executor.reports_caught_up")
                backoff = FIRST_BACKOFF_SECONDS
            except (BusDown, RedisError, OSError) as error:
                # Redis is away, loading, read-only, full, or does not permit it: all of these pass.
                if backoff == FIRST_BACKOFF_SECONDS:
                    log.warning("executor.reports_wait", reason=str(error)[:300])
                if closing.is_set():
                    return
                self._tell_again()
                await _either(closing, None, backoff)
                backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)
                continue
            if closing.is_set() and not self._fresh.is_set():
                return
            await _either(closing, self._fresh, LAST_BACKOFF_SECONDS)

    async def _forget(self, persisted: Persisted, closing: asyncio.Event) -> None:
        """What is on the disk of Redis needs no copy here; what a Redis took that is no more is told again."""
        while not await pause(closing, LOOK_SECONDS):
            if not self._told:
                continue
            try:
                standing = await persisted.look()
            except (BusDown, RedisError) as error:
                log.debug("executor.not_known_to_be_kept", reason=str(error)[:300])
                continue
            if standing.life != self._life:
                self._life = standing.life
                self._tell_again()
                self._fresh.set()
            while self._told and self._told[0][0] < standing.until:
                self._told.popleft()[1].unlink(missing_ok=True)

    def _tell_again(self) -> None:
        """Redis was away, or we were: what it took and may have lost goes first, in its old place."""
        self._told.clear()
        for path in self.folder.glob("*.told"):
            path.rename(path.with_suffix(".json"))

    async def _deliver_one(self, bus: Bus, path: Path) -> bool:
        """False for a file that can never be told; it is put aside."""
        try:
            batch = Batch.model_validate_json(path.read_bytes())
        except ValidationError as error:
            log.error("executor.report_unreadable", file=str(path), reason=str(error)[:300])
            path.rename(path.with_suffix(".unreadable"))
            return False
        for told in batch.told:
            if told.update is not None:
                await bus.publish(told.update, once=told.once)
            if told.event is not None:
                await bus.enter(told.event, Trust.MESH, once=told.once)
        return True


async def _either(closing: asyncio.Event, fresh: asyncio.Event | None, seconds: float) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in (closing, fresh) if event is not None]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def moved(
    action_id: str,
    source: Folder,
    target: Folder,
    *,
    kind: str,
    node: str,
    service: str | None,
    by: str,
    reason: str = "",
    at: str,
    once: str | None = None,
) -> Told:
    """The update of one move between folders."""
    update = ActionUpdate(
        ts=at,
        action_id=action_id,
        from_folder=source.value,
        to_folder=target.value,
        type=kind,
        node=node,
        service=service,
        by=by,
        reason=reason[:1000],
    )
    return Told(once=once or f"{action_id}:{source.value}:{target.value}", update=update)


def begun(proposal: Proposal, at: str) -> list[Told]:
    """remediation_started, as a health event; nothing for a notification, which remedies nothing."""
    return _event(EventType.REMEDIATION_STARTED, proposal, at, Severity.INFO, "not_run", "")


def ended(proposal: Proposal, outcome: Outcome) -> list[Told]:
    """remediation_completed or remediation_failed; nothing where nothing was remedied (withdrawn, a notification)."""
    if outcome.result == "withdrawn":
        return []
    good = outcome.result == "done"
    event_type = EventType.REMEDIATION_COMPLETED if good else EventType.REMEDIATION_FAILED
    severity = Severity.INFO if good else Severity.ERROR
    return _event(event_type, proposal, outcome.finished_at, severity, outcome.verdict, outcome.reason)


def _event(event_type: str, proposal: Proposal, at: str, severity: Severity, verdict: str, reason: str) -> list[Told]:
    if not action_type(proposal.type).touches_host:
        return []
    event = HealthEvent(
        type=event_type,
        node=proposal.node,
        service=proposal.service,
        severity=severity,
        payload={
            "action_id": proposal.id,
            "action": str(proposal.action),
            "type": proposal.type,
            "verdict": verdict,
            "reason": reason[:1000],
            "attempt": proposal.attempt,
        },
        timestamp=at,
        incident=proposal.event.incident,
        trust=Trust.MESH,
    )
    return [Told(once=f"{proposal.id}:{event_type}", event=event)]
