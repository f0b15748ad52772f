"""Tells who asked that something changed in a folder or a file: at once by inotify, and by their times every 2 s.

Reads no name and no byte. inotify is only a hint (none left, a network mount, an edit in place): the times are the
truth. It goes deaf when a folder is made anew; so each look watches what is there now.
"""

from __future__ import annotations

import asyncio
import errno
import stat
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from mesh_core.runtime.service import pause
from mesh_core.storage.file_stamp import FileStamp, stamp_of
from mesh_core.storage.folder_watch import APPEARED, VANISHED, WRITTEN, FolderWatch

LOOK_SECONDS = 2.0
MOVED_AWAY = 0x40  # inotify's IN_MOVED_FROM
FRESH_NS = 50_000_000  # a folder's time moves in ticks of some ms: what comes in the tick of our look would go unseen

log = structlog.get_logger()


class PathWatch:
    """`run` is a part of the service. A path may be missing, then or later."""

    def __init__(self) -> None:
        self._hints: dict[Path, list[Callable[[], None]]] = {}
        self._stamps: dict[Path, FileStamp | int | None] = {}
        self._watches: dict[Path, FolderWatch] = {}
        self._complained = False

    def subscribe(self, hint: Callable[[], None], *paths: Path) -> None:
        """`hint` is called in the loop after each change at one of them; it looks for itself."""
        for path in paths:
            self._hints.setdefault(path, []).append(hint)

    async def run(self, stop: asyncio.Event) -> None:
        try:
            self.look()
            while not await pause(stop, LOOK_SECONDS, shared=True):
                self.look()
        finally:
            for path in list(self._watches):
                self._close(path)

    def look(self) -> None:
        """Once: hint at what is another than at the last look (at the first: at all that is there)."""
        for path in self._hints:
            stamp = stamp_of(path)
            if stamp != self._stamps.get(path, errno.ENOENT):
                self._tell(path)
            fresh = isinstance(stamp, FileStamp) and time.time_ns() - stamp.modified < FRESH_NS
            self._stamps[path] = None if fresh else stamp
            self._watch(path, stamp)

    def _watch(self, path: Path, stamp: FileStamp | int | None) -> None:
        there = stamp if isinstance(stamp, FileStamp) else None
        watched = self._watches.get(path)
        if watched is not None and (there is None or there.inode != watched.inode):
            self._close(path)
            watched = None
        if watched is None and there is not None and stat.S_ISDIR(there.mode):
            try:
                changes = WRITTEN | APPEARED | VANISHED | MOVED_AWAY
                self._watches[path] = FolderWatch(path, changes, lambda _: self._heard(path))
            except (FileNotFoundError, PermissionError):
                pass
            except OSError as error:  # no inotify left: the times tell, as they do of files
                if not self._complained:
                    effect = f"changes are seen within {LOOK_SECONDS:g} s"
                    log.warning("path_watch.no_inotify", folder=str(path), reason=str(error), effect=effect)
                self._complained = True

    def _heard(self, path: Path) -> None:
        self._stamps[path] = stamp_of(path)  # or the next look would tell of the same once more
        self._tell(path)

    def _tell(self, path: Path) -> None:
        for hint in self._hints[path]:
            hint()

    def _close(self, path: Path) -> None:
        self._watches.pop(path).close()
