"""How long events stay on disk: day folders older than EVENTS_KEEP_DAYS go, once a day. Never touches actions/.

What ran is evidence, and small beside the events: finished actions stay until a person removes them.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from mesh_core.service import pause

EVERY_SECONDS = 86_400.0
RETRY_SECONDS = 600.0
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

log = structlog.get_logger()


class Retention:
    """`on_swept` is told up to which day (not included) everything may be gone."""

    def __init__(
        self,
        root: Path,
        keep_days: int,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_swept: Callable[[datetime], None] = lambda before: None,
    ):
        self._root = root
        self._keep_days = keep_days
        self._clock = clock
        self._on_swept = on_swept

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
        """Once over all days; how many folders of a node and day went. Blocks; raises OSError."""
        now = self._clock()
        oldest = (now - timedelta(days=self._keep_days)).replace(hour=0, minute=0, second=0, microsecond=0)
        removed = 0
        for day in sorted(_folders(self._root)):
            if not _DAY.fullmatch(day.name) or day.name >= oldest.strftime("%Y-%m-%d"):
                continue
            for thing in sorted(day.iterdir()):
                if stop is not None and stop.is_set():
                    return removed
                # An agent whose clock says 1970 fills an old day today: what was written lately stays.
                if thing.lstat().st_mtime < oldest.timestamp():
                    removed += 1
                    shutil.rmtree(thing) if stat.S_ISDIR(thing.lstat().st_mode) else thing.unlink()
            if not any(day.iterdir()):
                day.rmdir()
        if removed:
            log.info("retention.swept", folders=removed, before=oldest.strftime("%Y-%m-%d"), keep_days=self._keep_days)
        self._on_swept(oldest)
        return removed


def _folders(root: Path) -> list[Path]:
    """Real folders directly in `root`; none if it is not there yet."""
    try:
        return [path for path in root.iterdir() if stat.S_ISDIR(path.lstat().st_mode)]
    except FileNotFoundError:
        return []
