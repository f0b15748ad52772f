"""What the executor says of an action: its moves between folders, and that a remediation started or ended. Pure.

A report is a record with a key of its own, so that it may be delivered again after a crash and is heard once.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ConfigDict, Field

from mesh_core.actions.register import action_type
from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.subject import subject_of
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.outcomes import Outcome, OutcomeVerdict
from mesh_core.models.proposals import ActionUpdate, Folder, Proposal
from mesh_core.models.records import Record, parse_time

MAX_REASON_CHARS = 1000


class Report(Record):
    """One update or event. At most one is ever heard under one `idempotency_key` (`once` in the outbox's files)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    idempotency_key: str = Field(alias="once")
    update: ActionUpdate | None = None
    event: HealthEvent | None = None


def move_report(
    proposal: Proposal,
    source: Folder,
    target: Folder,
    *,
    actor: str,
    timestamp: str,
    reason: str = "",
    idempotency_key: str | None = None,
) -> Report:
    """The update of one move. Without a key of its own, an action makes each move once."""
    reason = reason[:MAX_REASON_CHARS]
    update = ActionUpdate.of(proposal, source, target, actor=actor, timestamp=timestamp, reason=reason)
    return Report(idempotency_key=idempotency_key or f"{proposal.id}:{source}:{target}", update=update)


def quarantine_report(
    action_id: str,
    proposal: Proposal | None,
    *,
    node: str,
    actor: str,
    timestamp: str,
    reason: str,
    idempotency_key: str,
) -> Report:
    """The update of a file that was not to be trusted; `node` stands in where it cannot even be read."""
    update = ActionUpdate(
        ts=timestamp,
        action_id=action_id,
        from_folder=Folder.APPROVED.value,
        to_folder=Folder.QUARANTINE.value,
        type=proposal.type if proposal else "unknown",
        node=proposal.node if proposal else node,
        service=proposal.service if proposal else None,
        by=actor,
        reason=reason[:MAX_REASON_CHARS],
    )
    return Report(idempotency_key=idempotency_key, update=update)


def started_reports(proposal: Proposal, timestamp: str) -> list[Report]:
    """remediation_started, as a health event; nothing for a message, an undo, a preview or what a person asked for in
    words, which remedy nothing."""
    said = {"verdict": OutcomeVerdict.NOT_RUN, "reason": ""}
    return _event_reports(EventType.REMEDIATION_STARTED, proposal, timestamp, Severity.INFO, said)


def ended_reports(proposal: Proposal, outcome: Outcome) -> list[Report]:
    """remediation_completed or remediation_failed; nothing where nothing was remedied (as when it was withdrawn)."""
    if outcome.result == "withdrawn":
        return []
    good = outcome.result == "done"
    event_type = EventType.REMEDIATION_COMPLETED if good else EventType.REMEDIATION_FAILED
    severity = Severity.INFO if good else Severity.ERROR
    took = (parse_time(outcome.finished_at) - parse_time(outcome.started_at)).total_seconds()
    said: dict[str, str | float] = {
        "verdict": outcome.verdict,
        "reason": outcome.reason[:MAX_REASON_CHARS],
        "seconds": round(took, 3),
    }
    return _event_reports(event_type, proposal, outcome.finished_at, severity, said)


def _event_reports(
    event_type: str, proposal: Proposal, timestamp: str, severity: Severity, said: Mapping[str, str | float]
) -> list[Report]:
    if not action_type(proposal.type).repairs or proposal.event.type == EventType.PLAYBOOK_REQUESTED:
        return []
    event = HealthEvent(
        type=event_type,
        node=proposal.node,
        service=proposal.service,
        severity=severity,
        payload={
            "action_id": proposal.id,
            "action": str(proposal.action),
            "type": proposal.type,
            **said,
            "attempt": proposal.attempt,
            "event_id": proposal.event.id,
            "subject": subject_of(proposal.event),
        },
        timestamp=timestamp,
        incident=proposal.event.incident,
        trust=Trust.MESH,
    )
    return [Report(idempotency_key=f"{proposal.id}:{event_type}", event=event)]
