"""What came of an approved action. Frozen; no I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    StrictBool,
    StrictInt,
)

from mesh_core.models.proposals import ActionWord
from mesh_core.models.records import Name, Number, Record, ServiceName, Timestamp, not_said


class Stage(Record):
    """One finished stage of an execution. `command` is what really ran, `seconds` wall time."""

    name: str
    ok: StrictBool
    rc: StrictInt
    changed: StrictInt
    seconds: Number
    command: tuple[str, ...] = ()
    detail: str = ""


class OutcomeVerdict(StrEnum):
    """Whether it helped."""

    PROVEN = "proven"
    NOT_HELPED = "not_helped"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not_run"
    PREVIEWED = "previewed"  # it was asked in check mode what would change, and nothing was changed
    ACKNOWLEDGED = "acknowledged"  # a message without anybody to send it to: a person has read it, and nobody else


class Outcome(Record):
    """What came of an approved action; `result` is the folder it ends in."""

    channel: ClassVar[str] = "action_updates"

    schema_version: Literal[1] = 1
    action_id: str
    attempt: StrictInt = 1
    digest: str
    result: Literal["done", "failed", "interrupted", "withdrawn"]
    verdict: OutcomeVerdict
    reason: str
    node: Name
    service: ServiceName | None = None
    type: ActionWord
    event_id: str | None = None
    approved_by: str = ""
    started_at: Timestamp
    finished_at: Timestamp
    stages: tuple[Stage, ...] = ()
    before: dict[str, Any] = Field(default_factory=dict)
    after: dict[str, Any] = Field(default_factory=dict)
    # Of a run that is taken back by itself where it does not help: was it? `failed`: it was begun, and nobody saw that
    # all is as before. Absent where there was nothing to take back.
    undone: Annotated[StrictBool | Literal["failed"] | None, Field(exclude_if=not_said)] = None
