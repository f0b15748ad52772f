"""Silences: for a while, trouble at some place leads to no proposal. The record, and which of them holds where. Pure.

Three kinds, one record. Maintenance is about whatever its patterns fit; a snooze and an acknowledgement are about
exactly one place. Each has an end, thirty days away at most: nobody forgets one for ever. A silence never hides an
event (all are archived and folded into the world), withdraws nothing and stops nothing that a person has approved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.rule import OpenTrouble, Trouble, concerns, ends
from mesh_core.incidents.subject import subject_of
from mesh_core.models.events import HealthEvent
from mesh_core.models.records import Record, Timestamp, is_name, is_service_name, parse_time

MAX_DAYS = 30
MAX_REASON = 500
MAX_SUBJECT = 600  # two names, a type and a thing
FIRST_YEAR, LAST_YEAR = 2000, 2200
# How far a node's clock may be behind ours and its recovery still counts as one that came after the acknowledgement.
CLOCKS = timedelta(minutes=5)

NamePattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*?][A-Za-z0-9._*?-]{0,127}$")]
ServicePattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*?][A-Za-z0-9._@*?-]{0,127}$")]
TypePattern = Annotated[str, StringConstraints(pattern=r"^[a-z*?][a-z0-9_*?]{0,63}$")]


class SilenceKind(StrEnum):
    MAINTENANCE = "maintenance"  # work is being done there: patterns may cover many places
    SNOOZE = "snooze"  # a waiting proposal was put aside until later
    ACKNOWLEDGE = "acknowledge"  # "I know": until that very place is well again


class Silence(Record):
    """One of them. `service` None is every service and the node itself in a maintenance, else the node itself.

    With a `subject` (a snooze has one) it is about that incident's subject only: one full disk of two.

    `put_aside` names proposals by the event that they were about ({event id: proposal id}): they were rejected for
    now, so they do not count as decided once the silence is over.
    """

    schema_version: Literal[1] = 1
    id: Annotated[str, StringConstraints(pattern=r"^(maintenance|snooze|acknowledge)-[0-9a-f]{8}$")]
    kind: SilenceKind
    node: NamePattern
    service: ServicePattern | None = None
    type: TypePattern | None = None
    subject: Annotated[str, StringConstraints(max_length=MAX_SUBJECT)] | None = None
    starts_at: Timestamp
    ends_at: Timestamp
    reason: Annotated[str, StringConstraints(max_length=MAX_REASON)] = ""
    by: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    created_at: Timestamp
    put_aside: Annotated[dict[str, str], Field(max_length=100)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_an_end_and_one_place(self) -> Self:
        begins, ends = parse_time(self.starts_at), parse_time(self.ends_at)
        if begins.year < FIRST_YEAR or ends.year > LAST_YEAR:  # at the ends of the calendar, zones overflow
            raise ValueError(f"it is not between the years {FIRST_YEAR} and {LAST_YEAR}")
        span = ends - begins
        if span <= timedelta(0):
            raise ValueError("ends_at is not after starts_at")
        if span > timedelta(days=MAX_DAYS):
            raise ValueError(f"it lasts longer than {MAX_DAYS} days; make a new one when this one ends")
        exact = self.kind is not SilenceKind.MAINTENANCE
        if exact and not (is_name(self.node) and (self.service is None or is_service_name(self.service))):
            raise ValueError("only a maintenance may have patterns; name one node and one service")
        return self

    def wire(self) -> bytes:
        """Indented, because people look at this file."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    @property
    def target(self) -> str:
        """What it covers, in a few words of printable ASCII: `web01/shop`, `web01`, `web* (disk_full)`."""
        target = f"{self.node}/{self.service}" if self.service else self.node
        return f"{target} ({self.type})" if self.type else target

    def active(self, now: datetime) -> bool:
        return parse_time(self.starts_at) <= now < parse_time(self.ends_at)

    def over(self, now: datetime) -> bool:
        return parse_time(self.ends_at) <= now

    def hushes(self, event: HealthEvent) -> bool:
        """Is this very event to be kept quiet? Says nothing of the time."""
        if not self.covers(event.node, event.service, event.type):
            return False
        return self.subject is None or self.subject == subject_of(event)

    def covers(self, node: str, service: str | None, type: str | None) -> bool:
        """Is this about that place, and about that type of trouble there (None: any)? Says nothing of the time."""
        if type is not None and self.type is not None and not fnmatchcase(type, self.type):
            return False
        if self.kind is not SilenceKind.MAINTENANCE:
            return (node, service) == (self.node, self.service)
        if not fnmatchcase(node, self.node):
            return False
        return self.service is None or (service is not None and fnmatchcase(service, self.service))


def silences_of(silences: Iterable[Silence], event: HealthEvent, now: datetime) -> tuple[Silence, ...]:
    """Those that keep this event quiet now, the one that ends last first."""
    return _longest_first(silence for silence in silences if silence.active(now) and silence.hushes(event))


def silences_for(
    silences: Iterable[Silence], node: str, service: str | None, type: str | None, now: datetime
) -> tuple[Silence, ...]:
    """Those that hold at a place now, the one that ends last first. `type` None: any; some may be about one type of
    trouble, or one subject, only, which they say."""
    return _longest_first(s for s in silences if s.covers(node, service, type) and s.active(now))


def _longest_first(found: Iterable[Silence]) -> tuple[Silence, ...]:
    return tuple(sorted(found, key=lambda silence: parse_time(silence.ends_at), reverse=True))


def ends_with(silence: Silence, recovery: HealthEvent, silenced: Collection[Trouble] = ()) -> bool:
    """Is an acknowledgement over, now that this recovery was heard?

    `silenced` is the trouble that was kept quiet by it and is not over: all of it must end. Where there is none, nobody
    knows what the person meant, and any recovery counts that speaks of more than one alert.
    """
    if silence.kind is not SilenceKind.ACKNOWLEDGE or not concerns(recovery, silence.node, silence.service):
        return False
    if parse_time(recovery.timestamp) < parse_time(silence.created_at) - CLOCKS:
        return False  # out of a backlog: it speaks of earlier trouble
    if silenced:
        return all(ends(recovery, trouble) for trouble in silenced)
    if recovery.type == EventType.NODE_ONLINE:  # says nothing about what ails its host
        offline = OpenTrouble(silence.node, silence.service, EventType.NODE_OFFLINE, None)
        return silence.covers(offline.node, offline.service, offline.type) and ends(recovery, offline)
    was = recovery.payload.get("was")
    if silence.type is not None and was is not None and not fnmatchcase(str(was), silence.type):
        return False
    return ends(recovery, OpenTrouble(silence.node, silence.service, "", None))
