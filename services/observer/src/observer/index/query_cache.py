"""Answers that are worth keeping for a moment: charts over a year, asked for by every open page at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
MOST = 64


class QueryCache:
    """One thread works an answer out, the others wait for it. Thread-safe."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._guard = threading.Lock()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: Hashable, seconds: float, make: Callable[[], T]) -> T:
        """What `make` said at most `seconds` ago, or says now."""
        with self._guard:
            if len(self._locks) > MOST:
                self._locks.clear()
                self._kept.clear()
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            until, answer = self._kept.get(key, (0.0, None))
            if self._clock() >= until:
                answer = make()
                self._kept[key] = (self._clock() + seconds, answer)
            kept: T = answer
            return kept

    def clear(self) -> None:
        with self._guard:
            self._kept.clear()
