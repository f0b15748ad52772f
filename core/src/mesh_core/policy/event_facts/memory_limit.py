"""Does a program take more memory than the limit that its owner gave it? Pure.

A limit that the kernel holds is never passed. One that was passed is a watchdog's (memmon of superlance, Monit, PM2's
`max_memory_restart`), and what they do there is to start the program anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.models.whole_numbers import whole_in

_USED = ("rssbytes", "memorybytes", "memoryrssbytes", "residentbytes", "pssbytes")
_LIMIT = ("limitbytes", "memorylimitbytes", "maxmemorybytes", "rsslimitbytes", "maxrssbytes")


def is_over_its_limit(told: Mapping[str, Any]) -> bool:
    """By two fields in bytes; `told`: a payload of any shape by its folded keys."""
    used = next((number for key in _USED if (number := whole_in(told.get(key))) is not None), None)
    limit = next((number for key in _LIMIT if (number := whole_in(told.get(key))) is not None), None)
    return used is not None and limit is not None and used > limit > 0
