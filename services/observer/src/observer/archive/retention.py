"""How long events stay on disk, and in what form: once an hour. Never touches actions/, which is the executor's.

1. Days older than EVENTS_KEEP_DAYS go.
2. Files whose day is a week ago are compressed, and those that are larger than 64 MiB.
3. While events/ holds more than EVENTS_MAX_GIB, or less than EVENTS_FREE_PERCENT of the disk is free, the oldest day
   goes; never one of the last seven, and none at all where all of them would not make room enough.
"""

from __future__ import annotations

import asyncio
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from mesh_core.models.records import utc_now
from mesh_core.runtime.service import pause
from mesh_core.storage.disk_room import size_of
from mesh_core.storage.event_files import PLAIN, day_folders
from mesh_core.storage.event_packing import pack
from mesh_core.storage.listing import MISSING, entries

EVERY_SECONDS = 3600.0
RETRY_SECONDS = 600.0
PACK_DAYS = 7  # also the days that never go for want of room
QUIET_SECONDS = 86_400.0  # an old day that is still written to (a clock that says 1970) is left as it is
PACK_BYTES = 64 * 1024**2

log = structlog.get_logger()


@dataclass(frozen=True)
class RetentionPolicy:
    """`max_bytes` and `free_percent`: 0 for none."""

    keep_days: int
    max_bytes: int = 0
    free_percent: float = 0


class Retention:
    """`on_swept` is told up to which day (not included) everything may be gone; `growing` is the archive's lock."""

    def __init__(
        self,
        root: Path,
        bounds: RetentionPolicy,
        *,
        growing: threading.Lock | None = None,
        clock: Callable[[], datetime] = utc_now,
        on_swept: Callable[[datetime], None] = lambda before: None,
        disk: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
    ):
        self._root = root
        self._bounds = bounds
        self._growing = growing or threading.Lock()
        self._clock = clock
        self._on_swept = on_swept
        self._disk = disk

    async def run(self, stop: asyncio.Event) -> None:
        while True:
            try:
                await asyncio.to_thread(self.sweep, stop)
                wait = EVERY_SECONDS
            except OSError as error:
                log.error("retention.later", reason=str(error), retry_in_seconds=RETRY_SECONDS)
                wait = RETRY_SECONDS
            if await pause(stop, wait):
                return

    def sweep(self, stop: asyncio.Event | None = None) -> int:
        """Once over all days; how many files and folders of a node and day went. Blocks; raises OSError."""
        stop = stop or asyncio.Event()
        today = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        oldest = today - timedelta(days=self._bounds.keep_days)
        removed = 0
        for day in self._days(before=oldest):
            removed += _remove(day, oldest, stop)
        if removed:
            log.info("retention.swept", removed=removed, before=f"{oldest:%Y-%m-%d}", keep_days=self._bounds.keep_days)
        week = today - timedelta(days=PACK_DAYS)
        self._pack(week, stop)
        gone, before = self._make_room(week, stop)
        self._on_swept(max(oldest, before))
        return removed + gone

    def _pack(self, before: datetime, stop: asyncio.Event) -> None:
        packed = 0
        for day in day_folders(self._root):
            is_old = day.name < f"{before:%Y-%m-%d}"
            for path in _paths(day):
                if stop.is_set():
                    return
                if not path.name.endswith(PLAIN) or path.name.startswith("."):
                    continue
                try:
                    status = path.lstat()
                    quiet = self._clock().timestamp() - status.st_mtime > QUIET_SECONDS
                    if stat.S_ISREG(status.st_mode) and ((is_old and quiet) or status.st_size > PACK_BYTES):
                        packed += pack(path, self._growing)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    log.error("retention.not_packed", file=str(path), reason=str(error))
        if packed:
            log.info("retention.packed", files=packed)

    def _make_room(self, week: datetime, stop: asyncio.Event) -> tuple[int, datetime]:
        """How many things went, and up to which day (not included)."""
        wanted = self._wanted_bytes()
        nothing = (0, datetime.fromtimestamp(0, UTC))
        if wanted <= 0:
            return nothing
        going, found = [], 0
        for day in self._days(before=week):
            if found >= wanted:
                break
            found += sum(size_of(thing) for thing in _paths(day) if _is_older(thing, week))
            going.append(day)
        if found < wanted:
            log.error(
                "retention.no_room",
                wanted_mib=wanted // 1024**2,
                older_days_hold_mib=found // 1024**2,
                consequence="no day was removed: that would not be enough, so something else fills the disk",
            )
            return nothing
        removed = sum(_remove(day, week, stop) for day in going)
        log.warning("retention.made_room", days=len(going), up_to=going[-1].name, mib=found // 1024**2)
        return removed, datetime.strptime(going[-1].name, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)

    def _wanted_bytes(self) -> int:
        wanted = 0
        if self._bounds.max_bytes:
            wanted = size_of(self._root) - self._bounds.max_bytes
        if self._bounds.free_percent and self._root.is_dir():
            total, _, free = self._disk(self._root)
            wanted = max(wanted, int(total * self._bounds.free_percent / 100) - free)
        return wanted

    def _days(self, before: datetime) -> Iterator[Path]:
        """Oldest first."""
        last = f"{before:%Y-%m-%d}"
        yield from (day for day in day_folders(self._root) if day.name < last)


def _remove(day: Path, before: datetime, stop: asyncio.Event) -> int:
    """What lies in a day's folder and was written before; how many things."""
    removed = 0
    for thing in sorted(_paths(day)):
        if stop.is_set():
            return removed
        # An agent whose clock says 1970 fills an old day today: what was written lately stays.
        if _is_older(thing, before):
            removed += 1
            shutil.rmtree(thing) if stat.S_ISDIR(thing.lstat().st_mode) else thing.unlink()
    if not _paths(day):
        day.rmdir()
    return removed


def _is_older(thing: Path, before: datetime) -> bool:
    try:
        return thing.lstat().st_mtime < before.timestamp()
    except FileNotFoundError:
        return False


def _paths(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in entries(folder, tolerated=MISSING)]
