"""What travels: one frozen record per kind of message, each knowing its channel. Holds no I/O and no clock of its own.

Wire shapes are JSON objects in UTF-8, times RFC 3339 strings in UTC; ids are handed down, never looked up backwards.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
)

MAX_EVENT_BYTES = 64 * 1024
MAX_PROPOSAL_BYTES = 256 * 1024
MAX_ATTACHMENTS, MAX_ATTACHMENT_BYTES = 16, 64 * 1024
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def rfc3339(moment: datetime) -> str:
    """The one way we write a time: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """An aware datetime from RFC 3339 text; ValueError otherwise."""
    if not _RFC3339.fullmatch(text):
        raise ValueError("not an RFC 3339 time with a zone, such as 2026-01-31T12:00:00Z")
    upper = text.upper()
    if fraction := re.search(r"\.(\d{7,9})", upper):  # datetime keeps microseconds
        upper = upper.replace(fraction[0], fraction[0][:7])
    return datetime.fromisoformat(upper)


def _checked_time(text: str) -> str:
    parse_time(text)
    return text


def is_name(text: str) -> bool:
    """Is this a node or service name? (fullmatch: a trailing newline is not one)"""
    return _NAME.fullmatch(text) is not None


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
EventType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Timestamp = Annotated[str, AfterValidator(_checked_time)]
Number = StrictFloat | StrictInt


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


class Action(StrEnum):
    """What a model may answer."""

    RESTART = "restart"
    REDEPLOY = "redeploy"
    NOTIFY = "notify"
    IGNORE = "ignore"


class ProposalType(StrEnum):
    """What would run after approval."""

    CONTAINER_RESTART = "container_restart"
    SERVICE_RESTART = "service_restart"
    REDEPLOY = "redeploy"
    NOTIFY = "notify"
    PLAYBOOK = "playbook"


class Runtime(StrEnum):
    """Who keeps a service running: the event's `payload.runtime`."""

    DOCKER = "docker"
    SYSTEMD = "systemd"
    SUPERVISOR = "supervisor"


class Risk(StrEnum):
    LOW = "low"
    GUARDED = "guarded"
    HIGH = "high"


class AttemptOutcome(StrEnum):
    OK = "ok"
    TIMEOUT = "timeout"
    NETWORK_ERROR = "network_error"
    API_ERROR = "api_error"
    REFUSAL = "refusal"
    INVALID_JSON = "invalid_json"
    SCHEMA_VIOLATION = "schema_violation"
    UNGROUNDED = "ungrounded"
    CIRCUIT_OPEN = "circuit_open"


BENIGN_TYPES = frozenset(
    {
        "service_healthy",
        "service_recovered",
        "node_online",
        "deployment_completed",
        "deployment_started",
        "remediation_started",
        "remediation_completed",
    }
)


class Record(BaseModel):
    """Base of everything that travels. `channel` is the live copy's name, `stream` the durable copy's."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    channel: ClassVar[str] = ""
    stream: ClassVar[str] = ""

    def wire(self) -> bytes:
        """The record as compact UTF-8 JSON."""
        return self.model_dump_json().encode()


class HealthEvent(Record):
    """Something is wrong on a node, or well again. Unknown fields are kept.

    `id` is `<node>/<stream id>`, assigned where the event enters a stream; `incident` is the same for each
    announcement of one trouble (a node agent repeats what is still open).
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    channel: ClassVar[str] = "health_events"

    id: str | None = None
    type: EventType
    node: Name
    service: Name | None = None
    severity: Severity = Severity.WARNING
    payload: dict[str, Any] = Field(default_factory=dict)
    timestamp: Timestamp = Field(default_factory=lambda: rfc3339(datetime.now(UTC)))
    incident: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/-]{1,300}$")] | None = None
    trust: Trust = Trust.FOREIGN

    def wire(self) -> bytes:
        """As above; what the event does not say (`id`, `service`, `incident`) is absent, not null."""
        absent = {name for name in ("id", "service", "incident") if getattr(self, name) is None}
        return self.model_dump_json(exclude=absent).encode()

    @property
    def pair(self) -> str:
        """The unit of ordering, cooldown and locking: `node/service`; `node/` for the whole node."""
        return f"{self.node}/{self.service or ''}"

    @property
    def benign(self) -> bool:
        return self.type in BENIGN_TYPES

    @property
    def runtime(self) -> Runtime | None:
        """Who runs the service, if the event says so in words that we know."""
        value = self.payload.get("runtime")
        return Runtime(value) if isinstance(value, str) and value in set(Runtime) else None


class WorldUpdate(Record):
    """A node or service changed state: unknown, healthy, sick, offline."""

    channel: ClassVar[str] = "world_updates"
    stream: ClassVar[str] = "mesh:world"

    ts: Timestamp
    node: Name
    service: Name | None = None
    from_state: str = Field(alias="from")
    to_state: str = Field(alias="to")
    severity: Severity = Severity.INFO
    event_id: str | None = None
    event_type: str | None = None
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class ModelAttempt(Record):
    """One try at one rung of the ladder, failed ones included."""

    channel: ClassVar[str] = "llm_router_metrics"
    stream: ClassVar[str] = "mesh:llm_attempts"

    ts: Timestamp
    event_id: str
    model: str
    provider: str
    position: StrictInt
    outcome: AttemptOutcome
    latency_ms: Number
    prompt_tokens: StrictInt = 0
    completion_tokens: StrictInt = 0
    cost_usd: Number = 0
    detail: str = ""


class ActionUpdate(Record):
    """A proposal changed state. `from`/`to` are folder names of `actions/`; a new proposal comes from ''."""

    channel: ClassVar[str] = "action_updates"
    stream: ClassVar[str] = "mesh:actions"

    ts: Timestamp
    action_id: str
    from_folder: str = Field(alias="from")
    to_folder: str = Field(alias="to")
    type: str
    node: Name
    service: Name | None = None
    by: str
    reason: str = ""
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


Verdict: TypeAlias = Literal["proposed", "ignored", "suppressed", "counted", "recovered", "silenced"]


class Decision(Record):
    """What the planner decided about one event; the observer keeps it with the event."""

    stream: ClassVar[str] = "mesh:decisions"

    ts: Timestamp
    event_id: str
    verdict: Verdict
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


class Evidence(Record):
    """One thing that was seen: where, and its text (redacted, capped)."""

    source: str
    text: str


def _as_evidence(item: object) -> object:
    """Evidence that somebody else wrote may be any JSON: text as it is, other shapes as their JSON."""
    if isinstance(item, str):
        return Evidence(source="note", text=item)
    if isinstance(item, dict) and set(item) != {"source", "text"}:
        source = item.get("source", item.get("kind", "note"))
        return Evidence(source=str(source), text=json.dumps(item, sort_keys=True, ensure_ascii=False))
    return item


def _really_true(value: object) -> object:
    if value is not True:  # 1 and 1.0 equal True
        raise ValueError("must be true: nothing runs without a person")
    return value


class ModelRef(Record):
    """Which rung wrote a proposal. `position` counts from 1 in the chain."""

    name: str
    provider: str
    position: StrictInt
    latency_ms: Number


def _none_there(some: tuple[object, ...]) -> bool:
    return not some


def _short_enough(text: str) -> str:
    if (size := len(text.encode())) > MAX_ATTACHMENT_BYTES:
        raise ValueError(f"it has {size} bytes, an attachment may have {MAX_ATTACHMENT_BYTES}")
    return text


class Attachment(Record):
    """A text file that a playbook copies or fills in; its tasks say `src: files/<sha256>`."""

    name: Name
    sha256: Sha256
    text: Annotated[str, AfterValidator(_short_enough)]


class Playbook(Record):
    """A playbook that travels inside a proposal: exactly these bytes were reviewed, its attachments included."""

    name: Name
    sha256: Sha256
    text: str
    # Absent when there are none: a file from before attachments stays the same bytes when it is written again.
    attachments: Annotated[tuple[Attachment, ...], Field(max_length=MAX_ATTACHMENTS, exclude_if=_none_there)] = ()


class Proposal(Record):
    """What a person is asked to approve. Its file's bytes are what is digested, reviewed and run."""

    schema_version: Literal[1] = 1
    id: Annotated[str, StringConstraints(pattern=r"^plan-[A-Za-z0-9][A-Za-z0-9._-]{0,240}-[0-9a-f]{12}$")]
    type: ProposalType
    action: Action | Literal["playbook"]
    risk_level: Risk
    node: Name
    service: Name | None = None
    reason: Annotated[str, StringConstraints(min_length=10, max_length=4000)]
    confidence: Annotated[Number, Field(ge=0, le=1)]
    requires_human: Annotated[Literal[True], BeforeValidator(_really_true)] = True
    created_at: Timestamp
    expires_at: Timestamp
    event: HealthEvent
    evidence: tuple[Annotated[Evidence, BeforeValidator(_as_evidence)], ...] = ()
    model: ModelRef
    playbook: Playbook | None = None
    attempt: StrictInt = 1
    edited_by: str | None = None

    def wire(self) -> bytes:
        """Indented, because people read this file before they move it."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    @property
    def pair(self) -> str:
        return f"{self.node}/{self.service or ''}"

    def expired(self, now: datetime) -> bool:
        return parse_time(self.expires_at) <= now


class Stage(Record):
    """One finished stage of an execution. `command` is what really ran, `seconds` wall time."""

    name: str
    ok: StrictBool
    rc: StrictInt
    changed: StrictInt
    seconds: Number
    command: tuple[str, ...] = ()
    detail: str = ""


class Outcome(Record):
    """What came of an approved action; `result` is the folder it ends in."""

    channel: ClassVar[str] = "action_updates"

    schema_version: Literal[1] = 1
    action_id: str
    attempt: StrictInt = 1
    digest: str
    result: Literal["done", "failed", "interrupted", "withdrawn"]
    verdict: Literal["proven", "not_helped", "inconclusive", "not_run"]
    reason: str
    node: Name
    service: Name | None = None
    type: ProposalType
    event_id: str | None = None
    approved_by: str = ""
    started_at: Timestamp
    finished_at: Timestamp
    stages: tuple[Stage, ...] = ()
    before: dict[str, Any] = Field(default_factory=dict)
    after: dict[str, Any] = Field(default_factory=dict)


class ModelAnswer(Record):
    """The only thing a model may say."""

    action: Action
    service: Name | None
    node: Name
    reason: Annotated[str, StringConstraints(min_length=10, max_length=2000)]
    confidence: Annotated[Number, Field(ge=0, le=1)]
    requires_human: StrictBool


def proposal_id(event_id: str, node: str, service: str | None) -> str:
    """`plan-<node>-<service>-<12 hex of sha256(event id)>`; the same event always gives the same id.

    A whole-node event says `node` for its service. Very long names are cut so that the file name fits 255 bytes.
    """
    name = service or "node"
    if len(node) + len(name) > 200:
        node, name = node[:100], name[:100]
    return f"plan-{node}-{name}-{hashlib.sha256(event_id.encode()).hexdigest()[:12]}"
