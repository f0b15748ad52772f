"""POST /proposals/{id}/...: a person's verbs: the very renames of `mend`. Each is written into the audit log first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator

from mesh_core.approvals import decisions, edits, undoing
from mesh_core.approvals.operator_folders import OperatorFolders
from mesh_core.approvals.previews import ask_preview
from mesh_core.approvals.proposal_files import ActionName
from mesh_core.models.proposals import MAX_PARAMS, MAX_PROPOSAL_BYTES, Folder, Proposal
from mesh_core.policy.rejection_rule import with_rule_named
from observer.web.dependencies import Context, Operator
from observer.web.errors import HttpProblem
from observer.web.lasting_rejection import put_rule
from observer.web.proposal_lookup import ActionId, Digest, find_exactly
from observer.web.what_runs import load_policy

router = APIRouter(tags=["proposals"])


class Approve(BaseModel):
    digest: Digest


class Reject(BaseModel):
    digest: Digest
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    rule: Digest | None = Field(
        None, description="never again: the digest of the rule as GET .../rejection-rule showed it for this reason"
    )


class Edit(BaseModel):
    """Either the whole file anew, or only values that its remedy leaves to a person."""

    digest: Digest
    text: Annotated[str, Field(min_length=1, max_length=MAX_PROPOSAL_BYTES)] | None = None
    params: dict[str, Annotated[str, Field(max_length=64)]] | None = Field(
        None, max_length=MAX_PARAMS, description="by the names that card.may_set says; the others stay as they are"
    )

    @model_validator(mode="after")
    def _says_one(self) -> Edit:
        if (self.text is None) is (self.params is None):
            raise ValueError("send either text, the whole proposal, or params, the values to set")
        return self


class DecisionResult(BaseModel):
    """Where the proposal lies after a verb."""

    id: str
    digest: str
    folder: Folder


@router.post("/proposals/{action_id}/approve")
async def approve(context: Context, user: Operator, action_id: ActionId, body: Approve) -> DecisionResult:
    """Yes: moves the file to approved/, exactly as `mend approve` and `mv` do. 409: somebody was faster."""
    await asyncio.to_thread(find_exactly, context, action_id)
    async with context.audit.deciding(user) as decision:
        filed = await asyncio.to_thread(
            decisions.approve, context.actions, action_id, user.note, context.now(), digest=body.digest
        )
        await decision.done("approve", filed.name, Folder.PENDING, Folder.APPROVED)
    return DecisionResult(id=filed.name.id, digest=filed.name.digest, folder=Folder.APPROVED)


@router.post("/proposals/{action_id}/reject")
async def reject(context: Context, user: Operator, action_id: ActionId, body: Reject) -> DecisionResult:
    """No, and why: moves the file to rejected/; with `rule` never again, by a rule in config/policy.yml."""
    if not body.reason.strip():
        raise HttpProblem(422, "invalid", "reason: wants a few words; whoever reads this next year has only them")
    found = await asyncio.to_thread(find_exactly, context, action_id)
    reason = " ".join(body.reason.split())
    async with context.audit.deciding(user) as decision:
        if body.rule is not None:
            rule = await asyncio.to_thread(put_rule, context, found, user.name, reason, body.digest, body.rule)
            reason = with_rule_named(reason, rule)
        filed = await asyncio.to_thread(
            decisions.reject, context.actions, action_id, reason, user.note, digest=body.digest
        )
        await decision.done("reject", filed.name, Folder.PENDING, Folder.REJECTED, reason)
    return DecisionResult(id=filed.name.id, digest=filed.name.digest, folder=Folder.REJECTED)


@router.post("/proposals/{action_id}/preview")
async def preview(context: Context, user: Operator, action_id: ActionId, body: Approve) -> DecisionResult:
    """What would this change there? An approved action of its own, in this person's name, which changes nothing; the
    answer is the id of that action. 409: it was edited, or somebody decided it."""
    await asyncio.to_thread(find_exactly, context, action_id)
    async with context.audit.deciding(user) as decision:
        _, asked = await asyncio.to_thread(
            ask_preview, context.actions, action_id, user.note, context.now(), digest=body.digest
        )
        await decision.done("approve", asked.name, Folder.PENDING, Folder.APPROVED, asked.proposal.reason)
    return DecisionResult(id=asked.name.id, digest=asked.name.digest, folder=Folder.APPROVED)


@router.post("/proposals/{action_id}/edit")
async def edit(context: Context, user: Operator, action_id: ActionId, body: Edit) -> DecisionResult:
    """A changed proposal in place of this one: same id, new digest; it still waits. Judged as the executor judges."""

    def do() -> tuple[ActionName, Folder]:
        find_exactly(context, action_id)
        old, folder = edits.find_editable(context.actions, action_id)
        decisions.check_digest(old, body.digest)
        put = (user.name, load_policy(context))
        if body.text is not None:
            name, _ = edits.edit(context.actions, old, folder, body.text.encode(), *put)
        else:
            name, _ = edits.set_params(context.actions, old, folder, body.params or {}, *put)
        return name, folder

    async with context.audit.deciding(user) as decision:
        name, folder = await asyncio.to_thread(do)
        await decision.done("edit", name, folder, Folder.PENDING)
    return DecisionResult(id=name.id, digest=name.digest, folder=Folder.PENDING)


@router.post("/proposals/{action_id}/retry")
async def retry(context: Context, user: Operator, action_id: ActionId) -> DecisionResult:
    """What failed, was interrupted or expired, as a new proposal with an id of its own; it waits for a yes."""
    return await _proposed(context, user, action_id, "retry", decisions.retry)


@router.post("/proposals/{action_id}/undo")
async def undo(context: Context, user: Operator, action_id: ActionId) -> DecisionResult:
    """What a run did is to be taken back: a new proposal with an id of its own; it waits for a yes."""
    return await _proposed(context, user, action_id, "undo", undoing.undo)


async def _proposed(
    context: Context,
    user: Operator,
    action_id: ActionId,
    verb: str,
    make: Callable[[OperatorFolders, str, datetime], tuple[ActionName, Proposal]],
) -> DecisionResult:
    """What that verb makes of an action: a new proposal, which waits."""
    await asyncio.to_thread(find_exactly, context, action_id)
    async with context.audit.deciding(user) as decision:
        name, _ = await asyncio.to_thread(make, context.actions, action_id, context.now())
        await decision.done(verb, name, "", Folder.PENDING)
    return DecisionResult(id=name.id, digest=name.digest, folder=Folder.PENDING)
