"""The circuit breaker: a provider whose server keeps failing is left alone for a while. Pure; the clock is passed in.

It never counts bad answers, only timeouts, broken connections, 5xx and 429.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 30.0


class Breaker:
    """Closed, or open for `open_seconds` after `failures` in a row; then exactly one trial decides."""

    def __init__(
        self, clock: Callable[[], float], *, failures: int = FAILURES_TO_OPEN, open_seconds: float = OPEN_SECONDS
    ):
        self._clock = clock
        self._limit = failures
        self._open_seconds = open_seconds
        self._in_a_row = 0
        self._open_until: float | None = None
        self._trial = False

    def admits(self) -> bool:
        """May this attempt be made? A yes after the open time is the one trial: `record` or `forget` must follow."""
        if self._open_until is None:
            return True
        if self._trial or self._clock() < self._open_until:
            return False
        self._trial = True
        return True

    def record(self, *, unhealthy: bool) -> None:
        """How an admitted attempt ended."""
        self._trial = False
        if not unhealthy:
            self._in_a_row, self._open_until = 0, None
            return
        self._in_a_row += 1
        if self._in_a_row >= self._limit:
            self._open_until = self._clock() + self._open_seconds

    def forget(self) -> None:
        """An admitted attempt was given up by us: it proves nothing."""
        self._trial = False

    def closed_in(self) -> float:
        """Seconds until the next trial; 0 if there is nothing to wait for."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - self._clock())


class Breakers:
    """One breaker and one line of waiting attempts per provider name, for the life of a process."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        failures: int = FAILURES_TO_OPEN,
        open_seconds: float = OPEN_SECONDS,
    ):
        self._clock = clock
        self._failures = failures
        self._open_seconds = open_seconds
        self._by_name: dict[str, Breaker] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}

    def turn(self, name: str, at_once: int) -> asyncio.Semaphore:
        """The line in front of that provider: at most `at_once` attempts are with its server at a time."""
        return self._turns.setdefault(name, asyncio.Semaphore(at_once))

    def of(self, name: str) -> Breaker:
        """The breaker of that provider, made closed on first sight."""
        if name not in self._by_name:
            self._by_name[name] = Breaker(self._clock, failures=self._failures, open_seconds=self._open_seconds)
        return self._by_name[name]
