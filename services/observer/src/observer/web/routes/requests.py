"""/requests: what is asked for in words, what is asked back, and where each of them stands.

Says only what planners wrote, and puts a person's words into the stream that planners read; it proposes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from mesh_core.approvals import decisions
from mesh_core.approvals.errors import CannotDecide
from mesh_core.approvals.previews import ask_preview
from mesh_core.models.proposals import MAX_ATTACHMENTS, Folder, ModelRef, Playbook, Risk
from mesh_core.models.requests import (
    MAX_ANSWERS,
    MAX_HOSTS,
    MAX_TEXT,
    MAX_VARIABLES,
    MODEL_TEMPERATURE,
    MODEL_TOKENS,
    OpenQuestion,
    RequestedFile,
    RequestedProposal,
    RequestState,
    RequestStatus,
)
from mesh_core.models.run_options import Layout, SshLogin, Verify
from observer.auth.person import Person
from observer.web.app_context import AppContext
from observer.web.cursors import Cursor, page_after
from observer.web.dependencies import Context, Operator, Viewer
from observer.web.errors import HttpProblem
from observer.web.request_bundle import joined_bundle
from observer.web.request_entry import DeadLetterRoute, enter, enter_new, with_inventory
from observer.web.request_output import request_output
from observer.web.sse import event_stream

router = APIRouter(tags=["requests"])
asking = APIRouter(route_class=DeadLetterRoute)

RequestPath = Annotated[str, PathParameter(max_length=64, description="the request's whole id")]


Names = Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=MAX_HOSTS)]


class NewRequest(BaseModel):
    """What should be, and where; the hosts are names or groups of config/inventory.yml, or in `inventory`."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    hosts: Names = []
    inventory: Annotated[str, Field(description="a,b or an inventory in INI, YAML or JSON; it only names hosts")] = ""
    limit: Names = []
    name: Annotated[str, Field(max_length=128)] | None = None
    extra_vars: Annotated[dict[str, Any], Field(max_length=MAX_VARIABLES)] = {}
    model: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="the one model of the chain that may write tasks where no recipe knows the words"
    )
    max_tokens: Annotated[int, Field(ge=64, le=4096)] | None = Field(None, description="of its answers; null: 256")
    temperature: Annotated[float, Field(ge=0, le=1)] | None = Field(None, description="of its answers; null: 0.5")
    files: Annotated[list[RequestedFile], Field(max_length=MAX_ATTACHMENTS)] = []
    layout: Layout = Layout.PLAYBOOK
    role_name: str | None = None
    role_hosts: Names = []
    tags: Names = []
    verify: Verify = Verify.ALL
    user: str | None = None
    ssh_key: Annotated[str | None, Field(description="the name of a key in the executor's folder of keys")] = None
    logins: Annotated[dict[str, SshLogin], Field(max_length=MAX_HOSTS)] = {}


class Answers(BaseModel):
    """By the slot of each question."""

    model_config = ConfigDict(extra="forbid")
    answers: Annotated[dict[str, str], Field(min_length=1, max_length=MAX_ANSWERS)]


class Accepted(BaseModel):
    """It lies in its stream. `state` is null until a planner has read it; `href` tells when it has."""

    id: str
    state: RequestState | None
    href: str


class RequestedProposalOut(BaseModel):
    """`folder` is where the proposal is now; null for one that is gone."""

    host: str
    action_id: str
    folder: Folder | None


class AskedPreview(BaseModel):
    """`preview` is the id of the action that asks the host; null where it cannot be asked, and `problem` says why."""

    host: str
    action_id: str
    preview: str | None
    problem: str


class AskedPreviews(BaseModel):
    """One for each proposal that waits."""

    items: list[AskedPreview]


class RequestOut(BaseModel):
    """One request. `state` null: no planner has read it yet, and no more than its id is known here."""

    id: str
    state: RequestState | None
    ts: str = ""
    by: str = ""
    text: str = ""
    hosts: list[str] = []
    limit: list[str] = []
    name: str | None = None
    extra_vars: dict[str, Any] = {}
    layout: Layout = Layout.PLAYBOOK
    role_name: str | None = None
    role_hosts: list[str] = []
    tags: list[str] = []
    verify: Verify = Verify.ALL
    user: str | None = None
    ssh_key: str | None = None
    logins: dict[str, SshLogin] = {}
    model: str | None = None
    max_tokens: int = MODEL_TOKENS
    temperature: float = MODEL_TEMPERATURE
    reason: str = Field("", description="why it is refused or cancelled, or a model is asked")
    questions: list[OpenQuestion] = Field([], description="what has to be answered; choices empty: any value that fits")
    answers: dict[str, str] = {}
    proposals: list[RequestedProposalOut] = []
    recipes: list[str] = []
    playbook: Playbook | None = Field(None, description="of one that was only to be checked; nothing is filed of it")
    risk: Risk | None = None
    syntax_checked: bool = Field(False, description="an executor said that Ansible can read its playbook")
    written_by: ModelRef | None = Field(
        None, description="the model that wrote the tasks; null: recipes read the words"
    )
    updated_at: str | None = None


class RequestPage(BaseModel):
    items: list[RequestOut]
    next: str | None


@asking.post("/requests", status_code=202)
async def request(context: Context, user: Operator, body: NewRequest) -> Accepted:
    """Ask for something: for each host a proposal will wait for a yes, or something is asked back."""
    said = with_inventory(body.model_dump(exclude_none=True, exclude={"inventory"}), body.inventory)
    return _accepted(await enter_new(context, user, said), None)


router.include_router(asking)


@router.get("/requests")
async def requests(
    context: Context,
    user: Viewer,
    state: RequestState | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> RequestPage:
    """What planners have read, the newest first."""
    known = await asyncio.to_thread(context.requests.all)
    wanted = [status for status in known if state in (None, status.state)]
    page, following = page_after(wanted, cursor, limit, lambda status: status.request.id)
    items = await asyncio.to_thread(_out, context, page)
    return RequestPage(items=items, next=following)


@router.get("/requests/{own_id}")
async def one_request(context: Context, user: Viewer, own_id: RequestPath) -> RequestOut:
    """Where it stands. 404: there is none of this id."""
    status = await asyncio.to_thread(context.requests.get, own_id)
    if status is not None:
        return (await asyncio.to_thread(_out, context, [status]))[0]
    if await context.bus.call("EXISTS", f"mesh:once:request:{own_id}"):
        return RequestOut(id=own_id, state=None)
    raise _unknown(own_id)


@router.post("/requests/{own_id}/answer", status_code=202)
async def answer(context: Context, user: Operator, own_id: RequestPath, body: Answers) -> Accepted:
    """Answer what it asks. 409: it asks nothing (any more)."""
    status = await asyncio.to_thread(_open, context, own_id, RequestState.ASKS)
    slots = [question.slot for question in status.questions]
    if unknown := next((slot for slot in body.answers if slot not in slots), None):
        raise HttpProblem(422, "invalid", f"answers: {unknown[:64]!r} is not asked; it asks for {', '.join(slots)}")
    await enter(context, user, {"request": own_id, "answers": body.answers})
    return _accepted(own_id, status.state)


@router.post("/requests/{own_id}/cancel", status_code=202)
async def cancel(context: Context, user: Operator, own_id: RequestPath) -> Accepted:
    """It is not wanted any more. 409: nothing of it is open but its proposals, which are rejected one by one."""
    status = await asyncio.to_thread(_open, context, own_id, RequestState.ASKS, RequestState.WRITING)
    await enter(context, user, {"request": own_id, "cancel": True})
    return _accepted(own_id, status.state)


@router.post("/requests/{own_id}/preview")
async def preview(context: Context, user: Operator, own_id: RequestPath) -> AskedPreviews:
    """What would each of its proposals that wait change? Approved actions of their own, in this person's name, which
    change nothing. 409: none waits."""
    status = await asyncio.to_thread(_known, context, own_id)
    waiting = await asyncio.to_thread(decisions.waiting_of, context.actions, status)
    return AskedPreviews(items=[await _preview(context, user, one) for one in waiting])


@router.get("/requests/{own_id}/output", response_class=StreamingResponse)
async def output(context: Context, user: Viewer, own_id: RequestPath) -> StreamingResponse:
    """What Ansible says in its runs, from their first line on, as server-sent events; it ends once all have ended.

    `output` is `{host, action_id, stage, line}`; `ended` is `{host, action_id, folder}`, once for each host.
    """
    status = await asyncio.to_thread(_known, context, own_id)
    return event_stream(request_output(context.sse, context.actions, status))


@router.get("/requests/{own_id}/bundle.zip", response_class=Response)
async def bundle(context: Context, user: Viewer, own_id: RequestPath) -> Response:
    """The evidence of its runs in one zip, a folder for each host. 404: none of them has ended."""
    status = await asyncio.to_thread(_known, context, own_id)
    whole = await asyncio.to_thread(joined_bundle, context.actions, status)
    if whole is None:
        raise HttpProblem(404, "unknown", f"{own_id} has no bundle (yet, or no more: ACTIONS_KEEP_DAYS)")
    named = {"Content-Disposition": f'attachment; filename="{own_id}.zip"'}
    return Response(whole, media_type="application/zip", headers=named)


async def _preview(context: AppContext, user: Person, one: RequestedProposal) -> AskedPreview:
    async with context.audit.deciding(user) as decision:
        try:
            _, asked = await asyncio.to_thread(ask_preview, context.actions, one.action_id, user.note, context.now())
        except CannotDecide as no:  # one that cannot be asked must not hold back the others
            return AskedPreview(host=one.host, action_id=one.action_id, preview=None, problem=no.sentence)
        await decision.done("approve", asked.name, Folder.PENDING, Folder.APPROVED, asked.proposal.reason)
    return AskedPreview(host=one.host, action_id=one.action_id, preview=asked.name.id, problem="")


def _known(context: AppContext, own_id: str) -> RequestStatus:
    status = context.requests.get(own_id)
    if status is None:
        raise _unknown(own_id)
    return status


def _open(context: AppContext, own_id: str, *states: RequestState) -> RequestStatus:
    status = _known(context, own_id)
    if status.state not in states:
        raise HttpProblem(409, "decided", f"{own_id} asks nothing: it is {status.state}")
    return status


def _unknown(own_id: str) -> HttpProblem:
    return HttpProblem(404, "unknown", f"there is no request {own_id[:64]!r}")


def _accepted(own_id: str, state: RequestState | None) -> Accepted:
    return Accepted(id=own_id, state=state, href=f"/api/v1/requests/{own_id}")


_NOT_SHOWN = {"schema_version", "request", "entry", "answered_by", "proposals", "questions", "written"}


def _out(context: AppContext, statuses: Sequence[RequestStatus]) -> list[RequestOut]:
    places = context.actions.places_of({one.action_id for status in statuses for one in status.proposals})
    return [_one_out(status, places) for status in statuses]


def _one_out(status: RequestStatus, places: Mapping[str, Folder]) -> RequestOut:
    asked = status.request.model_dump(exclude={"schema_version", "files"})
    stands = status.model_dump(exclude=_NOT_SHOWN)
    proposals = [
        RequestedProposalOut(host=one.host, action_id=one.action_id, folder=places.get(one.action_id))
        for one in status.proposals
    ]
    return RequestOut(**asked, **stands, questions=list(status.questions), proposals=proposals)
