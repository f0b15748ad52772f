"""Lines of a running action to whoever listens on `executor_output`. A courtesy: it never waits, never holds up a run.

What nobody could take in time is counted and said, not kept (the logs/ folder has every line).
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter, deque

import structlog
from redis.exceptions import RedisError

from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.runtime.service import pause, woken

CHANNEL = "executor_output"
QUEUE_LINES = 2000
LINE_CHARS = 4096
AWAY_SECONDS = 1.0

log = structlog.get_logger()


class LiveOutput:
    """`add` from any thread; `publish` is the part that publishes. Make it inside the running loop."""

    def __init__(self) -> None:
        self.dropped = 0
        self._dropped_of: Counter[str] = Counter()
        self._lines: deque[tuple[str, str, str, str]] = deque()
        self._lock = threading.Lock()
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def add(self, action_id: str, stage: str, line: str) -> None:
        """Queue one line, or count it as dropped when 2000 are waiting."""
        entry = (action_id, stage, line[:LINE_CHARS], rfc3339(utc_now()))
        with self._lock:
            if len(self._lines) >= QUEUE_LINES:
                self.dropped += 1
                self._dropped_of[action_id] += 1
                return
            self._lines.append(entry)
            wake = len(self._lines) == 1
        if wake and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def publish(self, bus: Bus, closing: asyncio.Event) -> None:
        """Publish what comes, until `closing`. While Redis is away lines are dropped and counted."""
        while not (closing.is_set() and not self._lines):
            await woken(closing, self._wake)
            self._wake.clear()
            if not await self._publish_all(bus):
                if closing.is_set():
                    return
                await pause(closing, AWAY_SECONDS)

    async def _publish_all(self, bus: Bus) -> bool:
        while entry := self._next():
            try:
                await bus.announce(CHANNEL, _wire(*entry))
            except (BusDown, RedisError):
                self._drop_all(entry[0])
                return False
        for action_id, count in self._take_counts():
            log.warning("executor.lines_dropped", action_id=action_id, count=count)
            note = f"({count} lines were not shown here; logs/ has them all)"
            try:
                await bus.announce(CHANNEL, _wire(action_id, "", note, rfc3339(utc_now())))
            except (BusDown, RedisError):
                return False
        return True

    def _next(self) -> tuple[str, str, str, str] | None:
        with self._lock:
            return self._lines.popleft() if self._lines else None

    def _drop_all(self, first: str) -> None:
        with self._lock:
            lost = [first, *(entry[0] for entry in self._lines)]
            self._lines.clear()
            self.dropped += len(lost)
            self._dropped_of.update(lost)

    def _take_counts(self) -> list[tuple[str, int]]:
        with self._lock:
            taken = list(self._dropped_of.items())
            self._dropped_of.clear()
            return taken


def _wire(action_id: str, stage: str, line: str, ts: str) -> bytes:
    return json.dumps({"action_id": action_id, "stage": stage, "line": line, "ts": ts}, ensure_ascii=True).encode()
