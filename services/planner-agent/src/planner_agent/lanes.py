"""Lanes: one node/service pair strictly in order, different pairs side by side. Knows nothing of what they do."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Job = Callable[[], Awaitable[None]]


class Lanes:
    """At most `parallel` jobs run at once; jobs of one pair never overlap and keep their order."""

    def __init__(self, parallel: int):
        self._slots = asyncio.Semaphore(parallel)
        self._queues: dict[str, deque[Job]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def busy(self, pair: str) -> bool:
        """Is anything of this pair running or waiting?"""
        return pair in self._queues

    def submit(self, pair: str, job: Job) -> None:
        """Queue a job. A job that raises takes the service down: see `join`."""
        if pair in self._queues:
            self._queues[pair].append(job)
            return
        self._queues[pair] = deque([job])
        task = asyncio.create_task(self._drive(pair), name=f"lane {pair}")
        self._tasks.add(task)

    def check(self) -> None:
        """Raise what a finished lane raised."""
        for task in [task for task in self._tasks if task.done()]:
            self._tasks.discard(task)
            task.result()

    async def cancel(self) -> None:
        """Stop now: what was not settled is pending in Redis and comes again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._queues.clear()

    async def _drive(self, pair: str) -> None:
        queue = self._queues[pair]
        try:
            while queue:
                async with self._slots:
                    await queue[0]()
                queue.popleft()
        finally:
            self._queues.pop(pair, None)
