"""Which cues of an event speak of a cause that is over, and do not stand against a restart any more. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.incidents.causes import DISK_FULL
from mesh_core.incidents.causes_over import causes_over
from mesh_core.incidents.event_types import SERVICE_STATES, EventType
from mesh_core.models.events import HealthEvent
from mesh_core.policy.event_facts.other_cause import cues_it_ends
from mesh_core.policy.event_facts.payload_fields import fields_of

_NEEDED = frozenset({"dependency"})  # what a program prints that could not reach what it needs
_NEEDS_KEYS = ("depends_on", "dependencies", "dependency")  # of a payload: {name: how it is}
_RUNS = ("running", "healthy", "active", "up")


def cues_of_the_past(event: HealthEvent) -> frozenset[str]:
    """By what each cause makes its victims say. None of them is grave in another way: a data store that was damaged
    meanwhile speaks of corruption, which no cause takes with it."""
    found = (_left_by(type_) for type_ in causes_over(event))
    over = frozenset(cue for cues in found for cue in cues) | _ended_by_fields(event.payload)
    return over | _NEEDED if _runs_what_it_needs(event.payload) else over


def _ended_by_fields(payload: dict[str, Any]) -> frozenset[str]:
    """A field says how it is now; a log, what was wrong then. Never a line: anybody may write one."""
    found = (
        cues_it_ends(path, value, value.strip().lower()[:60] if isinstance(value, str) else "")
        for path, value, _ in fields_of(payload)
    )
    return frozenset(cue for cues in found for cue in cues)


def _runs_what_it_needs(payload: Mapping[str, Any]) -> bool:
    """Does a field say how that is which it needs, and that all of it runs?"""
    told = [state for key in _NEEDS_KEYS if isinstance(said := payload.get(key), dict) for state in said.values()]
    return bool(told) and all(isinstance(state, str) and _is_up(state.strip().lower()) for state in told)


def _is_up(state: str) -> bool:
    return state.startswith(_RUNS) and "unhealthy" not in state


def _left_by(type_: str) -> frozenset[str]:
    if type_ == DISK_FULL:
        return frozenset({"space"})
    if type_ == EventType.NODE_OFFLINE:
        return _NEEDED | {"unreachable"}
    return _NEEDED if type_ in SERVICE_STATES else frozenset()
