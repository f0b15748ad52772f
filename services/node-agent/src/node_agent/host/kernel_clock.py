"""What the kernel knows of its own clock (adjtimex): does anybody keep it, and how far is it off? Sets nothing."""

from __future__ import annotations

import ctypes
import os
from typing import NamedTuple

_UNSYNCHRONISED, _NANOSECONDS = 0x0040, 0x2000  # STA_UNSYNC, STA_NANO


class KernelClock(NamedTuple):
    """`offset_ms`: what it still has to be moved by; `max_error_ms` what the kernel vouches for."""

    synchronised: bool
    offset_ms: float
    max_error_ms: float


class _Timex(ctypes.Structure):
    _fields_ = [
        ("modes", ctypes.c_uint),  # 0: only read
        *((name, ctypes.c_long) for name in ("offset", "frequency", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),  # more than any architecture has
    ]


def read_clock() -> KernelClock:
    """OSError where it may not be asked."""
    told = _Timex()
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told)) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    unit = 1e6 if told.status & _NANOSECONDS else 1e3
    return KernelClock(not told.status & _UNSYNCHRONISED, abs(told.offset) / unit, told.maxerror / 1e3)
