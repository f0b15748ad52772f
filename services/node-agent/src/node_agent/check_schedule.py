"""When one probe checks next, and what: its rounds, hints from its stream, single targets again. Checks nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

HINT_SECONDS = 0.15  # a burst of pushed events is one check


class CheckSchedule:
    """One probe's. `clock`: monotonic seconds. Starts with a full round that is due at once."""

    def __init__(self, every_seconds: float, clock: Callable[[], float]):
        self._every_seconds = every_seconds
        self._clock = clock
        self._next_round = clock()
        self._due: dict[str, float] = {}  # key -> when
        self._hinted = asyncio.Event()

    def hint(self, key: str | None) -> None:
        """Something happened to the target with this key (None: to any of them)."""
        soon = self._clock() + HINT_SECONDS
        if key is None:
            self._next_round = min(self._next_round, soon)
        else:
            self._due[key] = min(self._due.get(key, soon), soon)
        self._hinted.set()

    def recheck(self, key: str | None, seconds: float) -> None:
        """The target with this key again in so many seconds; None: a full round."""
        at = self._clock() + seconds
        if key is None:
            self._next_round = min(self._next_round, at)
        else:
            self._due[key] = min(self._due.get(key, at), at)

    async def next(self) -> frozenset[str] | None:
        """Wait until something is due: these keys, or None for a full round."""
        while True:
            now = self._clock()
            if now >= self._next_round:
                self._due.clear()
                self._next_round = now + self._every_seconds
                return None
            if keys := frozenset(key for key, at in self._due.items() if at <= now):
                for key in keys:
                    del self._due[key]
                return keys
            self._hinted.clear()
            try:
                async with asyncio.timeout(min([self._next_round, *self._due.values()]) - now):
                    await self._hinted.wait()
            except TimeoutError:
                pass
