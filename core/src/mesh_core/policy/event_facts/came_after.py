"""Do two times of an event say that what a thing works with (a device, a mount, a network, a server) was there only
after the thing was started? Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh_core.models.owner_labels import bare_key
from mesh_core.policy.event_facts.other_cause import HARDWARE, NEEDED, SERVERS
from mesh_core.policy.event_facts.payload_fields import time_in

_WHEN = r"(?:at|time|since)?"
_THINGS = frozenset({"", "process", "service", "unit", "container", "daemon", "program", "app", "instance"})
_STARTED = re.compile(rf"(?P<whose>[^\W_]*?)(?:start(?:ed)?|launched|activesince|runningsince){_WHEN}")
_THERE = re.compile(
    r"(?P<what>[a-z]{2,20}?)(?:devices?)?(?:is|was)?(?:registered|ready|appeared|up|online|there|available|attached|detected"
    rf"|mounted|pluggedin|reachable){_WHEN}"
)
_WORKED_WITH = NEEDED | HARDWARE | SERVERS | {"gpu", "interface", "device", "disk", "address", "bridge", "link", "line"}
_CLOCK = re.compile(r"(?P<hours>[01]\d|2[0-3]):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d))?")
_TOO_EARLY_SECONDS = 3600


def came_after_its_start(told: Mapping[str, Any], own: str) -> bool:
    """`{"web_started": "10:42:10", "tuners_registered": "10:42:55"}`. `told`: a payload by its folded keys; `own`: the
    thing's name."""
    there = [value for key, value in told.items() if _is_of_another(key)]
    if not there:
        return False
    its_own = _THINGS | {bare_key(own)}
    starts = [value for key, value in told.items() if (said := _STARTED.fullmatch(key)) and said["whose"] in its_own]
    return any(_is_later(value, start) for start in starts for value in there)


def _is_of_another(key: str) -> bool:
    said = _THERE.fullmatch(key)
    return said is not None and not {said["what"], said["what"].removesuffix("s")}.isdisjoint(_WORKED_WITH)


def _is_later(there: Any, start: Any) -> bool:
    """Of two times in one form. Hours later is another story than a start that was too early."""
    for read in (time_in, _of_the_day):
        one, other = read(there), read(start)
        if one is not None and other is not None:
            return 0 < one - other <= _TOO_EARLY_SECONDS
    return False


def _of_the_day(value: Any) -> float | None:
    said = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if said is None:
        return None
    return int(said["hours"]) * 3600 + int(said["minutes"]) * 60 + int(said["seconds"] or 0)
