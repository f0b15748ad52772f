"""Does a program take more memory than the limit that its owner gave it, or all files that it may open? Pure.

A limit that the kernel holds is never passed. One that was passed is a watchdog's (memmon of superlance, Monit, PM2's
`max_memory_restart`), and what they do there is to start the program anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mesh_core.models.whole_numbers import whole_in

_USED = ("rssbytes", "memorybytes", "memoryrssbytes", "residentbytes", "pssbytes")
_LIMIT = ("limitbytes", "memorylimitbytes", "maxmemorybytes", "rsslimitbytes", "maxrssbytes")
_FILES = ("openfds", "fdsopen", "fdused", "fds", "openfiles", "openfiledescriptors", "processopenfds")
_MOST = ("ulimit", "fdlimit", "maxfds", "nofile", "limitnofile", "fdmax", "openfileslimit", "processmaxfds")


def is_over_its_limit(told: Mapping[str, Any]) -> bool:
    """By two fields in bytes; `told`: a payload of any shape by its folded keys."""
    used, limit = _first(told, _USED), _first(told, _LIMIT)
    return used is not None and limit is not None and used > limit > 0


def has_used_its_files(told: Mapping[str, Any]) -> bool:
    """`{"open_fds": 1024, "ulimit": 1024}`: they are a process's own, and nothing but its end gives them back."""
    used, most = _first(told, _FILES), _first(told, _MOST)
    return used is not None and most is not None and used >= most > 0


def _first(told: Mapping[str, Any], keys: Sequence[str]) -> int | None:
    return next((number for key in keys if (number := whole_in(told.get(key))) is not None), None)
