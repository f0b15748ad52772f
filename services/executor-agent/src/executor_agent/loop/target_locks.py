"""One action at a time on one target. Locks only; knows no actions."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mesh_core.models.records import sha256_of
from mesh_core.storage.file_lock import FileLock

POLL_SECONDS = 0.2


class TargetLocks:
    """Locks by node/service: in arrival order within this process, by a lock file against any other."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiters: defaultdict[str, int] = defaultdict(int)

    @asynccontextmanager
    async def hold(self, target_key: str) -> AsyncIterator[None]:
        """Wait for the target, for as long as others take; cancelling the waiter is safe."""
        self._waiters[target_key] += 1
        try:
            async with self._locks[target_key]:
                lock = FileLock(self._file(target_key))
                while not lock.take():  # noqa: ASYNC110  (the kernel calls nobody back)
                    await asyncio.sleep(POLL_SECONDS)
                try:
                    yield
                finally:
                    lock.release()
        finally:
            self._waiters[target_key] -= 1
            if not self._waiters[target_key]:
                del self._waiters[target_key], self._locks[target_key]

    def _file(self, target_key: str) -> Path:
        readable = target_key.replace("/", ".")[:150]
        return self.folder / f"{readable}.{sha256_of(target_key)[:12]}.lock"
