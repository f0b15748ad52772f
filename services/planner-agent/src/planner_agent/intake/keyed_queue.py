"""A keyed queue: jobs of one key strictly in order, different keys side by side. Knows nothing of what they do."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from mesh_core.runtime.service import cancelled

Job = Callable[[], Awaitable[None]]


class KeyedQueue:
    """At most `parallel` jobs run at once; jobs of one key never overlap and keep their order.

    `on_failure`: a job raised, somebody should `check`.
    """

    def __init__(self, parallel: int, *, on_failure: Callable[[], None] = lambda: None):
        self._parallel = parallel
        self._on_failure = on_failure
        self._slots = asyncio.Semaphore(parallel)
        self._alone = asyncio.Lock()
        self._queues: dict[str, deque[tuple[Job, bool]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def busy_keys(self) -> frozenset[str]:
        """Of what is running or waiting."""
        return frozenset(self._queues)

    def submit(self, key: str, job: Job, *, alone: bool = False) -> None:
        """Queue a job; `alone` lets no other run beside it. A job that raises takes the service down: see `check`."""
        if key in self._queues:
            self._queues[key].append((job, alone))
            return
        self._queues[key] = deque([(job, alone)])
        task = asyncio.create_task(self._drive(key), name=f"queue {key}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._on_failure()

    def check(self) -> None:
        """Raise what a finished job raised."""
        for task in [task for task in self._tasks if task.done()]:
            self._tasks.discard(task)
            task.result()

    async def cancel(self) -> None:
        """Stop now: what was not settled is pending in Redis and comes again."""
        await cancelled(*self._tasks)
        self._tasks.clear()
        self._queues.clear()

    async def _drive(self, key: str) -> None:
        queue = self._queues[key]
        try:
            while queue:
                job, alone = queue[0]
                async with self._slot(alone):
                    await job()
                queue.popleft()
        finally:
            self._queues.pop(key, None)

    @asynccontextmanager
    async def _slot(self, alone: bool) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            if alone:  # one after the other, or two of them would each wait for the slots of the other
                await held.enter_async_context(self._alone)
            for _ in range(self._parallel if alone else 1):
                await held.enter_async_context(self._slots)
            yield
