"""What a password check took goes back to the system: glibc would keep 19 MiB of it for ever (33 MiB instead of 14).

It learns from the first big block that is freed to keep the next ones; a threshold that is set is not learned anew.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

M_MMAP_THRESHOLD = -3
THRESHOLD_BYTES = 1024 * 1024


def return_big_blocks() -> None:
    """For the whole process; nothing on a C library that has no such knob."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, THRESHOLD_BYTES)
