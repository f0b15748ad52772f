"""A look that may hang for ever in the kernel (a disk that died), where nothing can end it: in a thread that nobody
waits for. Until it is back no other begins."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

import structlog

from mesh_core.runtime.process_memory import give_back

log = structlog.get_logger()


class DetachedThread:
    """One at a time; `looks`: one is still out there."""

    def __init__(self, name: str):
        self._name = name
        self.looks = False

    async def run(self, look: Callable[[], None]) -> bool:
        """Has it ended? False if none could begin. Who is cancelled leaves it behind."""
        if self.looks:
            return False
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def run() -> None:
            try:
                look()
                give_back()
            finally:
                with contextlib.suppress(RuntimeError):  # the agent has ended meanwhile
                    loop.call_soon_threadsafe(ended)

        def ended() -> None:
            self.looks = False
            done.set()

        self.looks = True
        try:
            threading.Thread(target=run, name=self._name, daemon=True).start()
        except RuntimeError as error:  # no more threads are allowed: trouble of its own, and no reason to lose an event
            self.looks = False
            log.warning(f"{self._name}.cannot_begin", error=str(error))
            return False
        await done.wait()
        return True
