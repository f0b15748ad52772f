"""Storms: so much begins to go wrong on one node at once that it is one incident with members. Pure.

Only its agents and the observer make one: nobody from outside hides what an agent saw, and who sends ten alerts by hand
gets ten cards. What ails a whole node and explains its services (causes.py) is a cause, and no member.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from mesh_core.incidents.causes import Cause, began_ms, cause_of, may_explain
from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.rule import is_trouble
from mesh_core.incidents.severities import rank, worst
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.records import Record

WITHIN_SECONDS = 60
MOST_LISTED = 32


class Member(Record):
    """One trouble that is counted. `storm`: the proposal that told it; '' for none."""

    trouble: Cause
    severity: Severity
    began_ms: int
    storm: str = ""

    @property
    def key(self) -> str:
        """The same for each announcement of it."""
        return f"{self.began_ms} {self.trouble.subject}"


def may_be_member(event: HealthEvent) -> bool:
    explains_the_node = event.service is None and may_explain(event)
    told_by_the_mesh = event.trust is not Trust.FOREIGN
    return told_by_the_mesh and is_trouble(event) and event.type != EventType.TROUBLE_STORM and not explains_the_node


def member_of(event: HealthEvent) -> Member:
    """It began when its agent says so, whenever it is announced; of others, when it came."""
    return Member(trouble=cause_of(event), severity=event.severity, began_ms=began_ms(event))


def gathered(members: Collection[Member], mine: Member, many: int) -> tuple[Member, ...]:
    """Those that began within a minute together with this one, told by no storm yet; () if these are fewer than `many`
    subjects."""
    free = sorted((one for one in members if not one.storm), key=lambda one: one.began_ms)
    reach = [one for one in free if abs(one.began_ms - mine.began_ms) <= WITHIN_SECONDS * 1000]
    for first in (one for one in reach if one.began_ms <= mine.began_ms):
        window = [one for one in reach if 0 <= one.began_ms - first.began_ms <= WITHIN_SECONDS * 1000]
        if subjects_of(window) >= many:
            return tuple(reach)
    return ()


def began_before(storm: Collection[Member], mine: Member) -> bool:
    """Was this there before anything of that storm? Then it is no part of it, whenever it is announced."""
    return mine.began_ms < min((one.began_ms for one in storm), default=0) - WITHIN_SECONDS * 1000


def subjects_of(members: Iterable[Member]) -> int:
    return len({one.trouble.subject for one in members})


def storm_event(event: HealthEvent, members: Collection[Member] = ()) -> HealthEvent:
    """The storm that this trouble makes a storm. It stands in its proposal only, under the id of that event."""
    listed = sorted(members, key=lambda one: (-rank(one.severity), one.key))
    told = [f"{one.trouble.service or one.trouble.node}: {one.trouble.wrong} ({one.severity})" for one in listed]
    more = [f"and {len(told) - MOST_LISTED} more"] if len(told) > MOST_LISTED else []
    return HealthEvent(
        id=event.id,
        type=EventType.TROUBLE_STORM,
        node=event.node,
        severity=worst([event.severity, *(one.severity for one in members)]),
        payload={
            "subjects": subjects_of(members),
            "within_seconds": WITHIN_SECONDS,
            "members": told[:MOST_LISTED] + more,
        },
        timestamp=event.timestamp,
        incident=f"storm/{event.id}",
        trust=Trust.NODE,
    )
