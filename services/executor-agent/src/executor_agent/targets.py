"""One action at a time on one target, and one executor at a time on one runtime folder. Locks only; knows no actions.

The kernel drops a flock when its holder dies, however it dies; a lock file is never removed (that would let two in).
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from mesh_core.service import pause

POLL_SECONDS = 0.2

log = structlog.get_logger()


class Targets:
    """Locks by node/service: in arrival order within this process, by flock against any other."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._wanted: defaultdict[str, int] = defaultdict(int)

    @asynccontextmanager
    async def hold(self, pair: str) -> AsyncIterator[None]:
        """Wait for the target, for as long as others take; cancelling the waiter is safe."""
        self._wanted[pair] += 1
        try:
            async with self._locks[pair]:
                descriptor = await self._flock(pair)
                try:
                    yield
                finally:
                    os.close(descriptor)
        finally:
            self._wanted[pair] -= 1
            if not self._wanted[pair]:
                del self._wanted[pair], self._locks[pair]

    async def _flock(self, pair: str) -> int:
        descriptor = os.open(self._file(pair), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            while not _taken(descriptor):  # noqa: ASYNC110  (the kernel calls nobody back)
                await asyncio.sleep(POLL_SECONDS)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _file(self, pair: str) -> Path:
        readable = pair.replace("/", ".")[:150]
        return self.folder / f"{readable}.{hashlib.sha256(pair.encode()).hexdigest()[:12]}.lock"


@asynccontextmanager
async def alone(path: Path, stop: asyncio.Event) -> AsyncIterator[bool]:
    """Be the only executor of this runtime folder. A second one stands by, and takes over when the first is gone.

    Yields False when it was told to stop while waiting.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        told = False
        while not (mine := _taken(descriptor)):
            if not told:
                holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip()
                log.warning("executor.standing_by", lock=str(path), held_by=holder or "another executor")
                told = True
            if await pause(stop, POLL_SECONDS):
                break
        if mine:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"pid {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
        yield mine
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
