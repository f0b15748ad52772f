"""Silences whose time is over go to silences/ended/, and are forgotten long after. Ends none before its time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import structlog

from mesh_core.service import pause
from mesh_core.silence_folder import KEEP_DAYS, SilenceFolder

LOOK_SECONDS = 30.0

log = structlog.get_logger()


class Overdue:
    """A part of the service. Nothing depends on it: a silence holds until its end, wherever its file lies."""

    def __init__(self, folder: SilenceFolder):
        self._folder = folder

    async def run(self, stop: asyncio.Event) -> None:
        while not await pause(stop, LOOK_SECONDS):
            try:
                await asyncio.to_thread(self.look)
            except OSError as error:
                log.warning("overdue.later", error=str(error))

    def look(self) -> None:
        """Once over the folder. Raises OSError."""
        now = datetime.now(UTC)
        for silence in self._folder.current():
            if silence.over(now) and self._folder.end(silence.id):
                log.info("overdue.ended", silence=silence.id, place=silence.place)
        self._folder.forget(time.time() - KEEP_DAYS * 86400)
