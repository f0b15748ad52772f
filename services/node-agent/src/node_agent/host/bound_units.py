"""Units that need one in trouble: who they are, and which of them went down with it. Pure; asks nobody.

systemd stops a unit with what it is bound to (BindsTo=) and with what it requires (Requires=, RequiresMountsFor=) and
is taken down, and starts none whose requirement failed. It calls them inactive, as if a person had stopped them, and
does not bring them back. The order alone (After=) needs nobody. Of a unit that nothing names, such as one that was
started by hand and not enabled, systemd forgets all of this when it is down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from mesh_core.models.records import is_service_name

PROPERTIES = "RequiredBy,RequisiteOf,BoundBy,Requires,Requisite,BindsTo,UnitFileState"
_NEEDED_BY = ("RequiredBy", "RequisiteOf", "BoundBy")
_NEEDS = ("Requires", "Requisite", "BindsTo")
_KINDS = (".service", ".mount")  # what this agent tells of; a target is only a name for others
_MOST = 32
# A stop of both takes the one that needs down first, and the other right after it.
_TOGETHER_US = 2_000_000


def dependents_of(unit: Mapping[str, str]) -> tuple[str, ...]:
    """Those that need it, by its own properties."""
    return _units(unit, _NEEDED_BY)


def needs_of(unit: Mapping[str, str]) -> tuple[str, ...]:
    """What it needs, likewise."""
    return _units(unit, _NEEDS)


class _Down(NamedTuple):
    when: str  # in systemd's microseconds since the boot
    with_unit: str


class BoundUnits:
    """Which units went down with another one; they count as that as long as they stay down.

    `dumped`: what an earlier one gave; what is unfit in it is as good as absent.
    """

    def __init__(self, dumped: Mapping[str, Any]):
        self._downs: dict[str, _Down] = {}
        for name, row in dumped.items():
            if isinstance(row, list) and len(row) == 2 and all(isinstance(word, str) for word in row):
                self._downs[name] = _Down(row[0], row[1])

    def note(self, unit: Mapping[str, str], cause: Mapping[str, str]) -> bool:
        """Is it known from now on that `unit` went down with `cause`, which it needs and which is in trouble?"""
        if unit["Id"] in self._downs or unit["Id"] not in dependents_of(cause) or not _went_with(unit, cause):
            return False
        self._downs[unit["Id"]] = _Down(unit.get("InactiveEnterTimestampMonotonic", ""), cause["Id"])
        return True

    def went_with(self, unit: Mapping[str, str]) -> str:
        """With which unit this inactive one went down; '' where it did not. One that went down since, did not."""
        down = self._downs.get(unit["Id"])
        if down and down.when == unit.get("InactiveEnterTimestampMonotonic", "") and _was_up_or_is_wanted(unit):
            return down.with_unit
        self._downs.pop(unit["Id"], None)
        return ""

    @property
    def down(self) -> frozenset[str]:
        return frozenset(self._downs)

    def is_up(self, name: str) -> None:
        self._downs.pop(name, None)

    def dump(self) -> dict[str, Any]:
        """Plain JSON."""
        return {name: list(down) for name, down in self._downs.items()}


def _went_with(unit: Mapping[str, str], cause: Mapping[str, str]) -> bool:
    if unit.get("ActiveState") != "inactive":
        return False
    if not _moment(unit, "ActiveEnter"):  # never up since the boot: nobody can have stopped it
        return _was_up_or_is_wanted(unit) and unit.get("Job", "0") in ("", "0") and _is_not_kept_back(unit)
    left, down, its_down = _moment(cause, "ActiveExit"), _moment(cause, "InactiveEnter"), _moment(unit, "InactiveEnter")
    if its_down < left - _TOGETHER_US:
        return False
    bound = cause["Id"] in unit.get("BindsTo", "").split()
    return bound or its_down <= max(left, down) + _TOGETHER_US


def _was_up_or_is_wanted(unit: Mapping[str, str]) -> bool:
    return bool(_moment(unit, "ActiveEnter")) or unit.get("UnitFileState") == "enabled"


def _is_not_kept_back(unit: Mapping[str, str]) -> bool:
    """By a condition of its own that does not hold."""
    return unit.get("ConditionResult") != "no" or unit.get("ConditionTimestampMonotonic", "0") in ("", "0")


def _moment(unit: Mapping[str, str], which: str) -> int:
    return int(unit.get(f"{which}TimestampMonotonic") or 0)


def _units(unit: Mapping[str, str], properties: Iterable[str]) -> tuple[str, ...]:
    named = {name for key in properties for name in unit.get(key, "").split()}
    return tuple(sorted(name for name in named if name.endswith(_KINDS) and is_service_name(name)))[:_MOST]
