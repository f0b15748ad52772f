"""What is at work on a host while trouble arises there, and which trouble waits until it has ended. Pure.

| at work | what waits |
|---|---|
| a package manager, a backup | services that do not run or answer, a probe without its source, a busy host |
| a check of a disk or an array | services that do not answer, a busy host |
| a deployment of that very thing, a person's hands on it | services that do not run or answer |
| a shutdown, a declared maintenance | everything, also what began before |
| somebody who is logged in, whatever goes on for more than a day | nothing: the card says so |

What began before the others waits for none of them: it does not come from there. Only an agent's own word counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from mesh_core.incidents.event_types import DOES_NOT_ANSWER, SERVICE_STATES, EventType
from mesh_core.models.durations import span_in_words
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.records import parse_time, rfc3339

AT_WORK = "at_work"  # of an agent's payload: [{kind, what, since}]
MOST_ROWS = 8
WHAT_CHARS = 200
BELIEVED_SECONDS = 24 * 3600.0  # longer, and it hangs, or was forgotten
_BEFORE_SECONDS = 5.0  # what a manager does before its process can be seen


class WorkKind(StrEnum):
    """In the order in which they are asked whether something waits for them."""

    MAINTENANCE = "maintenance"
    SHUTDOWN = "shutdown"
    PACKAGES = "packages"
    DEPLOYMENT = "deployment"
    BACKUP = "backup"
    DISK_CHECK = "disk_check"
    PERSON = "person"  # somebody has this very thing in hand
    LOGIN = "login"  # somebody is logged in


class Work(NamedTuple):
    """`since`: unix seconds."""

    kind: WorkKind
    what: str
    since: float

    def in_payload(self) -> dict[str, str]:
        return {"kind": self.kind.value, "what": self.what, "since": rfc3339(datetime.fromtimestamp(self.since, UTC))}

    def told(self, now: float) -> str:
        """`apt-get upgrade has been at work for 5 min`; what is declared says itself what it is."""
        verb = "" if self.kind in _SAYS_ITSELF else " has been at work"
        return f"{self.what}{verb} for {span_in_words(max(0, round(now - self.since)))}"


class Hold(NamedTuple):
    """`seconds`: for how long this trouble waits for it already; `has_limit`: it may be told after a while."""

    work: Work
    seconds: float
    has_limit: bool


class _Waits(NamedTuple):
    """`types`: which trouble waits (None: all); `began_before`: also what the work cannot have brought about."""

    types: frozenset[str] | None
    began_before: bool = False
    has_limit: bool = True

    def holds(self, type_: str, began: float, since: float) -> bool:
        return (self.types is None or type_ in self.types) and (self.began_before or began >= since - _BEFORE_SECONDS)


_BUSY_HOST = frozenset({"load_high", "memory_low", "temperature_high"})
_DISTURBED = SERVICE_STATES | _BUSY_HOST | {EventType.PROBE_FAILED}
_SAYS_ITSELF = frozenset({WorkKind.MAINTENANCE, WorkKind.SHUTDOWN, WorkKind.LOGIN})
_WAITS: Mapping[WorkKind, _Waits] = {
    WorkKind.MAINTENANCE: _Waits(None, began_before=True, has_limit=False),
    WorkKind.SHUTDOWN: _Waits(None, began_before=True),
    WorkKind.PACKAGES: _Waits(_DISTURBED),
    WorkKind.DEPLOYMENT: _Waits(SERVICE_STATES),
    WorkKind.BACKUP: _Waits(_DISTURBED),
    WorkKind.DISK_CHECK: _Waits(DOES_NOT_ANSWER | _BUSY_HOST),
    WorkKind.PERSON: _Waits(SERVICE_STATES),
}


def work_in(event: HealthEvent) -> tuple[Work, ...]:
    """What its agent saw at work, in the order of WorkKind; empty where somebody else says so."""
    rows = event.payload.get(AT_WORK) if event.trust is Trust.NODE else None
    found = [work for row in (rows if isinstance(rows, list) else [])[:MOST_ROWS] if (work := _read(row)) is not None]
    return tuple(sorted(found, key=lambda work: list(WorkKind).index(work.kind)))


def hold_on(event: HealthEvent) -> Hold | None:
    """What this trouble waits for; None where nothing is at work that it may come from."""
    now = _seconds(event.timestamp)
    began = _seconds(event.payload.get("opened_at")) or now
    for work in work_in(event):
        waits = _WAITS.get(work.kind)
        if waits and now - work.since <= BELIEVED_SECONDS and waits.holds(event.type, began, work.since):
            return Hold(work, max(0.0, now - max(began, work.since)), waits.has_limit)
    return None


def why_held(event: HealthEvent) -> str:
    """What this trouble waits for, at most 300 characters; '' for nothing."""
    hold = hold_on(event)
    return f"{hold.work.told(_seconds(event.timestamp))} ({hold.work.kind})"[:300] if hold else ""


def work_in_words(event: HealthEvent) -> str:
    """A line each, for people; '' for none."""
    now = _seconds(event.timestamp)
    return "\n".join(
        f"{work.told(now)} ({work.kind}{'; too long to wait for it' if now - work.since > BELIEVED_SECONDS else ''})"
        for work in work_in(event)
    )


def _read(row: Any) -> Work | None:
    """None for what a newer agent tells in another form."""
    kind, what, since = (row.get(word) for word in ("kind", "what", "since")) if isinstance(row, dict) else (None,) * 3
    if not isinstance(kind, str) or kind not in set(WorkKind) or not isinstance(what, str) or not _seconds(since):
        return None
    return Work(WorkKind(kind), what[:WHAT_CHARS], _seconds(since))


def _seconds(told: object) -> float:
    """Unix seconds of a timestamp of ours; 0 where it is none."""
    try:
        return parse_time(told).timestamp() if isinstance(told, str) else 0.0
    except (ValueError, OverflowError):
        return 0.0
