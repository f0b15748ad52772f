"""Does a program take more memory than the limit that its owner gave it, or all files that it may open? Pure.

A limit that the kernel holds is never passed. One that was passed is a watchdog's (memmon of superlance, Monit, PM2's
`max_memory_restart`), and what they do there is to start the program anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mesh_core.models.owner_labels import bare_key
from mesh_core.models.whole_numbers import whole_in

_USED = ("rssbytes", "memorybytes", "memoryrssbytes", "residentbytes", "pssbytes")
_LIMIT = ("limitbytes", "memorylimitbytes", "maxmemorybytes", "rsslimitbytes", "maxrssbytes")
_FILES = (
    *("openfds", "fdsopen", "fdused", "fds", "openfiles", "openfiledescriptors", "processopenfds", "filedescriptors"),
    *("fd", "filehandles", "openhandles", "lsofcount"),
)
_MOST = (
    *("ulimit", "ulimitn", "fdlimit", "maxfds", "nofile", "limitnofile", "fdmax", "openfileslimit", "processmaxfds"),
    *("softlimitnofile", "nofilelimit", "maxopenfiles", "maxopenfds"),
)
_OF = re.compile(r"(\d{1,9}) ?(?:/|of|von|de|di|sur) ?(\d{1,9})(?: .{0,30})?")
_USED_OF_THEM, _MOST_OF_THEM = ("used", "open", "current", "count"), ("limit", "max", "maximum", "soft", "total")
_PERCENT = re.compile(r"(?:fd|file(?:descriptor|handle)|openfile)s?(?:used|usage|open)?(?:percent|pct)")


def is_over_its_limit(told: Mapping[str, Any]) -> bool:
    """By two fields in bytes; `told`: a payload of any shape by its folded keys."""
    used, limit = _first(told, _USED), _first(told, _LIMIT)
    return used is not None and limit is not None and used > limit > 0


def has_used_its_files(told: Mapping[str, Any]) -> bool:
    """`{"open_fds": 1024, "ulimit": 1024}`: they are a process's own, and nothing but its end gives them back."""
    if _has_used(told, _FILES, _MOST):
        return True
    if any(_PERCENT.fullmatch(key) and (whole_in(value) or 0) >= 100 for key, value in told.items()):
        return True
    return any(_is_all(told[key]) for key in (*_FILES, "nofile") if key in told)


def _is_all(files: Any) -> bool:
    """`"1024/1024"`, `{"used": 1024, "limit": 1024}`."""
    if isinstance(files, Mapping):
        return _has_used({bare_key(key): value for key, value in files.items()}, _USED_OF_THEM, _MOST_OF_THEM)
    said = _OF.fullmatch(files.strip().lower()) if isinstance(files, str) else None
    return said is not None and int(said[1]) >= int(said[2]) > 0


def _has_used(told: Mapping[str, Any], files: Sequence[str], limits: Sequence[str]) -> bool:
    used, most = _first(told, files), _first(told, limits)
    return used is not None and most is not None and used >= most > 0


def _first(told: Mapping[str, Any], keys: Sequence[str]) -> int | None:
    return next((number for key in keys if (number := whole_in(told.get(key))) is not None), None)
