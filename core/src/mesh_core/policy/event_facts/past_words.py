"""Which cues of an event speak of a cause that is over, and do not stand against a restart any more. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh_core.incidents.causes import DISK_FULL
from mesh_core.incidents.causes_over import causes_over
from mesh_core.incidents.event_types import DOES_NOT_RUN, SERVICE_STATES, EventType
from mesh_core.models.events import HealthEvent
from mesh_core.policy.event_facts.backed import is_backed
from mesh_core.policy.event_facts.needs_met import answers_now, is_met
from mesh_core.policy.event_facts.other_cause import cues_it_ends, lines_it_ends, says_it_runs
from mesh_core.policy.event_facts.payload_fields import fields_of, word_in
from mesh_core.policy.event_facts.there_now import cues_of_what_is_there

# What a program did, and could not reach, while it ran: started again it finds out how that is now.
_OF_ITS_LIFE = frozenset({"progress", "dependency", "dns"})
_NEEDED = frozenset({"dependency"})  # what a program prints that could not reach what it needs
_MET = frozenset({"dependency", "dns", "attached", "unreachable"})
_MOST_CAUSES = 20  # each is looked for in each line
_NEEDS_KEYS = ("depends_on", "dependencies", "dependency")  # of a payload: {name: how it is}


def cues_of_the_past(event: HealthEvent) -> frozenset[str]:
    """By what each cause makes its victims say. None of them is grave in another way: a data store that was damaged
    meanwhile speaks of corruption, which no cause takes with it."""
    found = (_left_by(type_) for type_ in causes_over(event))
    over = frozenset(cue for cues in found for cue in cues) | _ended_by_fields(event.payload)
    needed = _states_of_what_it_needs(event.payload)
    if not all(map(_is_up, needed)):
        return over
    if needed:
        over |= _NEEDED
    return over | _OF_ITS_LIFE if _has_ended(event) else over


def _has_ended(event: HealthEvent) -> bool:
    """Who says so knows what runs it; not of what is started again and again, which found out already."""
    return event.type in DOES_NOT_RUN and not event.type.endswith("_loop") and is_backed(event)


def lines_of_the_past(event: HealthEvent) -> re.Pattern[str] | None:
    """The lines about settings whose cause is over by a field; all others stay."""
    said = (lines_it_ends(path, value, word_in(value)) for path, value, _ in fields_of(event.payload))
    found = sorted(set(filter(None, said)))[:_MOST_CAUSES]
    return re.compile("|".join(found)) if found else None


def _ended_by_fields(payload: dict[str, Any]) -> frozenset[str]:
    """A field says how it is now; a log, what was wrong then. Never a line: anybody may write one."""
    found = (
        cues_it_ends(path, value, word_in(value))
        | cues_of_what_is_there(path, value)
        | (_MET if is_met(path, value) or answers_now(path, value) else frozenset())
        for path, value, _ in fields_of(payload)
    )
    return frozenset(cue for cues in found for cue in cues)


def _states_of_what_it_needs(payload: Mapping[str, Any]) -> list[Any]:
    return [state for key in _NEEDS_KEYS if isinstance(said := payload.get(key), dict) for state in said.values()]


def _is_up(said: Any) -> bool:
    return isinstance(said, str) and says_it_runs(said.strip().lower())


def _left_by(type_: str) -> frozenset[str]:
    if type_ == DISK_FULL:
        return frozenset({"space"})
    if type_ == EventType.NODE_OFFLINE:
        return _NEEDED | {"attached", "unreachable"}
    return _NEEDED if type_ in SERVICE_STATES else frozenset()
