"""The observer: streams -> archive, logbook and world -> world_updates. Acknowledges only what is on disk.

Never touches a host, a proposal or a decision. One observer per mesh: it alone writes events/ and state/world.json.

| dies after | what is left | next start |
|---|---|---|
| read | pending entries of our own name | handed out again at once |
| archive | the lines, pending entries | read again at the files' ends: nothing is written twice |
| update published | the files, pending entries, a once key | folded again, the key keeps it from being said twice |
| acknowledge | all, but world.json may be seconds old | `catch_up` folds what the streams hold beyond its positions |
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import ValidationError
from pydantic_core import to_json

from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.rule import is_benign
from mesh_core.messaging.bus import LONGEST_PAYLOAD, Bus, BusDown, Page
from mesh_core.messaging.consumer import Consumer
from mesh_core.messaging.group_commands import Entry
from mesh_core.messaging.replies import texts_of
from mesh_core.models.events import HealthEvent, Trust, WorldUpdate
from mesh_core.models.records import utc_now
from mesh_core.models.streams import EVENT_STREAM_PREFIX
from mesh_core.runtime.metrics import EVENTS_BENIGN, EVENTS_READ
from mesh_core.runtime.process_memory import give_back
from mesh_core.runtime.pulse import unwatched
from mesh_core.runtime.service import pause, woken
from mesh_core.storage.files import write_whole
from observer.archive.events import EventArchive
from observer.archive.logbook import Logbook
from observer.pipeline.merging import merged
from observer.pipeline.sorting import SortedEntries, sort_entries
from observer.world import World, fold, with_beat

GROUP = "observer"
READ_BATCH = 200
BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
SAVE_SECONDS = 1.0
UNTOUCHED_SECONDS = 60.0
LAST_BATCH_SECONDS = 5.0
SAVE_BYTES_PER_SECOND = 200_000  # on the average; a world of 10,000 places is 3.4 MB

log = structlog.get_logger()


class Observer:
    """Holds the world. `run` and `keep_world` are parts of the service; `heard` is asked by the liveness part.

    `on_new`: something new lies in the streams, for whoever of us reads them as well.
    """

    def __init__(
        self,
        bus: Bus,
        consumer: Consumer,
        archive: EventArchive,
        world_file: Path,
        *,
        clock: Callable[[], datetime] = utc_now,
        on_sign: Callable[[str], None] = lambda node: None,
        on_retired: Callable[[str], None] = lambda node: None,
        on_new: Callable[[], None] = lambda: None,
        on_kept: Callable[[list[Path], float], None] = lambda paths, before: None,
        remove: Callable[..., Awaitable[object]] | None = None,
        turned: Callable[[], None] = unwatched,
    ):
        self._bus = bus
        self._consumer = consumer
        self._archive = archive
        self._logbook = Logbook(archive.root, archive.lock)
        self._world_file = world_file
        self._clock = clock
        self._on_sign = on_sign
        self._on_retired = on_retired
        self._on_new = on_new
        self._on_kept = on_kept
        self._remove = remove or bus.call
        self._turned = turned
        self._telling = asyncio.Lock()
        self.world = read_world(world_file)
        self._saved = self.world
        self._moved = asyncio.Event()  # the world is not the one that was saved
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop. Redis away or a full disk: back off and go on."""
        self._idle.clear()
        try:
            await self._run(stop)
        finally:
            self._idle.set()

    async def _run(self, stop: asyncio.Event) -> None:
        if not await self._until_done(self.catch_up, stop):
            return
        while not stop.is_set():
            entries: list[Entry] = []
            if not await self._until_done(lambda: self._read(entries, stop), stop):  # noqa: B023 - awaited in this turn
                return
            # What was read once is not handed out a second time, so it is worked on until that is done.
            if not await self._until_done(lambda: self.work(entries), stop):  # noqa: B023
                return

    async def work(self, entries: Sequence[Entry]) -> None:
        """One batch, in the order that the crash table needs. Raises BusDown or OSError; it may be repeated."""
        batch = sort_entries(entries)
        for entry, reason in batch.refused:
            await self._bus.refuse(entry.raw, source=entry.stream, reason=reason, actor="observer", entry_id=entry.id)
            log.warning("observer.refused", stream=entry.stream, entry=entry.id, reason=reason)
        before = time.time()
        archived, noted = await asyncio.to_thread(self._keep, batch)
        self._on_kept([*archived, *noted], before)
        await self._fold(batch.events)
        await self._consumer.acknowledge(entries)
        await self._delete(entry for entry in entries if len(entry.raw) >= LONGEST_PAYLOAD)
        EVENTS_READ.add(amount=len(batch.events))
        EVENTS_BENIGN.add(amount=sum(is_benign(event) for event in batch.events))

    async def _delete(self, entries: Iterable[Entry]) -> None:
        """What no record is as long as goes at once, for every group: its beginning lies in the dead letters."""
        for entry in entries:
            await self._remove("XDEL", entry.stream, entry.id)

    def _keep(self, batch: SortedEntries) -> tuple[list[Path], list[Path]]:
        return self._archive.keep(batch.events, batch.decisions), self._logbook.keep(batch.lines)

    async def catch_up(self) -> None:
        """Fold what was acknowledged after world.json was last saved; all there is when there is no world.json.

        All streams as one: what is over in one of them may be what began in another.
        """
        positions = {stream: self.world.positions.get(stream, "") for stream in await self._event_streams()}
        async for entries in merged(self._page, positions):
            self._turned()
            await self._fold(sort_entries(entries).events)

    async def _page(self, stream: str, first: str, count: int) -> Page:
        return await self._bus.page(stream, first, count=count)

    async def _event_streams(self) -> list[str]:
        found: set[str] = set()
        cursor: object = 0
        while True:
            cursor, keys = await self._bus.call(
                "SCAN", cursor, "MATCH", f"{EVENT_STREAM_PREFIX}*", "COUNT", 1000, "TYPE", "stream"
            )
            found |= texts_of(keys)
            if not cursor:
                return sorted(found)

    async def heard(self, node: str, listed: bool) -> None:
        """The node's agent gave a sign of life outside its stream; is it in the inventory? Raises BusDown."""
        async with self._telling:
            world, updates = with_beat(self.world, node, self._clock(), listed=listed)
            await self._publish(updates, f"beat:{node}:{self._clock().date()}")
            self._move_on(world)

    async def keep_world(self, stop: asyncio.Event) -> None:
        """state/world.json, whole, at most once a second and only when something changed; a big world less often.

        A big world every second would wear out a memory card; what a crash loses of it the streams bring back.
        """
        size = 0
        while not await woken(stop, self._moved, UNTOUCHED_SECONDS):
            if await pause(stop, max(SAVE_SECONDS, size / SAVE_BYTES_PER_SECOND)):
                break
            size = await self.save() or size
        # The last batch is still being folded when we are told to stop; without it the file would lag behind.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_BATCH_SECONDS):
                await self._idle.wait()
        await self.save()

    async def save(self) -> int:
        """How many bytes were written; 0 when nothing changed, or when the disk is full (then it is tried again)."""
        self._moved.clear()
        world = self.world
        if world is self._saved:
            return 0
        try:
            size = await asyncio.to_thread(_write_world, self._world_file, world)
        except OSError as error:
            log.error("observer.world_not_saved", error=str(error))
            self._moved.set()
            return 0
        self._saved = world
        return size

    async def _read(self, into: list[Entry], stop: asyncio.Event) -> None:
        into += await self._consumer.read(count=READ_BATCH, stop=stop)
        if into:
            self._on_new()

    async def _fold(self, events: Iterable[HealthEvent]) -> None:
        """Publish before the world moves on: a crash or a lost Redis in between folds the same event again."""
        async with self._telling:
            for event in events:
                world, updates = fold(self.world, event, self._clock())
                await self._publish(updates, event.id or "")
                self._move_on(world)
                if event.type == EventType.NODE_RETIRED:
                    self._on_retired(event.node)
                elif event.trust is Trust.NODE:
                    self._on_sign(event.node)

    def _move_on(self, world: World) -> None:
        if world is not self.world:
            self.world = world
            self._moved.set()

    async def _publish(self, updates: Iterable[WorldUpdate], cause: str) -> None:
        for update in updates:
            if await self._bus.publish(update, idempotency_key=f"world:{cause}:{update.node}/{update.service or ''}"):
                log.info(
                    "observer.world_changed",
                    node=update.node,
                    service_name=update.service,
                    state=update.to_state,
                    event_id=update.event_id,
                )
                self._on_new()

    async def _until_done(self, step: Callable[[], Awaitable[None]], stop: asyncio.Event) -> bool:
        """Repeat `step` until it goes through; False when it is time to stop."""
        failures = 0
        while not stop.is_set():
            self._turned()
            try:
                await step()
                return True
            except BusDown as error:
                why = f"redis: {error}"
            except OSError as error:
                why = f"disk: {error}"
            seconds = BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)]
            failures += 1
            log.warning("observer.waiting", reason=why, retry_in_seconds=seconds)
            await pause(stop, seconds)
        return False


def _write_world(path: Path, world: World) -> int:
    raw = to_json(world, indent=1)
    write_whole(path, raw)
    size = len(raw)
    del raw
    give_back()
    return size


def read_world(path: Path) -> World:
    """The world as it was saved; an empty one if there is none or it cannot be read (the streams bring it back)."""
    try:
        return World.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return World()
    except ValidationError as error:
        log.warning("observer.world_unreadable", path=str(path), error=str(error)[:300])
        return World()
