"""GET /proposals: what waits for a person, and all about one. Moves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mesh_core.actions.register import action_type, what_it_touches
from mesh_core.approvals.action_folders import BY_FILE
from mesh_core.approvals.card import Card, because_of
from mesh_core.approvals.decisions import LocatedProposal
from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.approvals.obstacles import MATTERS_IN, Obstacle
from mesh_core.approvals.previews import latest_preview, why_no_preview
from mesh_core.approvals.proposal_files import (
    BY_SUFFIX,
    REASON_SUFFIX,
    ActionName,
    Filed,
    actor_and_reason,
    approval_at,
    digest_of,
    name_of,
)
from mesh_core.approvals.undoing import no_undo
from mesh_core.incidents.wording import about, what_is_wrong
from mesh_core.messaging.bus import BusDown
from mesh_core.messaging.explained import explained_by
from mesh_core.messaging.occurrences import occurrences_of
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.previews import Preview
from mesh_core.models.proposals import (
    MAX_PROPOSAL_BYTES,
    Evidence,
    Folder,
    ModelRef,
    Proposal,
    Risk,
    RulesChoice,
)
from mesh_core.silences.put_aside import put_aside_by
from mesh_core.silences.silence import SilenceKind
from mesh_core.storage.files import read_regular
from observer.web.app_context import AppContext
from observer.web.cursors import Cursor, page_after
from observer.web.dependencies import Context, Operator, Viewer
from observer.web.errors import HttpProblem
from observer.web.lasting_rejection import RejectionRule, shown_rule
from observer.web.model_attempts import attempts_for
from observer.web.proposal_card import proposal_card
from observer.web.proposal_lookup import ActionId, find_exactly
from observer.web.proposal_obstacles import obstacles_for
from observer.web.what_runs import PolicyAnswer, WhatRuns, policy_answer, what_runs_for

router = APIRouter(tags=["proposals"])

FILES = (Folder.PENDING, Folder.APPROVED, Folder.REJECTED, Folder.EXPIRED, Folder.WITHDRAWN, Folder.QUARANTINE)


class ProposalSummary(BaseModel):
    """One proposal in a list."""

    id: str
    digest: str
    folder: Folder
    type: str
    action: str
    risk_level: Risk
    node: str
    service: str | None
    touches: str = Field(description="how far approval goes: how many containers or units, which, and who needs them")
    reason: str
    because: str = Field(description="the rule's own sentence, as on its card; empty where a model wrote the reason")
    confidence: float
    created_at: str
    expires_at: str
    model: ModelRef
    rules_choice: RulesChoice | None = Field(description="where a model that may choose chose something else")
    attempt: int
    edited_by: str | None
    occurrences: int | None = Field(description="how often the trouble came so far; null when Redis cannot say")
    severity: str
    trust: str = Field(description="node: its own agent said it; mesh: a service of ours; foreign: anybody")
    event_type: str
    about: str = Field(description="which disk, unit or alert; empty where the service says it all; foreign text")
    wrong: str = Field(description="what is wrong, as a card says it: the trouble and what it is about; foreign text")
    event_id: str | None
    obstacles: list[Obstacle] = Field(
        description="why a yes comes to nothing now; only of what waits for a person or an executor"
    )


class ProposalPage(BaseModel):
    items: list[ProposalSummary]
    total: int
    next: str | None
    renamed: list[str] = Field(
        description="of pending: what is a proposal under another name and so not listed, as sentences; foreign text"
    )


class DecisionNote(BaseModel):
    by: str
    at: str | None = None
    reason: str = ""
    put_aside: SilenceKind | None = Field(None, description="rejected only for now, by a silence of this kind")
    verdict: OutcomeVerdict | None = Field(None, description="of what ran")


class PreviewAnswer(BaseModel):
    """What the host said, or has yet to say, of what a proposal would change there."""

    id: str = Field(description="of the preview, which is an approved action of its own")
    folder: Folder
    by: str = Field(description="who asked")
    at: str
    works: bool = Field(description="its answer is still to come")
    holds: bool = Field(description="false: the proposal was edited since, so it was asked of other bytes")
    reason: str = Field(description="why it came to nothing, where it did")
    said: Preview | None


class ExplainedTrouble(BaseModel):
    """What else is wrong there because of the trouble of a proposal; none is proposed beside it."""

    node: str
    service: str | None
    type: str


class ProposalDetail(ProposalSummary):
    card: Card = Field(description="what a person needs to say whether, in sentences; foreign text")
    explains: list[ExplainedTrouble] = Field(description="empty as well when Redis cannot say")
    event: dict[str, Any]
    evidence: list[Evidence]
    attempts: list[ModelAttempt] = Field(description="every model that was asked about this event, in order")
    playbook: WhatRuns | None
    playbook_problem: str | None = Field(description="why approval would run nothing")
    policy: PolicyAnswer | None
    preview: PreviewAnswer | None = Field(description="the one that was asked for last")
    no_preview: str = Field(description="why none can be asked for; empty where it can")
    decided: DecisionNote | None
    raw: str = Field(description="the file's text, for editing")
    undoable: bool = Field(description="it ran, and a person may ask for it to be taken back")
    can_be_undone: bool = Field(description="what it does can be taken back afterwards, where a person asks for it")


@router.get("/proposals")
async def proposals(
    context: Context,
    user: Viewer,
    folder: Annotated[Folder, Query(description="one that holds files, such as pending")] = Folder.PENDING,
    node: Annotated[str | None, Query(max_length=128)] = None,
    q: Annotated[str | None, Query(max_length=200, description="in its id, place, type, trouble or reason")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Cursor = None,
) -> ProposalPage:
    """What lies in one folder, oldest first. Runs (running, done, failed, interrupted) are under /runs."""
    if folder not in FILES:
        raise HttpProblem(422, "invalid", f"{folder} holds runs, not files: GET /api/v1/runs?folder={folder}")
    filed, renamed = await asyncio.to_thread(_listed, context, folder)
    wanted = [f for f in filed if node in (None, f.proposal.node) and _says(f.proposal, q)]
    page, following = page_after(wanted, cursor, limit, lambda f: f.name.file)
    seen = await occurrences_of(context.bus, [f.proposal.event.id or "" for f in page])
    against = await _against(context, page, folder)
    items = [_summary(f, folder, times, found) for f, times, found in zip(page, seen, against, strict=True)]
    return ProposalPage(items=items, total=len(wanted), next=following, renamed=renamed)


@router.get("/proposals/{action_id}")
async def proposal(context: Context, user: Viewer, action_id: ActionId) -> ProposalDetail:
    """All that a person needs for a yes or a no, wherever the proposal lies now."""
    found = await asyncio.to_thread(find_exactly, context, action_id)
    filed, raw = await asyncio.to_thread(_read, context, found)
    p = filed.proposal
    event_id = p.event.id or ""
    (times,) = await occurrences_of(context.bus, [event_id])
    try:
        attempts = await attempts_for(context.bus, event_id)
    except BusDown:
        attempts = []
    (against,) = await _against(context, [filed], found.folder)
    explained = await explained_by(context.bus, found.id)
    runs, problem = await asyncio.to_thread(what_runs_for, context, p)
    return ProposalDetail(
        **_summary(filed, found.folder, times, against).model_dump(),
        card=await proposal_card(context, p, explained, times),
        explains=[ExplainedTrouble(**one._asdict()) for one in explained],
        event=p.event.model_dump(mode="json"),
        evidence=list(p.evidence),
        attempts=attempts,
        playbook=runs,
        playbook_problem=problem,
        policy=await asyncio.to_thread(policy_answer, context, p),
        preview=await asyncio.to_thread(_preview, context, p, filed.name.digest),
        no_preview=await asyncio.to_thread(why_no_preview, p),
        decided=await asyncio.to_thread(_decided, context, found),
        raw=raw.decode("utf-8", "replace"),
        undoable=not await asyncio.to_thread(_no_undo, context, found, p),
        can_be_undone=bool(action_type(p.type).undone_by),
    )


@router.get("/proposals/{action_id}/rejection-rule")
async def rejection_rule(
    context: Context,
    user: Operator,
    action_id: ActionId,
    reason: Annotated[str, Query(min_length=1, max_length=2000)],
) -> RejectionRule:
    """The rule that a rejection of it for this reason becomes, where it is to last; nothing is written. 409: a person
    asked for it, it is decided, or the file takes no rule."""
    found = await asyncio.to_thread(find_exactly, context, action_id)
    return await asyncio.to_thread(shown_rule, context, found, user.name, " ".join(reason.split()))


def _no_undo(context: AppContext, found: LocatedProposal, p: Proposal) -> str:
    outcome = context.actions.outcome_at(found.path) if found.path.is_dir() else None
    return no_undo(p, found.folder, outcome)


def _listed(context: AppContext, folder: Folder) -> tuple[Sequence[Filed], list[str]]:
    """The proposals there, and what is none by its name alone."""
    if folder is not Folder.PENDING:
        return context.actions.filed(folder), []
    return context.actions.pending(), list(context.actions.renamed())


async def _against(context: AppContext, page: Sequence[Filed], folder: Folder) -> Sequence[tuple[Obstacle, ...]]:
    if folder not in MATTERS_IN:
        return [()] * len(page)
    return await obstacles_for(context, [filed.proposal for filed in page])


def _read(context: AppContext, found: LocatedProposal) -> tuple[Filed, bytes]:
    file = found.path / "proposal.json" if found.path.is_dir() else found.path
    raw = read_regular(file, MAX_PROPOSAL_BYTES)
    p = context.actions.proposal_at(found.path)
    if raw is None or p is None:
        note = read_regular(found.path.with_name(found.path.name + REASON_SUFFIX), 4096)
        reason = note.decode("utf-8", "replace").strip() if note else "it is no proposal that could be read"
        raise CannotDecide(RefusalReason.UNREADABLE, f"{found.id} lies in {found.folder}/: {reason}")
    name = name_of(found.path.name) or ActionName(found.id, digest_of(raw))
    return Filed(name, found.path, p), raw


def _summary(filed: Filed, folder: Folder, times: int | None, against: Sequence[Obstacle]) -> ProposalSummary:
    p = filed.proposal
    return ProposalSummary(
        id=filed.name.id,
        digest=filed.name.digest,
        folder=folder,
        type=p.type,
        action=str(p.action),
        risk_level=p.risk_level,
        node=p.node,
        service=p.service,
        touches=what_it_touches(p),
        reason=p.reason,
        because=because_of(p),
        confidence=float(p.confidence),
        created_at=p.created_at,
        expires_at=p.expires_at,
        model=p.model,
        rules_choice=p.rules_choice,
        attempt=p.attempt,
        edited_by=p.edited_by,
        occurrences=times,
        severity=p.event.severity.value,
        trust=p.event.trust.value,
        event_type=p.event.type,
        about=about(p.event),
        wrong=what_is_wrong(p.event),
        event_id=p.event.id,
        obstacles=list(against),
    )


def _preview(context: AppContext, p: Proposal, digest: str) -> PreviewAnswer | None:
    found = latest_preview(context.actions, p)
    if found is None:
        return None
    return PreviewAnswer(
        id=found.id,
        folder=found.folder,
        by=found.by,
        at=found.at,
        works=found.works,
        holds=found.is_of(p, digest),
        reason=found.reason,
        said=found.said,
    )


def _says(p: Proposal, q: str | None) -> bool:
    if not q:
        return True
    return q.lower() in f"{p.id} {p.target_key} {p.type} {p.event.type} {about(p.event)} {p.reason}".lower()


def _decided(context: AppContext, found: LocatedProposal) -> DecisionNote | None:
    """Who decided, out of the notes beside the file or in the run's folder."""
    if found.folder is Folder.PENDING:
        return None
    if found.path.is_dir():
        outcome = context.actions.outcome_at(found.path)
        return DecisionNote(by=approval_at(found.path / BY_FILE).actor, verdict=outcome.verdict if outcome else None)
    if found.folder is Folder.APPROVED:
        return DecisionNote(by=approval_at(found.path.with_name(found.path.name + BY_SUFFIX)).actor)
    by, reason = actor_and_reason(read_regular(found.path.with_name(found.path.name + REASON_SUFFIX), 4096) or b"")
    if found.folder is Folder.REJECTED:
        return DecisionNote(by=by, reason=reason, put_aside=put_aside_by(reason))
    return DecisionNote(by=found.folder.value, reason=reason)
