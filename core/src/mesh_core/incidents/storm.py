"""Storms: so much begins to go wrong at once that it is one incident with members. Pure.

On one node anything counts. Across nodes only what has something in common does: that it is of one kind, or needs the
same node. Ten different troubles on three nodes are ten troubles.

Only its agents and the observer make one: nobody from outside hides what an agent saw, and who sends ten alerts by hand
gets ten cards. What ails a whole node and explains its services (causes.py) is a cause, and no member there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from mesh_core.incidents.causes import Cause, began_ms, cause_of, may_explain, nodes_needed
from mesh_core.incidents.event_types import DOES_NOT_ANSWER, DOES_NOT_RUN, EventType
from mesh_core.incidents.rule import is_trouble
from mesh_core.incidents.severities import rank, worst
from mesh_core.incidents.subject import IN_COMMON
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.records import Record

WITHIN_SECONDS = 60
MOST_LISTED = 32
NODES_AT_ONCE = 3  # that have something in common: two may by chance
ALL_NODES = "all-nodes"  # where a storm of several is counted and told


class Member(Record):
    """One trouble that is counted. `storm`: the proposal that told it, '' for none; `in_common`: what all of that storm
    have, '' on one node."""

    trouble: Cause
    severity: Severity
    began_ms: int
    storm: str = ""
    in_common: str = ""

    @property
    def key(self) -> str:
        """The same for each announcement of it."""
        return f"{self.began_ms} {self.trouble.subject}"


class Size(NamedTuple):
    """How much makes a storm."""

    subjects: int
    nodes: int = 1

    def is_reached_by(self, members: Collection[Member]) -> bool:
        return subjects_of(members) >= self.subjects and len(nodes_of(members)) >= self.nodes


def places_of(event: HealthEvent) -> tuple[str, ...]:
    """Where this trouble counts: among that of all nodes, and of its own; () for nowhere."""
    if event.trust is Trust.FOREIGN or not is_trouble(event) or event.type == EventType.TROUBLE_STORM:
        return ()
    if event.service is None and may_explain(event):  # a full disk is a cause by itself; many silent nodes have one
        return (ALL_NODES,) if event.type == EventType.NODE_OFFLINE else ()
    return ALL_NODES, event.node


def shared_at(place: str, trouble: Cause) -> tuple[str, ...]:
    """What others there may have in common with this: a node that is needed, and its kind; on one node nothing more."""
    if place != ALL_NODES:
        return ("",)
    return (*(f"{_NEEDS}{node}" for node in nodes_needed(trouble)), _kind(trouble))


def size_of(in_common: str, subjects: int) -> Size:
    """On one node so many `subjects`, and as many where they are only of one kind. Nodes that are silent, or need the
    same one, say by that what it is."""
    if not in_common:
        return Size(subjects)
    return Size(NODES_AT_ONCE if in_common == _SILENT or _is_needed(in_common) else subjects, NODES_AT_ONCE)


def member_of(event: HealthEvent) -> Member:
    """It began when its agent says so, whenever it is announced; of others, when it came."""
    return Member(trouble=cause_of(event), severity=event.severity, began_ms=began_ms(event))


def lasts(members: Collection[Member], in_common: str, subjects: int) -> bool:
    """Is there enough of it left? That a node is silent is said once: who is left of those could not be told anew."""
    return bool(members) if in_common == _SILENT else size_of(in_common, subjects).is_reached_by(members)


def gathered(members: Collection[Member], mine: Member, size: Size) -> tuple[Member, ...]:
    """Those that began within a minute together with this one, told by no storm yet; () if these are too few."""
    free = sorted((one for one in members if not one.storm), key=lambda one: one.began_ms)
    reach = [one for one in free if abs(one.began_ms - mine.began_ms) <= WITHIN_SECONDS * 1000]
    for first in (one for one in reach if one.began_ms <= mine.began_ms):
        window = [one for one in reach if 0 <= one.began_ms - first.began_ms <= WITHIN_SECONDS * 1000]
        if size.is_reached_by(window):
            return tuple(reach)
    return ()


def belongs_to(storm: Collection[Member], mine: Member, in_common: str) -> bool:
    """Is this part of it, too? Not what was there before, whenever it is announced; nor, across nodes, what began later
    and is only of the same kind."""
    began = [one.began_ms for one in storm] or [mine.began_ms]
    if mine.began_ms < min(began) - WITHIN_SECONDS * 1000:
        return False
    has_no_end = not in_common or _is_needed(in_common)
    return has_no_end or mine.began_ms <= max(began) + WITHIN_SECONDS * 1000


def subjects_of(members: Iterable[Member]) -> int:
    return len({one.trouble.subject for one in members})


def nodes_of(members: Iterable[Member]) -> list[str]:
    return sorted({one.trouble.node for one in members})


def storm_event(event: HealthEvent, members: Collection[Member] = (), in_common: str = "") -> HealthEvent:
    """The storm that this trouble makes a storm. It stands in its proposal only, under the id of that event."""
    listed = sorted(members, key=lambda one: (-rank(one.severity), one.key))
    told = [f"{_where(one.trouble, in_common)}: {one.trouble.wrong} ({one.severity})" for one in listed]
    more = [f"and {len(told) - MOST_LISTED} more"] if len(told) > MOST_LISTED else []
    return HealthEvent(
        id=event.id,
        type=EventType.TROUBLE_STORM,
        node=ALL_NODES if in_common else event.node,
        severity=worst([event.severity, *(one.severity for one in members)]),
        payload={
            "subjects": subjects_of(members),
            "within_seconds": WITHIN_SECONDS,
            "members": told[:MOST_LISTED] + more,
            **({IN_COMMON: in_common, "nodes": nodes_of(members)} if in_common else {}),
        },
        timestamp=event.timestamp,
        incident=f"storm/{event.id}",
        trust=Trust.NODE,
    )


_SILENT, _NEEDS = "silent", "needs "


def nodes_in(storm: HealthEvent) -> list[str]:
    """The nodes on which something is part of it, when it was told."""
    said = storm.payload.get("nodes")
    return [node for node in said if isinstance(node, str)] if isinstance(said, list) else [storm.node]


def silent_in(storm: HealthEvent) -> list[str]:
    """The nodes that were silent when it was told, where that is what all of it have in common."""
    return nodes_in(storm) if storm.payload.get(IN_COMMON) == _SILENT else []


def _is_needed(in_common: str) -> bool:
    return in_common.startswith(_NEEDS)


def _kind(trouble: Cause) -> str:
    if trouble.type == EventType.NODE_OFFLINE:
        return _SILENT
    if trouble.service is not None and trouble.type in DOES_NOT_RUN:
        return "does not run"
    if trouble.service is not None and trouble.type in DOES_NOT_ANSWER:
        return "does not answer"
    return trouble.type.replace("_", " ")


def _where(trouble: Cause, in_common: str) -> str:
    if not in_common or trouble.service is None:
        return trouble.service or trouble.node
    return f"{trouble.service} on {trouble.node}"
