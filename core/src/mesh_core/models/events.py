"""Something happened: the health event, what the planner decided about it, what the world became. Frozen; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import (
    ConfigDict,
    Field,
)

from mesh_core.models.records import (
    EventTypeName,
    IncidentId,
    Name,
    Record,
    ServiceName,
    Timestamp,
    not_said,
    rfc3339,
    utc_now,
)
from mesh_core.models.sightings import Sighting

MAX_EVENT_BYTES = 64 * 1024  # as its sender writes it
ENTRY_BYTES = 1024  # at most what entering adds to it: its id, when it came, who told it
_NAME_NOTE = "name_note"


def raw_name(name: str) -> dict[str, str]:
    """For the payload of an event about something whose name no action may be aimed at."""
    return {"name": name, _NAME_NOTE: "not a name that an action can be aimed at (letters, digits, . _ - @)"}


def has_raw_name(payload: Mapping[str, Any]) -> bool:
    return _NAME_NOTE in payload


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Trust(StrEnum):
    """By which door an event came in; set by the door, never believed from the message."""

    NODE = "node"  # that node's own agent, its own stream
    MESH = "mesh"  # the executor
    OBSERVER = "observer"  # the observer, which cannot speak for an executor
    FOREIGN = "foreign"  # redis-cli, mend inject, a webhook


class Runtime(StrEnum):
    """Who keeps a service running: the event's `payload.runtime`."""

    DOCKER = "docker"
    SYSTEMD = "systemd"
    SUPERVISOR = "supervisor"


_RUNTIMES = frozenset(Runtime)


class HealthEvent(Record):
    """Something is wrong on a node, or well again. Unknown fields are kept.

    `id` is `<node>/<stream id>`, assigned where the event enters a stream; `incident` is the same for each
    announcement of one trouble (a node agent repeats what is still open). `sighting` is put there by the planner: what
    the node's agent sees of the service that somebody else speaks of.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    channel: ClassVar[str] = "health_events"

    id: str | None = None
    type: EventTypeName
    node: Name
    service: ServiceName | None = None
    severity: Severity = Severity.WARNING
    payload: dict[str, Any] = Field(default_factory=dict)
    timestamp: Timestamp = Field(default_factory=lambda: rfc3339(utc_now()))
    incident: IncidentId | None = None
    trust: Trust = Trust.FOREIGN
    sighting: Annotated[Sighting | None, Field(exclude_if=not_said)] = None

    def wire(self) -> bytes:
        """As above; what the event does not say (`id`, `service`, `incident`) is absent, not null."""
        absent = {name for name in ("id", "service", "incident") if getattr(self, name) is None}
        return self.model_dump_json(exclude=absent).encode()

    @property
    def target_key(self) -> str:
        """The unit of ordering, cooldown and locking: `node/service`; `node/` for the whole node."""
        return f"{self.node}/{self.service or ''}"

    @property
    def runtime(self) -> Runtime | None:
        """Who runs the service, if the event says so in words that we know, or its node's agent does."""
        value = self.payload.get("runtime", self.sighting.runtime if self.sighting else None)
        return Runtime(value) if isinstance(value, str) and value in _RUNTIMES else None


class WorldUpdate(Record):
    """A node or service changed state: unknown, healthy, sick, offline."""

    channel: ClassVar[str] = "world_updates"
    stream: ClassVar[str] = "mesh:world"

    ts: Timestamp
    node: Name
    service: ServiceName | None = None
    from_state: str = Field(alias="from")
    to_state: str = Field(alias="to")
    severity: Severity = Severity.INFO
    event_id: str | None = None
    event_type: str | None = None
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class DecisionVerdict(StrEnum):
    PROPOSED = "proposed"
    IGNORED = "ignored"
    SUPPRESSED = "suppressed"  # within the cooldown of another event
    COUNTED = "counted"  # beside an open proposal, or one that was decided
    RECOVERED = "recovered"
    SILENCED = "silenced"
    EXPLAINED = "explained"  # by other trouble, which was told
    HELD = "held"  # something is at work on its host that it may come from


class Decision(Record):
    """What the planner decided about one event; the observer keeps it with the event."""

    stream: ClassVar[str] = "mesh:decisions"

    ts: Timestamp
    event_id: str
    verdict: DecisionVerdict
    action_id: str | None = None
    reason: str = ""


class DeadLetter(Record):
    """What was refused and why: the first 4 KiB, undecodable bytes as backslash escapes."""

    stream: ClassVar[str] = "mesh:dead_letters"

    ts: Timestamp
    source: str  # channel or stream it came by
    entry_id: str = ""
    reason: str
    by: str
    raw: str
