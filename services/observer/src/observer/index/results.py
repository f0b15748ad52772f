"""What the index answers: frozen records, also the API's responses. Times are RFC 3339 in UTC. Holds no SQL, no I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from mesh_core.actions.register import current
from mesh_core.models.events import Severity, Trust
from mesh_core.models.records import Record, Timestamp
from mesh_core.silences.silence import SilenceKind


class EventRow(Record):
    """One archived event, without its payload."""

    id: str = Field(description="`<node>/<stream id>`; names it for /api/v1/incidents/{id}")
    at: Timestamp = Field(description="when the mesh learned of it: the time in its id")
    type: str = Field(description="such as container_unhealthy")
    node: str = Field(description="the host that it is about")
    service: str | None = Field(description="the service on it; null for whole-node events")
    severity: Severity = Field(description="info, warning, error or critical")
    trust: Trust = Field(description="by which door it came: node, mesh or foreign")
    summary: str = Field(description="what its payload says, cut to 160 characters; foreign text, show it inert")
    verdict: str | None = Field(
        description="what was decided: proposed, ignored, suppressed, counted, recovered, benign; null: nothing yet"
    )
    action_id: str | None = Field(description="the proposal that it led to or was counted on")


class EventPage(Record):
    """Events, newest first."""

    items: tuple[EventRow, ...] = Field(description="the page, newest first")
    next: str | None = Field(description="`cursor` of the next older page; null: there is none")
    complete: bool = Field(description="false while the index is built anew: older ones may still be missing")


class PastAction(Record):
    """One proposal that came to rest, or waits or runs now."""

    id: str = Field(description="the proposal's id; a quarantined file's name")
    result: str = Field(
        description="the folder it lies in: done failed interrupted withdrawn rejected expired quarantine; "
        "pending approved running while it is open"
    )
    verdict: str | None = Field(
        description="of what ran: proven, not_helped, inconclusive, not_run, previewed, acknowledged"
    )
    at: Timestamp = Field(description="when it came there")
    node: str | None = Field(description="null when the file cannot be read")
    service: str | None = Field(description="null for a whole node, or when the file cannot be read")
    type: str | None = Field(description="what ran, or would run: one of the `types` of a page of history")
    action: str | None = Field(description="restart, redeploy, notify, playbook")
    risk: str | None = Field(description="low, guarded, high")
    put_aside: SilenceKind | None = Field(description="rejected only for now, by a silence of this kind")
    by: str = Field(description="who decided, as far as it is known; empty: nobody yet")
    reason: str = Field(description="why it ended so; of an open one, why it was proposed. Foreign text, show it inert")
    attempt: int = Field(description="1, or more for a retry")
    event_id: str | None = Field(description="the event that it answers")
    model: str | None = Field(description="who wrote the proposal")
    provider: str | None = Field(description="that model's provider; `floor` when no model's answer was good enough")
    position: int | None = Field(description="that rung's place in the chain, from 1")
    confidence: float | None = Field(
        description="what it said of its own certainty, 0 to 1; not calibrated, so no page shows it"
    )
    symptom_at: Timestamp | None = Field(description="when the event that it answers came in")
    proposed_at: Timestamp | None = Field(description="when it appeared in pending/")
    decided_at: Timestamp | None = Field(description="when a person said yes or no")
    started_at: Timestamp | None = Field(description="when the run began")
    finished_at: Timestamp | None = Field(description="when the run ended")
    run_seconds: float | None = Field(description="how long the run took")


class HistoryPage(Record):
    """Proposals, the one that moved last first."""

    items: tuple[PastAction, ...] = Field(description="the page, newest first")
    next: str | None = Field(description="`cursor` of the next older page; null: there is none")
    complete: bool = Field(description="false while the index is built anew: older ones may still be missing")
    types: tuple[str, ...] = Field(
        default_factory=lambda: current().type_names, description="the types that there are now; `type` asks for one"
    )


class StepKind(StrEnum):
    """What a step of a timeline is."""

    SYMPTOM = "symptom"  # the trouble was announced, `count` times
    DECISION = "decision"  # what the planner decided about it
    ATTEMPT = "attempt"  # a model was asked
    PROPOSAL = "proposal"  # a file appeared in pending/
    CHOICE = "choice"  # a person (or time) moved it: approved, rejected, expired, withdrawn
    STAGE = "stage"  # one stage of the run
    OUTCOME = "outcome"  # what came of the run, and the proof
    RECOVERY = "recovery"  # the place says that it is healthy


class TimelineStep(Record):
    """One line of a timeline."""

    at: Timestamp = Field(description="when it happened, or first happened")
    kind: StepKind = Field(description="symptom, decision, attempt, proposal, choice, stage, outcome, recovery")
    title: str = Field(description="few words, such as `container_unhealthy` or `approved`")
    detail: str = Field(description="one sentence or less, may be empty; foreign text, show it inert")
    good: bool | None = Field(description="true: it went well; false: it did not; null: neither")
    by: str = Field(description="who or what did it: a person, a model, a service; may be empty")
    count: int = Field(description="how many such happened: announcements of the same trouble are one step")
    until: Timestamp = Field(description="when it last happened, or ended; equals `at` for a single moment")
    ref: str | None = Field(description="the event or action that this is about")


class Incident(Record):
    """One trouble from its first symptom to what came of it."""

    id: str = Field(description="as it was asked for")
    node: str = Field(description="the host")
    service: str | None = Field(description="the service; null for a whole node")
    type: str = Field(description="the first symptom's type")
    severity: Severity = Field(description="the worst that was announced")
    state: Literal["open", "waiting", "working", "recovered", "closed"] = Field(
        description="open: nothing proposed; waiting: for a person; working: approved or running; recovered: "
        "healthy again; closed: decided or ended, and not known to be healthy"
    )
    began_at: Timestamp = Field(description="the first symptom")
    recovered_at: Timestamp | None = Field(description="when it was healthy again, by proof or by its own word")
    announcements: int = Field(description="how often the trouble was announced")
    actions: tuple[PastAction, ...] = Field(
        description="the proposals about it, oldest first (retries are more than one)"
    )
    steps: tuple[TimelineStep, ...] = Field(description="oldest first; at most 300")
    cut: bool = Field(description="true: there were more steps than are shown")


class ModelBucket(Record):
    """What the models did in one span of time."""

    start: Timestamp = Field(description="the beginning of the span")
    attempts: dict[str, int] = Field(description="attempts by outcome: ok, timeout, network_error, ...; absent is 0")
    answered: dict[str, int] = Field(description="proposals' answers by rung: provider -> good answers; floor included")
    latency_p50_ms: float | None = Field(description="of attempts that ended ok, within 6 %; null: there were none")
    latency_p95_ms: float | None = Field(description="of attempts that ended ok, within 6 %; null: there were none")
    prompt_tokens: int = Field(description="sum")
    completion_tokens: int = Field(description="sum")
    cost_usd: float = Field(description="sum")


class RungTotals(Record):
    """One model over the whole time."""

    model: str = Field(description="its name")
    provider: str = Field(description="llamacpp, ollama, anthropic, ...")
    position: int = Field(description="its place in the chain, from 1")
    attempts: dict[str, int] = Field(description="attempts by outcome")
    latency_p50_ms: float | None = Field(description="of attempts that ended ok, within 6 %")
    latency_p95_ms: float | None = Field(description="of attempts that ended ok, within 6 %")
    prompt_tokens: int = Field(description="sum")
    completion_tokens: int = Field(description="sum")
    cost_usd: float = Field(description="sum")


class ModelSeries(Record):
    """Model metrics of the last `hours`."""

    hours: int = Field(description="as it was asked for")
    bucket_seconds: int = Field(
        description="the length of each span: 3600 up to 72 hours, 86400 up to 744, else 604800"
    )
    buckets: tuple[ModelBucket, ...] = Field(description="oldest first, without gaps; the last one is not over yet")
    total: ModelBucket = Field(description="all spans together")
    rungs: tuple[RungTotals, ...] = Field(description="each model, in the order of the chain")
    complete: bool = Field(description="false while the index is built anew")


class DurationStats(Record):
    """A duration, over many cases."""

    count: int = Field(description="how many cases")
    p50_seconds: float | None = Field(description="the median; null: no case")
    p95_seconds: float | None = Field(description="95 of 100 were faster; null: no case")


class HealingDay(Record):
    """One day (UTC)."""

    day: str = Field(description="YYYY-MM-DD")
    events: int = Field(description="events of all kinds")
    troubles: int = Field(description="of these, warnings and worse")
    proposals: int = Field(description="proposals made that day")
    repaired: int = Field(description="runs that ended that day, proven")
    failed: int = Field(description="runs that ended that day otherwise (failed, interrupted, not proven)")


class SuccessRow(Record):
    """How well one kind of action does for one service."""

    type: str = Field(description="what ran: container_restart, redeploy, ...")
    node: str = Field(description="the host")
    service: str | None = Field(description="the service; null for a whole node")
    runs: int = Field(description="runs that ended")
    proven: int = Field(description="of these, proven")
    rate: float = Field(description="proven / runs, 0 to 1")


class HealingSeries(Record):
    """Healing metrics of the last `days`."""

    days: int = Field(description="as it was asked for")
    per_day: tuple[HealingDay, ...] = Field(description="oldest first, without gaps; the last one is today")
    time_to_proposal: DurationStats = Field(description="from the event to the file in pending/")
    time_to_decision: DurationStats = Field(description="from the file in pending/ to a person's yes or no")
    time_to_repair: DurationStats = Field(description="from the event to the end of a run that is proven")
    success: tuple[SuccessRow, ...] = Field(description="by action and service, most runs first; at most 200")
    by_type: tuple[SuccessRow, ...] = Field(description="the same by action alone; node is `*`")
    complete: bool = Field(description="false while the index is built anew")
