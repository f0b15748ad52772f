"""One executor at a time on one runtime folder: be it, or stand by until the one before is gone. Runs no action.

Standing by is an ordinary state only while somebody works. So whoever stands by looks at the heartbeat of the one that
works, says when there is none, and ends a leftover that holds the lock.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from executor_agent.leftovers import End, end_leftovers, started_at
from mesh_core.file_lock import FileLock
from mesh_core.probes import Ready
from mesh_core.pulse import Pulse
from mesh_core.service import pause

POLL_SECONDS = 0.2
LOOK_SECONDS = 2.5
IDLE_SECONDS = 15.0  # as `mend status`: a heartbeat is touched every two seconds

log = structlog.get_logger()


class Standby:
    """`heartbeat` is the file that the executor which works here touches."""

    def __init__(self, lock: Path, heartbeat: Path, pulse: Pulse):
        self._lock = FileLock(lock)
        self._heartbeat = heartbeat
        self._pulse = pulse
        self._pulse.standing_by = True  # until the lock is ours
        self._suspected: tuple[str, frozenset[int]] | None = None

    @asynccontextmanager
    async def alone(self, stop: asyncio.Event) -> AsyncIterator[bool]:
        """Be the only one. Yields False when it was told to stop while waiting."""
        self._lock.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            mine = self._lock.take() or await self._wait(stop)
            if mine:
                self._pulse.standing_by = False
                self._lock.note(f"pid {os.getpid()} started {started_at(os.getpid())} on {os.uname().nodename}\n")
            yield mine
        finally:
            self._lock.release()

    def ready(self) -> Ready:
        """Working, or ready to take over from one that works."""
        if not self._pulse.standing_by:
            return Ready(True)
        return Ready(not self._pulse.trouble, self._pulse.trouble or f"standing by; {self._holder()} works")

    async def _wait(self, stop: asyncio.Event) -> bool:
        log.warning("executor.standing_by", lock=str(self._lock.path), held_by=self._holder())
        began = look_at = time.monotonic()
        try:
            while not (mine := self._lock.take()):
                if time.monotonic() >= look_at:
                    look_at = time.monotonic() + LOOK_SECONDS
                    await asyncio.to_thread(self._look, began)
                if await pause(stop, POLL_SECONDS):
                    return False
            return mine
        finally:
            self._pulse.trouble = ""

    def _look(self, began: float) -> None:
        found = end_leftovers(self._lock.path, self._suspected)
        self._suspected = found.suspected
        if found.end is not End.NONE:
            log.warning("executor.leftover", what=found.end.value, pids=sorted(found.pids), held_by=self._holder())
        working = self._age() < IDLE_SECONDS or time.monotonic() - began < IDLE_SECONDS
        held_by = f"{self._lock.path} is held by {found.described or self._holder()}"
        self._pulse.trouble = "" if working else f"standing by, and no executor works: {held_by}"

    def _holder(self) -> str:
        try:
            return self._lock.path.read_text(errors="replace")[:200].strip() or "another executor"
        except OSError:
            return "another executor"

    def _age(self) -> float:
        try:
            return time.time() - self._heartbeat.stat().st_mtime
        except OSError:
            return float("inf")
