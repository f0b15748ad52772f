"""Do counts say that nothing of it runs though some should: `{"desired": 1, "ready": 0}`, `{"replicas": "0/2"}`? Pure;
keys are folded (`facts.py`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh_core.models.whole_numbers import whole_in

_WHAT = "replicas|instances|workers|tasks|processes|containers|pods|procs|children|threads"
_RUNS, _WANTED = "ready|available|running|alive", "desired|expected|wanted"
_MORE_RUNS, _MORE_WANTED = f"{_RUNS}|healthy|up|current|actual|active", f"{_WANTED}|target|configured|minimum|min"


def _named(words: str, more: str) -> re.Pattern[str]:
    """Alone, or before or behind the word for what is counted; `current` and `target` alone may be degrees."""
    return re.compile(rf"(?:{words})|(?:{more})(?P<behind>{_WHAT})|(?P<before>{_WHAT})(?:{more})")


_FOUND, _SHOULD = _named(_RUNS, _MORE_RUNS), _named(_WANTED, _MORE_WANTED)
_SHARE = re.compile(r"0 ?(?:/|of|von|de|sur|di) ?[1-9]\d{0,3}")
_SHARES = re.compile(rf"(?:{_RUNS})?(?:{_WHAT})|(?:{_RUNS})|(?:{_WHAT})(?:{_RUNS})")


def has_none_of_many(told: Mapping[str, Any]) -> bool:
    """`told`: a payload by its folded keys."""
    found, should = dict[str, int](), dict[str, int]()
    for key, value in told.items():
        number = whole_in(value)
        if number is None:
            if isinstance(value, str) and _SHARES.fullmatch(key) and _SHARE.fullmatch(value.strip().lower()):
                return True
            continue
        for form, numbers in ((_FOUND, found), (_SHOULD, should)):
            if said := form.fullmatch(key):
                what = said["behind"] or said["before"] or ""
                numbers[what] = max(number, numbers.get(what, 0))
    return any(number > 0 and found.get(what) == 0 for what, number in should.items())
