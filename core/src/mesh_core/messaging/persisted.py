"""Up to which moment is what Redis acknowledged on its disk? Whoever can say something again keeps it until then.

What Redis acknowledges it may still lose: a power cut takes what was not fsynced. Two ways to know: three looks at INFO
that find nothing written and not fsynced, or that it was long enough ago. A WAITAOF that says no (appendfsync no) is
believed, one that says yes is not: Valkey 9.1 without a replica says it at once, up to a second before the fsync. A
server that started anew has another life: what the one before took must be sent again, known or not.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import redis.exceptions

from mesh_core.messaging.bus import Bus, BusDown, or_down

LONG_ENOUGH_SECONDS = 60.0  # twice what Linux leaves a written page unsynced for, where nobody can be asked
WAIT_MS = 1500  # with everysec an fsync begins every second
LOOKS, APART_SECONDS = 3, 1.2  # everysec: between two looks an fsync of what was written begins, by the third it ended


@dataclass(frozen=True)
class PersistedUpTo:
    """`life`: the server's run id. `until`: what it took before that moment (monotonic) is on its disk."""

    life: str
    until: float


class Persisted:
    """One server as one client sees it. `marker`: a key that this client may set; it is written to be waited for."""

    def __init__(self, bus: Bus, marker: str, *, clock: Callable[[], float] = time.monotonic):
        self._bus = bus
        self._marker = marker
        self._clock = clock
        self._can_wait = True
        self._life = ""
        self._quiet: deque[float] = deque(maxlen=LOOKS)

    async def look(self) -> PersistedUpTo:
        """Takes up to WAIT_MS. Raises BusDown."""
        began = self._clock()
        info, denied = await self._ask()
        life = str(info.get("run_id", ""))
        if life != self._life:
            self._life = life
            self._quiet.clear()
        known = -math.inf if denied else self._by_quiet_looks(began, info)
        return PersistedUpTo(life, max(known, began - LONG_ENOUGH_SECONDS))

    async def _ask(self) -> tuple[Mapping[str, Any], bool]:
        """INFO, and whether WAITAOF says no; on one connection, so that both speak of one life of the server."""
        async with self._bus.redis.pipeline(transaction=False) as pipe:
            pipe.info("server", "persistence")
            if self._can_wait:
                pipe.set(self._marker, "1", ex=60)
                pipe.execute_command("WAITAOF", 1, 0, WAIT_MS)
            with or_down():
                replies = await pipe.execute(raise_on_error=False)
                for reply in replies[:2]:
                    if isinstance(reply, Exception):
                        raise reply
        info = replies[0]
        waited = replies[2] if self._can_wait else None
        if isinstance(waited, redis.exceptions.ResponseError):
            self._can_wait = False  # it does not know the command, or we may not; or it has no log to wait for
        elif isinstance(waited, Exception):
            raise BusDown(str(waited))
        return info, isinstance(waited, list) and int(waited[0]) == 0

    def _by_quiet_looks(self, now: float, info: Mapping[str, Any]) -> float:
        """With appendfsync everysec or always: nothing of the log may wait to be written, and no fsync be under way."""
        if self._quiet and now - self._quiet[-1] < APART_SECONDS:
            return -math.inf
        quiet = (
            int(info.get("aof_enabled", 0)) == 1
            and info.get("aof_last_write_status") == "ok"
            and int(info.get("aof_buffer_length", 1)) == 0
            and int(info.get("aof_pending_bio_fsync", 1)) == 0
            and int(info.get("aof_rewrite_in_progress", 1)) == 0  # no-appendfsync-on-rewrite
        )
        if not quiet:
            self._quiet.clear()
            return -math.inf
        self._quiet.append(now)
        return self._quiet[0] if len(self._quiet) == LOOKS else -math.inf
