"""/proposals: what waits for a person, all about one, and a person's verbs: the very renames of `mend`."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field

from mesh_core.actions.playbooks import playbook_for
from mesh_core.approvals import decisions, edits
from mesh_core.approvals.decisions import LocatedProposal, find_one
from mesh_core.approvals.errors import CannotDecide, Why
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
from mesh_core.approvals.store import BY_FILE
from mesh_core.messaging.bus import BusDown
from mesh_core.messaging.occurrences import occurrences_of
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.proposals import (
    MAX_PROPOSAL_BYTES,
    Attachment,
    Evidence,
    Folder,
    ModelRef,
    Proposal,
    ProposalType,
    Risk,
)
from mesh_core.policy.playbook_lint import Widened, lint_proposal
from mesh_core.policy.policy import BadPolicy, Policy
from mesh_core.storage.files import read_regular
from observer.web.cursors import Cursor, page_after
from observer.web.errors import ApiError
from observer.web.model_attempts import attempts_for
from observer.web.room import Room
from observer.web.who import Operator, TheRoom, Viewer

router = APIRouter(tags=["proposals"])

ActionId = Annotated[str, PathParameter(max_length=260, description="the proposal's whole id")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="of the bytes that were looked at")]
FILES = (Folder.PENDING, Folder.APPROVED, Folder.REJECTED, Folder.EXPIRED, Folder.WITHDRAWN, Folder.QUARANTINE)


class Summary(BaseModel):
    """One proposal in a list."""

    id: str
    digest: str
    folder: Folder
    type: ProposalType
    action: str
    risk_level: Risk
    node: str
    service: str | None
    reason: str
    confidence: float
    created_at: str
    expires_at: str
    model: ModelRef
    attempt: int
    edited_by: str | None
    occurrences: int | None = Field(description="how often the trouble came so far; null when Redis cannot say")
    severity: str
    trust: str = Field(description="node: its own agent said it; mesh: a service of ours; foreign: anybody")
    event_type: str
    event_id: str | None


class ProposalPage(BaseModel):
    items: list[Summary]
    total: int
    next: str | None


class WhatRuns(BaseModel):
    """The playbook that approval runs, byte for byte, and the one that proves it in check mode."""

    name: str
    text: str
    sha256: str
    proof: str
    attachments: list[Attachment] = Field(description="files that it brings: its tasks say files/<sha256>")
    by_policy: list[str] = Field(description="modules and arguments that only config/policy.yml allows")
    dangers: list[str] = Field(description="commands in it that destroy a host's data")
    problems: list[str] = Field(description="why the executor would refuse it")


class WhatIsAllowed(BaseModel):
    allowed: list[str]
    preferred: str
    reason: str


class Decided(BaseModel):
    by: str
    at: str | None = None
    reason: str = ""


class Detail(Summary):
    event: dict[str, Any]
    evidence: list[Evidence]
    attempts: list[ModelAttempt] = Field(description="every model that was asked about this event, in order")
    playbook: WhatRuns | None
    playbook_problem: str | None = Field(description="why approval would run nothing")
    policy: WhatIsAllowed | None
    decided: Decided | None
    raw: str = Field(description="the file's text, for editing")


class Approve(BaseModel):
    digest: Digest


class Reject(BaseModel):
    digest: Digest
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class Edit(BaseModel):
    digest: Digest
    text: Annotated[str, Field(min_length=1, max_length=MAX_PROPOSAL_BYTES)]


class Moved(BaseModel):
    """Where the proposal lies after a verb."""

    id: str
    digest: str
    folder: Folder


@router.get("/proposals")
async def proposals(
    room: TheRoom,
    who: Viewer,
    folder: Annotated[Folder, Query(description="one that holds files, such as pending")] = Folder.PENDING,
    node: Annotated[str | None, Query(max_length=128)] = None,
    q: Annotated[str | None, Query(max_length=200, description="in id, node, service, type or reason")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Cursor = None,
) -> ProposalPage:
    """What lies in one folder, oldest first. Runs (running, done, failed, interrupted) are under /runs."""
    if folder not in FILES:
        raise ApiError(422, "invalid", f"{folder} holds runs, not files: GET /api/v1/runs?folder={folder}")
    filed = await asyncio.to_thread(
        lambda: room.actions.pending() if folder is Folder.PENDING else room.actions.filed(folder)
    )
    wanted = [f for f in filed if node in (None, f.proposal.node) and _says(f.proposal, q)]
    page, following = page_after(wanted, cursor, limit, lambda f: f.name.file)
    seen = await occurrences_of(room.bus, [f.proposal.event.id or "" for f in page])
    items = [_summary(f, folder, times) for f, times in zip(page, seen, strict=True)]
    return ProposalPage(items=items, total=len(wanted), next=following)


@router.get("/proposals/{action_id}")
async def proposal(room: TheRoom, who: Viewer, action_id: ActionId) -> Detail:
    """All that a person needs for a yes or a no, wherever the proposal lies now."""
    found = await asyncio.to_thread(exactly, room, action_id)
    filed, raw = await asyncio.to_thread(_read, room, found)
    p = filed.proposal
    event_id = p.event.id or ""
    (times,) = await occurrences_of(room.bus, [event_id])
    try:
        attempts = await attempts_for(room.bus, event_id)
    except BusDown:
        attempts = []
    runs, problem = await asyncio.to_thread(_what_runs, room, p)
    return Detail(
        **_summary(filed, found.folder, times).model_dump(),
        event=p.event.model_dump(mode="json"),
        evidence=list(p.evidence),
        attempts=attempts,
        playbook=runs,
        playbook_problem=problem,
        policy=await asyncio.to_thread(_allowed, room, p),
        decided=await asyncio.to_thread(_decided, found),
        raw=raw.decode("utf-8", "replace"),
    )


@router.post("/proposals/{action_id}/approve")
async def approve(room: TheRoom, who: Operator, action_id: ActionId, body: Approve) -> Moved:
    """Yes: moves the file to approved/, exactly as `mend approve` and `mv` do. 409: somebody was faster."""
    await asyncio.to_thread(exactly, room, action_id)
    async with room.audit.deciding(who) as told:
        filed = await asyncio.to_thread(
            decisions.approve, room.actions, action_id, who.note, room.now(), digest=body.digest
        )
        await told.done("approve", filed.name, Folder.PENDING, Folder.APPROVED)
    return Moved(id=filed.name.id, digest=filed.name.digest, folder=Folder.APPROVED)


@router.post("/proposals/{action_id}/reject")
async def reject(room: TheRoom, who: Operator, action_id: ActionId, body: Reject) -> Moved:
    """No, and why: moves the file to rejected/."""
    if not body.reason.strip():
        raise ApiError(422, "invalid", "reason: wants a few words; whoever reads this next year has only them")
    await asyncio.to_thread(exactly, room, action_id)
    reason = " ".join(body.reason.split())
    async with room.audit.deciding(who) as told:
        filed = await asyncio.to_thread(decisions.reject, room.actions, action_id, reason, who.note, digest=body.digest)
        await told.done("reject", filed.name, Folder.PENDING, Folder.REJECTED, reason)
    return Moved(id=filed.name.id, digest=filed.name.digest, folder=Folder.REJECTED)


@router.post("/proposals/{action_id}/edit")
async def edit(room: TheRoom, who: Operator, action_id: ActionId, body: Edit) -> Moved:
    """A changed proposal in place of this one: same id, new digest; it still waits. Judged as the executor judges."""

    def do() -> tuple[ActionName, Folder]:
        exactly(room, action_id)
        old, folder = edits.find_editable(room.actions, action_id)
        decisions.check_digest(old, body.digest)
        name, _ = edits.edit(room.actions, old, folder, body.text.encode(), who.name, _policy(room))
        return name, folder

    async with room.audit.deciding(who) as told:
        name, folder = await asyncio.to_thread(do)
        await told.done("edit", name, folder, Folder.PENDING)
    return Moved(id=name.id, digest=name.digest, folder=Folder.PENDING)


@router.post("/proposals/{action_id}/retry")
async def retry(room: TheRoom, who: Operator, action_id: ActionId) -> Moved:
    """What failed, was interrupted or expired, as a new proposal with an id of its own; it waits for a yes."""
    await asyncio.to_thread(exactly, room, action_id)
    async with room.audit.deciding(who) as told:
        name, _ = await asyncio.to_thread(decisions.retry, room.actions, action_id, room.now())
        await told.done("retry", name, "", Folder.PENDING)
    return Moved(id=name.id, digest=name.digest, folder=Folder.PENDING)


def exactly(room: Room, action_id: str) -> LocatedProposal:
    """A program says the whole id: an abbreviation that fits today may fit another proposal tomorrow."""
    found = find_one(room.actions, action_id)
    if found.id != action_id:
        raise CannotDecide(Why.UNKNOWN, f"there is no proposal {action_id[:300]!r}")
    return found


def _read(room: Room, found: LocatedProposal) -> tuple[Filed, bytes]:
    file = found.path / "proposal.json" if found.path.is_dir() else found.path
    raw = read_regular(file, MAX_PROPOSAL_BYTES)
    p = room.actions.proposal_at(found.path)
    if raw is None or p is None:
        told = read_regular(found.path.with_name(found.path.name + REASON_SUFFIX), 4096)
        why = told.decode("utf-8", "replace").strip() if told else "it is no proposal that could be read"
        raise CannotDecide(Why.UNREADABLE, f"{found.id} lies in {found.folder}/: {why}")
    name = name_of(found.path.name) or ActionName(found.id, digest_of(raw))
    return Filed(name, found.path, p), raw


def _summary(filed: Filed, folder: Folder, times: int | None) -> Summary:
    p = filed.proposal
    return Summary(
        id=filed.name.id,
        digest=filed.name.digest,
        folder=folder,
        type=p.type,
        action=str(p.action),
        risk_level=p.risk_level,
        node=p.node,
        service=p.service,
        reason=p.reason,
        confidence=float(p.confidence),
        created_at=p.created_at,
        expires_at=p.expires_at,
        model=p.model,
        attempt=p.attempt,
        edited_by=p.edited_by,
        occurrences=times,
        severity=p.event.severity.value,
        trust=p.event.trust.value,
        event_type=p.event.type,
        event_id=p.event.id,
    )


def _says(p: Proposal, q: str | None) -> bool:
    if not q:
        return True
    return q.lower() in f"{p.id} {p.pair} {p.type} {p.event.type} {p.reason}".lower()


def _what_runs(room: Room, p: Proposal) -> tuple[WhatRuns | None, str | None]:
    try:
        made = playbook_for(p)
    except ValueError as error:
        return None, str(error)
    if not made.apply:
        return None, None
    name = p.playbook.name if p.playbook else p.type.value
    sha256 = hashlib.sha256(made.apply.encode()).hexdigest()
    lint = lint_proposal(p, _widened(room))
    return WhatRuns(
        name=name,
        text=made.apply,
        sha256=sha256,
        proof=made.converge,
        attachments=list(p.playbook.attachments) if p.playbook else [],
        by_policy=list(lint.by_policy),
        dangers=list(lint.dangers),
        problems=list(lint.problems),
    ), None


def _policy(room: Room) -> Policy:
    try:
        return Policy.load(room.policy_file)
    except BadPolicy as error:
        raise ApiError(409, "bad_policy", f"the policy cannot be used: {error}") from None


def _widened(room: Room) -> Widened:
    try:
        return _policy(room).widened
    except ApiError:  # what it would allow is not allowed then, and the findings say so
        return Widened()


def _allowed(room: Room, p: Proposal) -> WhatIsAllowed | None:
    try:
        allowed = _policy(room).allows(p.event)
    except ApiError:
        return None
    return WhatIsAllowed(
        allowed=sorted(action.value for action in allowed.actions),
        preferred=allowed.preferred.value,
        reason=allowed.reason,
    )


def _decided(found: LocatedProposal) -> Decided | None:
    """Who decided, out of the notes beside the file or in the run's folder."""
    if found.folder is Folder.PENDING:
        return None
    if found.path.is_dir():
        return Decided(by=approval_at(found.path / BY_FILE).by)
    if found.folder is Folder.APPROVED:
        return Decided(by=approval_at(found.path.with_name(found.path.name + BY_SUFFIX)).by)
    by, why = actor_and_reason(read_regular(found.path.with_name(found.path.name + REASON_SUFFIX), 4096) or b"")
    return Decided(by=by if found.folder is Folder.REJECTED else found.folder.value, reason=why)
