"""A mount of systemd that is not mounted: did a person want that, did its disk go, or was it never there?

What systemd says of it does not tell the first two apart; what it is mounted from does (docs/decisions/0131, 0165).
Looks at that one path, and keeps how each mount went down.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from node_agent.checks.confirmation import ConfirmationRule

PROPERTIES = "What,Where,FragmentPath,WantedBy,RequiredBy,TriggeredBy,Job,ConditionResult,ConditionTimestampMonotonic"
_SHIPPED = ("/usr/", "/lib/")  # a distribution's own units: mounted when something asks for them


def patient_rule(seconds: float) -> ConfirmationRule:
    """Of what did not just go down: whoever writes a line into fstab, or puts a disk back, mounts it a moment later."""
    return ConfirmationRule(unhealthy_checks=2, unhealthy_seconds=seconds, healthy_checks=1, recheck_seconds=1.0)


class Absence(NamedTuple):
    """Why it is trouble that it is not mounted. `sudden`: it just went down."""

    reason: str
    source_gone: bool
    sudden: bool = False

    @property
    def type(self) -> str:
        """Of the event. Where the source is there, somebody only has to mount it."""
        return "unit_failed" if self.source_gone else "mount_missing"


class AbsentMounts:
    """`dumped`: what an earlier one gave; what is unfit in it is as good as absent."""

    def __init__(self, dumped: Mapping[str, Any]):
        self._downs: dict[str, tuple[str, bool]] = {}  # unit -> (when it went down, was its source gone then)
        for name, row in dumped.items():
            if isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], bool):
                self._downs[name] = (row[0], row[1])

    def judged(self, unit: Mapping[str, str]) -> Absence | None:
        """Of an inactive unit, as systemctl shows it; None where that is meant."""
        source = unit.get("What", "")
        gone = source.startswith("/dev/") and not os.path.lexists(source)
        where = f"what it is mounted from is gone: {source}" if gone else f"{source} is there"
        if unit.get("ActiveEnterTimestampMonotonic", "") in ("", "0"):
            since_boot = f"it has not been mounted since the host came up; {where}"
            return Absence(since_boot, gone) if _is_wanted_at_boot(unit) else None
        when = unit.get("InactiveEnterTimestampMonotonic", "")
        known_when, lost = self._downs.get(unit["Id"], ("", gone))
        declared = _is_declared(unit)
        if known_when != when:
            lost = gone
            if lost or declared:
                self._downs[unit["Id"]] = (when, lost)
        if gone and lost:
            return Absence(where, gone, sudden=True)
        # Whoever unmounts by hand leaves its source where it is.
        back = f"it went down with what it is mounted from; {where}"
        return Absence(back, gone) if lost and declared else None

    def is_mounted(self, name: str) -> None:
        self._downs.pop(name, None)

    def dump(self) -> dict[str, Any]:
        """Plain JSON."""
        return {name: list(row) for name, row in self._downs.items()}


def _is_declared(unit: Mapping[str, str]) -> bool:
    """By a line of fstab, or a unit that somebody wrote."""
    fragment = unit.get("FragmentPath", "")
    return bool(fragment) and not fragment.startswith(_SHIPPED)


def _is_wanted_at_boot(unit: Mapping[str, str]) -> bool:
    """Not so of `noauto`, of what is mounted on demand or under a condition, nor while systemd is still about it."""
    wanted = f"{unit.get('WantedBy', '')} {unit.get('RequiredBy', '')}".split()
    unmet = unit.get("ConditionResult") == "no" and unit.get("ConditionTimestampMonotonic", "0") not in ("", "0")
    return (
        _is_declared(unit)
        and any(name.endswith(".target") for name in wanted)
        and not unit.get("TriggeredBy")
        and unit.get("Job", "0") in ("", "0")
        and not unmet
    )
