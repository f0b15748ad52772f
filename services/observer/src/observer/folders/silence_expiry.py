"""Silences that are over, by the clock or because it is well there, go to silences/ended/; long after, they are gone.

An acknowledgement is ended by the planner as soon as it hears the recovery; this only makes sure, where the planner
may not move files or was not there.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import structlog

from mesh_core.models.records import parse_time, utc_now
from mesh_core.runtime.metrics import SILENCES
from mesh_core.runtime.service import pause
from mesh_core.silences.folder import KEEP_DAYS, SilenceFolder
from mesh_core.silences.silence import Silence, SilenceKind
from observer.world import HealthState, World

LOOK_SECONDS = 10.0  # one that is over holds no more, wherever its file lies

log = structlog.get_logger()


class SilenceExpiry:
    """A part of the service. A silence that is over by the clock holds no more, wherever its file lies."""

    def __init__(self, folder: SilenceFolder, world: Callable[[], World]):
        self._folder = folder
        self._world = world
        self._warned = False

    async def run(self, stop: asyncio.Event) -> None:
        while not await pause(stop, LOOK_SECONDS, shared=True):
            try:
                await asyncio.to_thread(self.look)
                self._warned = False
            except OSError as error:
                if not self._warned:
                    log.warning("silence_expiry.later", error=str(error))
                self._warned = True

    def look(self) -> None:
        """Once over the folder. Raises OSError."""
        now, world = utc_now(), self._world()
        for silence in self._folder.current():
            reason = ""
            if not silence.over(now):
                if not is_healthy_again(silence, world):
                    continue
                reason = "it is healthy again\n-- observer"
            if self._folder.end(silence.id, reason):
                log.info("silence_expiry.ended", silence=silence.id, target=silence.target)
        active = Counter(silence.kind.value for silence in self._folder.current() if silence.active(now))
        for kind in SilenceKind:
            SILENCES.set(active[kind.value], kind.value)
        self._folder.forget(time.time() - KEEP_DAYS * 86400)


def is_healthy_again(silence: Silence, world: World) -> bool:
    """Has the place that was acknowledged become well since?"""
    if silence.kind is not SilenceKind.ACKNOWLEDGE:
        return False
    target = world.places.get(f"{silence.node}/{silence.service or ''}")
    return (
        target is not None
        and target.state is HealthState.HEALTHY
        and parse_time(target.since) > parse_time(silence.created_at)
    )
