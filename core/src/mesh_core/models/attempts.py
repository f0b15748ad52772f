"""What a model may answer, and each try at one. Frozen; no I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import (
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
)

from mesh_core.models.proposals import ActionWord
from mesh_core.models.records import Name, Number, Record, ServiceName, Timestamp

NOT_SURE = "not_sure"  # a model's answer in the place of a choice: a person is told what is missing


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
    BUDGET_SPENT = "budget_spent"


NOT_MADE = frozenset({AttemptOutcome.CIRCUIT_OPEN, AttemptOutcome.BUDGET_SPENT})


class ModelAttempt(Record):
    """One try at one provider of the fallback chain, failed ones included."""

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


class ModelAnswer(Record):
    """The only thing a model may say."""

    action: ActionWord
    service: ServiceName | None
    node: Name
    reason: Annotated[str, StringConstraints(min_length=10, max_length=2000)]
    confidence: Annotated[Number, Field(ge=0, le=1)]
    requires_human: StrictBool
