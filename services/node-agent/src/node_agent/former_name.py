"""What was open under this agent's former NODE_NAME ends, and that node is retired: nobody looks there any more.

One more life of the former name's spool: its stream has no other writer while we hold its lock. Does nothing where an
agent of that name runs, as on a machine that carries several.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import structlog

from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import Severity
from mesh_core.models.records import is_name
from mesh_core.runtime.service import pause
from mesh_core.storage.file_lock import FileLock
from mesh_core.storage.files import write_whole
from node_agent.delivery.redis_client import RedisClient, RedisRefused, RedisUnavailable
from node_agent.delivery.sender import EventSender
from node_agent.delivery.spool import Spool
from node_agent.incidents.events import event_for, node_event
from node_agent.incidents.incident_store import IncidentStore
from node_agent.incidents.incident_tracker import IncidentTracker

LOOK_SECONDS = 0.5

log = structlog.get_logger()


def former_name(note: Path, node: str) -> str | None:
    """The name under which an agent last ran here, if it is another one; `note` holds ours from now on."""
    try:
        before = note.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        before = ""
    if before == node:
        return None
    try:
        write_whole(note, node.encode())
    except OSError as error:
        log.warning("former_name.not_noted", error=str(error))
    return before if is_name(before) else None


class FormerName:
    """`folder`: the former name's spool."""

    def __init__(self, name: str, now: str, folder: Path, redis: RedisClient, clock_ms: Callable[[], int]):
        self._name = name
        self._now = now
        self._folder = folder
        self._redis = redis
        self._clock_ms = clock_ms

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what could not be said until then is said by an agent of that name, or never."""
        if (self._folder / "open.json").exists() and FileLock(self._folder / "lock", mode=0o644).take():
            await self._say_farewell(stop)
        await stop.wait()

    async def _say_farewell(self, stop: asyncio.Event) -> None:
        tracker, store = IncidentTracker(self._name), IncidentStore(self._folder / "open.json")
        store.load(tracker)
        spool = Spool(self._folder, self._name)
        for known in tracker.known_results(""):
            for change in tracker.close(known.key, ended=f"this node is called {self._now} now").changes:
                spool.accept(event_for(change, self._name, self._clock_ms()), self._clock_ms())
        retired = {"ended": f"this node is called {self._now} now"}
        farewell = node_event(EventType.NODE_RETIRED.value, self._name, self._clock_ms(), Severity.INFO, retired)
        spool.accept(farewell, self._clock_ms())
        log.info("former_name.closed", name=self._name, events=len(spool))
        store.save(tracker, (), {}, self._clock_ms())
        sender, said = EventSender(self._name, spool, self._redis, self._clock_ms), asyncio.Event()
        sending = asyncio.create_task(sender.run(said))
        while len(spool) and not sending.done() and not await pause(stop, LOOK_SECONDS):
            pass
        said.set()
        await sending
        with contextlib.suppress(RedisUnavailable, RedisRefused):
            await self._redis.mark_gone(self._name)
        await self._redis.close()
