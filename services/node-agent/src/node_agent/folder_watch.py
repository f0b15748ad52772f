"""Names that appear in or vanish from one folder, told by the kernel. A hint only: callers look for themselves."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator
from pathlib import Path

_IN_MOVED_TO, _IN_CREATE, _IN_DELETE, _IN_DELETE_SELF, _IN_ONLYDIR = 0x80, 0x100, 0x200, 0x400, 0x01000000
_HEAD = 16  # struct inotify_event without its name
_libc = ctypes.CDLL(None, use_errno=True)


async def changed_names(folder: Path) -> AsyncIterator[str]:
    """Until the folder itself goes away; OSError if it cannot be watched."""
    descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        mask = _IN_MOVED_TO | _IN_CREATE | _IN_DELETE | _IN_DELETE_SELF | _IN_ONLYDIR
        if _libc.inotify_add_watch(descriptor, os.fsencode(folder), mask) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
        loop.add_reader(descriptor, ready.set)
        while True:
            await ready.wait()
            ready.clear()
            try:
                raw = os.read(descriptor, 65536)
            except BlockingIOError:
                continue
            at = 0
            while at + _HEAD <= len(raw):
                mask_seen = int.from_bytes(raw[at + 4 : at + 8], "little")
                size = int.from_bytes(raw[at + 12 : at + 16], "little")
                if mask_seen & _IN_DELETE_SELF:
                    return
                yield os.fsdecode(raw[at + _HEAD : at + _HEAD + size].rstrip(b"\0"))
                at += _HEAD + size
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
