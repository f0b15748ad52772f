"""A hint that something came into approved/: the kernel's inotify, straight into the loop. The scan is the truth.

It says nothing of what was there before, goes deaf when the folder is made anew (it is armed again within two
seconds), and may be missing altogether (no inotify left, a network mount): then the scan alone does the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Callable
from pathlib import Path

import structlog

from mesh_core.runtime.service import pause

REARM_SECONDS = 2.0
_CLOSE_WRITE, _MOVED_TO, _CREATE = 0x8, 0x80, 0x100
_ONLYDIR = 0x01000000
_libc = ctypes.CDLL(None, use_errno=True)

log = structlog.get_logger()


async def watch(folder: Path, hint: Callable[[], None], stop: asyncio.Event) -> None:
    """Call `hint` from the loop, at most 2 ms after a change in `folder`, until `stop`."""
    loop = asyncio.get_running_loop()
    descriptor, inode, complained = -1, -1, False

    def heard() -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(descriptor, 65536)
        hint()

    try:
        while True:
            now = _inode(folder)
            if now != inode:
                if descriptor >= 0:
                    loop.remove_reader(descriptor)
                    os.close(descriptor)
                descriptor = _armed(folder) if now >= 0 else -1
                if descriptor >= 0:
                    inode = now
                    loop.add_reader(descriptor, heard)
                    hint()  # what came between the scan and the arming
                elif not complained:
                    complained = True
                    log.warning("executor.no_inotify", folder=str(folder), effect="approvals are seen within 2 s")
            if await pause(stop, REARM_SECONDS):
                return
    finally:
        if descriptor >= 0:
            loop.remove_reader(descriptor)
            os.close(descriptor)


def _inode(folder: Path) -> int:
    try:
        return folder.stat().st_ino
    except OSError:
        return -1


def _armed(folder: Path) -> int:
    """An inotify descriptor that watches `folder`; -1 where that is not possible."""
    descriptor: int = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        return -1
    mask = _CLOSE_WRITE | _MOVED_TO | _CREATE | _ONLYDIR
    if _libc.inotify_add_watch(descriptor, os.fsencode(folder), mask) < 0:
        os.close(descriptor)
        return -1
    return descriptor
