"""One trouble from its first symptom to its recovery, as a timeline. Pure: a case in, an incident out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from mesh_core.approvals.reasons import told_reason
from mesh_core.incidents.event_types import RECOVERIES, REMEDIATIONS
from mesh_core.incidents.severities import worst
from mesh_core.models.events import Severity
from mesh_core.models.outcomes import Outcome, OutcomeVerdict
from mesh_core.models.proposals import Folder
from mesh_core.silences.put_aside import DONE, put_aside_by
from observer.index.event_parser import text_of
from observer.index.incident_query import ActionRecord, FolderMove, IncidentRecords
from observer.index.keys import bounded, ms_at, time_of
from observer.index.results import EventRow, Incident, StepKind, TimelineStep

MOST_STEPS = 300
CHOICES = frozenset({"approved", "rejected", "expired", "withdrawn", "quarantine"})


def build_timeline(wanted: str, case: IncidentRecords) -> Incident:
    """The case as a timeline."""
    troubles = [e for e in case.events if _is_trouble(e)]
    recovered = _recovered_at(case, troubles)
    first = troubles[0] if troubles else case.events[0] if case.events else None
    past = case.actions[0].past if case.actions else None
    steps = sorted(_steps(case, troubles), key=lambda step: (step.at, list(StepKind).index(step.kind)))
    began = first.at if first else (past.symptom_at or past.proposed_at or past.at) if past else steps[0].at
    return Incident(
        id=wanted,
        node=first.node if first else (past.node or "") if past else "",
        service=first.service if first else past.service if past else None,
        type=first.type if first else "",
        severity=worst(e.severity for e in troubles),
        state=_state(case, recovered),
        began_at=began,
        recovered_at=recovered,
        announcements=len(troubles),
        actions=tuple(record.past for record in case.actions),
        steps=tuple(steps[:MOST_STEPS]),
        cut=case.cut or len(steps) > MOST_STEPS,
    )


def _is_trouble(event: EventRow) -> bool:
    return (
        event.severity is not Severity.INFO
        and event.verdict != "benign"
        and event.type not in RECOVERIES
        and event.type not in REMEDIATIONS
    )


def _recovered_at(case: IncidentRecords, troubles: Sequence[EventRow]) -> str | None:
    last = troubles[-1].at if troubles else ""
    well = [e.at for e in case.events if e.type in RECOVERIES and e.at >= last]
    proven = [
        t.past.finished_at for t in case.actions if t.past.result == "done" and t.past.verdict == OutcomeVerdict.PROVEN
    ]
    # A proof counts unless the trouble was announced again after it.
    return min([*well, *(at for at in proven if at is not None and at >= last)], default=None)


def _state(
    case: IncidentRecords, recovered: str | None
) -> Literal["open", "waiting", "working", "recovered", "closed"]:
    folders = {record.past.result for record in case.actions}
    if folders & {Folder.APPROVED, Folder.RUNNING}:
        return "working"
    if recovered is not None:
        return "recovered"
    if Folder.PENDING in folders:
        return "waiting"
    return "closed" if folders or any(e.verdict == "ignored" for e in case.events) else "open"


def _of_attempt(outcome: str, latency_ms: float, detail: str) -> str:
    """How long an answer took, and what was odd about it; of a failure, what went wrong."""
    took = f"{latency_ms / 1000:.1f} s"
    return f"{took}; {detail}" if detail and outcome == "ok" else detail or took


def _steps(case: IncidentRecords, troubles: Sequence[EventRow]) -> Iterator[TimelineStep]:
    yield from _symptoms(troubles)
    yield from _decisions(case)
    for attempt in case.attempts:
        yield _step(
            StepKind.ATTEMPT,
            attempt.at_ms - int(attempt.latency_ms),
            f"{attempt.model}: {attempt.outcome}",
            _of_attempt(attempt.outcome, attempt.latency_ms, attempt.detail),
            good=attempt.outcome == "ok",
            actor=attempt.provider,
            until_ms=attempt.at_ms,
            ref=attempt.event_id,
        )
    for record in case.actions:
        yield from _of_action(record, [move for move in case.moves if move.action_id == record.past.id])
    for event in case.events:
        if event.type in RECOVERIES:
            at = ms_at(event.at) or 0
            yield _step(StepKind.RECOVERY, at, event.type, event.summary, good=True, actor=event.node, ref=event.id)


def _symptoms(troubles: Sequence[EventRow]) -> Iterator[TimelineStep]:
    by_type: dict[str, list[EventRow]] = {}
    for event in troubles:
        by_type.setdefault(event.type, []).append(event)
    for kind, same in by_type.items():
        first, last = same[0], same[-1]
        yield TimelineStep(
            at=first.at,
            kind=StepKind.SYMPTOM,
            title=kind,
            detail=first.summary,
            good=False,
            by=first.trust.value,
            count=len(same),
            until=last.at,
            ref=first.id,
        )


def _decisions(case: IncidentRecords) -> Iterator[TimelineStep]:
    groups: dict[tuple[str, str | None], list[EventRow]] = {}
    for event in case.events:
        if event.verdict is not None and event.verdict != "benign":
            groups.setdefault((event.verdict, event.action_id), []).append(event)
    for (verdict, action_id), same in groups.items():
        first, last = same[0], same[-1]
        at, reason = case.reasons.get(first.id, (ms_at(first.at) or 0, ""))
        until = max(at, ms_at(last.at) or 0) if len(same) > 1 else at
        yield _step(
            StepKind.DECISION,
            at,
            verdict,
            reason,
            actor="planner",
            until_ms=until,
            ref=action_id or first.id,
            count=len(same),
        )


def _of_action(record: ActionRecord, moves: Sequence[FolderMove]) -> Iterator[TimelineStep]:
    past, ref = record.past, record.past.id
    if (at := ms_at(past.proposed_at)) is not None:
        reason = told_reason(record.proposal) if record.proposal else past.reason
        yield _step(StepKind.PROPOSAL, at, f"{past.type} proposed", reason, actor=past.model or "", ref=ref)
    chosen = [move for move in moves if move.target in CHOICES]
    for move in chosen:
        yield _step(
            StepKind.CHOICE, move.at_ms, _chosen(move.target, move.reason), move.reason, actor=move.actor, ref=ref
        )
    if not chosen and (at := ms_at(past.decided_at)) is not None:
        rejected = past.result == Folder.REJECTED
        title = _chosen(past.result, past.reason) if rejected else "approved"
        yield _step(StepKind.CHOICE, at, title, past.reason if rejected else "", actor=past.by, ref=ref)
    if not chosen and past.decided_at is None and past.result in CHOICES:
        yield _step(StepKind.CHOICE, ms_at(past.at) or 0, past.result, past.reason, actor=past.by, ref=ref)
    if record.outcome is not None:
        yield from _of_run(record.outcome, ref)


def _chosen(folder: str, reason: str) -> str:
    """In a person's words: what a silence put aside was no rejection."""
    kind = put_aside_by(reason) if folder == Folder.REJECTED else None
    return folder if kind is None else DONE[kind]


def _of_run(outcome: Outcome, ref: str) -> Iterator[TimelineStep]:
    at = ms_at(outcome.started_at) or 0
    for stage in outcome.stages[:20]:
        until = at + int(bounded(stage.seconds, 86_400) * 1000)
        title = text_of(stage.name, 60)
        yield _step(StepKind.STAGE, at, title, stage.detail, good=stage.ok, actor="executor", until_ms=until, ref=ref)
        at = until
    previewed = outcome.verdict is OutcomeVerdict.PREVIEWED
    good = None if previewed else outcome.result == "done" and outcome.verdict is OutcomeVerdict.PROVEN
    words_ = f"{outcome.result}, {outcome.verdict}".replace("_", " ")
    end = ms_at(outcome.finished_at) or at
    yield _step(StepKind.OUTCOME, end, words_, outcome.reason, good=good, actor="executor", ref=ref)


def _step(
    kind: StepKind,
    at_ms: int,
    title: str,
    detail: str,
    *,
    good: bool | None = None,
    actor: str = "",
    until_ms: int | None = None,
    ref: str | None = None,
    count: int = 1,
) -> TimelineStep:
    return TimelineStep(
        at=time_of(at_ms),
        kind=kind,
        title=title,
        detail=text_of(detail, 400),
        good=good,
        by=text_of(actor, 200),
        count=count,
        until=time_of(max(at_ms, until_ms or at_ms)),
        ref=ref,
    )
