"""One process at a time on one runtime folder: lead, or stand by until the leader is gone. Does no work itself.

Standing by is an ordinary state only while somebody works. So whoever stands by looks at the heartbeat of the one that
works, and says when there is none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from mesh_core.runtime.health import Ready
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import pause
from mesh_core.storage.file_lock import FileLock
from mesh_core.storage.lock_note import our_note, read_note

POLL_SECONDS = 0.2
INSPECT_SECONDS = 2.5
IDLE_SECONDS = 15.0  # as `mend status`: a heartbeat is touched every two seconds

log = structlog.get_logger()


class LeaderLock:
    """`role` leads here, such as `executor`; `heartbeat` is the file that it touches.

    `inspect` runs in a thread now and then while we wait: it says which processes have the lock open, as far as it can
    tell, and may end those that must not.
    """

    def __init__(
        self, role: str, lock: Path, heartbeat: Path, pulse: Pulse, *, inspect: Callable[[], str] = lambda: ""
    ):
        self._role = role
        self._lock = FileLock(lock)
        self._heartbeat = heartbeat
        self._pulse = pulse
        self._inspect_holders = inspect
        self._pulse.standing_by = True  # until the lock is ours

    @asynccontextmanager
    async def hold(self, stop: asyncio.Event) -> AsyncIterator[bool]:
        """Be the leader for as long as this lasts. Yields False when it was told to stop while waiting."""
        self._lock.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            leading = self._lock.take() or await self._wait(stop)
            if leading:
                self._pulse.standing_by = False
                with suppress(OSError):  # a full disk: that it is us goes unsaid, and the work goes on
                    self._lock.note(our_note())
            yield leading
        finally:
            self._lock.release()

    def ready(self) -> Ready:
        """Working, or ready to take over from one that works."""
        if not self._pulse.standing_by:
            return Ready(True)
        return Ready(not self._pulse.trouble, self._pulse.trouble or f"standing by; {self._holder()} works")

    async def _wait(self, stop: asyncio.Event) -> bool:
        log.warning(f"{self._role}.standing_by", lock=str(self._lock.path), held_by=self._holder())
        began = inspect_at = time.monotonic()
        try:
            while not (leading := self._lock.take()):
                if time.monotonic() >= inspect_at:
                    inspect_at = time.monotonic() + INSPECT_SECONDS
                    await asyncio.to_thread(self._inspect, began)
                if await pause(stop, POLL_SECONDS):
                    return False
            return leading
        finally:
            self._pulse.trouble = ""

    def _inspect(self, began: float) -> None:
        holders = self._inspect_holders() or self._holder()
        working = self._age() < IDLE_SECONDS or time.monotonic() - began < IDLE_SECONDS
        sentence = f"standing by, and no {self._role} works: {self._lock.path} is held by {holders}"
        self._pulse.trouble = "" if working else sentence

    def _holder(self) -> str:
        return read_note(self._lock.path).strip() or f"another {self._role}"

    def _age(self) -> float:
        try:
            return time.time() - self._heartbeat.stat().st_mtime
        except OSError:
            return float("inf")
