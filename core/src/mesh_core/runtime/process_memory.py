"""How much memory glibc keeps beyond what the process uses. Each does nothing on a C library without such a knob."""

from __future__ import annotations

import contextlib
import ctypes

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_BIG_BYTES = 1024 * 1024


def limit_malloc_arenas() -> None:
    """glibc gives each thread an arena and never takes it back: with two for all 5 MiB less stay resident."""
    _call("mallopt", _M_ARENA_MAX, 2)


def return_big_blocks() -> None:
    """For the whole process. glibc learns from the first big block that is freed to keep the next ones; a threshold
    that is set is not learned anew (after password checks 14 MiB stay resident, not 33)."""
    _call("mallopt", _M_MMAP_THRESHOLD, _BIG_BYTES)


def give_back() -> None:
    """After something big: what is free goes back to the system."""
    _call("malloc_trim", 0)


def _call(name: str, *numbers: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        getattr(ctypes.CDLL(None), name)(*numbers)
