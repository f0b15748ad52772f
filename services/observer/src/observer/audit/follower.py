"""The one loop of the audit log: whoever has something to tell is asked when something changed, and every minute.

A source that fails is asked again soon, and the others are asked all the same. Writes nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

import redis.exceptions
import structlog

from mesh_core.messaging.bus import BusDown
from mesh_core.runtime.service import pause, woken
from mesh_core.security.users import BadPeople
from observer.audit.log import AuditBusy

LOOK_SECONDS = 60.0  # what no hint told of; what could not be told is tried again sooner
AGAIN_SECONDS = 2.0  # a person who moved a file may still be writing why
GATHER_SECONDS = 0.05  # one change is often several: a file and the note beside it

log = structlog.get_logger()


class Source(Protocol):
    """Where decisions are seen: a stream, a folder, a file."""

    async def look(self) -> bool:
        """Tell what is new since the last look; False: something is not ready to be told yet, look again soon.

        Raises what passes by itself: BusDown, OSError (AuditDown among them), AuditBusy, BadPeople.
        """


class Follower:
    """`run` is a part of the service; whoever knows that there is something to see calls `wake`."""

    def __init__(self, sources: Mapping[str, Source]):
        self._sources = sources
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        while True:
            settled = await self.look()
            if await woken(stop, self._wake, LOOK_SECONDS if settled else AGAIN_SECONDS):
                break
            if self._wake.is_set() and await pause(stop, GATHER_SECONDS):
                break
            self._wake.clear()
        await self.look()  # what was done while we were told to stop

    async def look(self) -> bool:
        """Once at every source; False when one of them is to be asked again soon."""
        return all([await self._look_at(name, source) for name, source in self._sources.items()])

    async def _look_at(self, name: str, source: Source) -> bool:
        try:
            return await source.look()
        except (BusDown, OSError, AuditBusy, BadPeople) as error:
            log.warning("audit.later", source=name, reason=str(error))
            return False
        except redis.exceptions.ResponseError as error:
            # An ACL without this key: the log is as good, only its end is noted in one place less.
            log.warning("audit.redis_refuses", source=name, reason=str(error))
            return True
