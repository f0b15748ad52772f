"""A hint that something came into approved/, told by the kernel straight into the loop. The scan is the truth.

Armed again within two seconds when the folder is made anew; where it cannot be watched the scan alone does the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from mesh_core.runtime.service import pause
from mesh_core.storage.folder_watch import APPEARED, WRITTEN, FolderWatch

REARM_SECONDS = 2.0

log = structlog.get_logger()


async def watch(folder: Path, wake: Callable[[], None], stop: asyncio.Event) -> None:
    """Call `wake` from the loop, at most 2 ms after a change in `folder`, until `stop`."""
    armed: FolderWatch | None = None
    complained = False
    try:
        while True:
            if armed is not None and armed.inode != _inode(folder):
                armed.close()
                armed = None
            if armed is None:
                try:
                    armed = FolderWatch(folder, WRITTEN | APPEARED, lambda name: wake())
                    wake()  # what came between the scan and the arming
                except OSError as error:
                    if not complained:
                        log.warning("executor.no_inotify", reason=str(error), effect="approvals are seen within 2 s")
                    complained = True
            if await pause(stop, REARM_SECONDS):
                return
    finally:
        if armed is not None:
            armed.close()


def _inode(folder: Path) -> int:
    try:
        return folder.stat().st_ino
    except OSError:
        return -1
