"""/silences: where nothing is proposed for a while, and a person's verbs about it; the same files as `mend` writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self, TypeVar

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field, model_validator

from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.approvals.proposal_files import Filed
from mesh_core.models.proposals import Folder
from mesh_core.models.records import Timestamp, parse_time
from mesh_core.silences import commands as silencing
from mesh_core.silences.commands import BadSilence, SilenceRequest
from mesh_core.silences.folder import SilenceFolder
from mesh_core.silences.put_aside import end_for_people
from mesh_core.silences.silence import MAX_DAYS, MAX_REASON, Silence, SilenceKind
from observer.web.dependencies import Context, Operator, Viewer
from observer.web.errors import HttpProblem
from observer.web.proposal_lookup import ActionId, Digest, find_exactly

router = APIRouter(tags=["silences"])

MOST_ENDED = 200
T = TypeVar("T")
SilenceId = Annotated[str, PathParameter(max_length=64, description="the silence's whole id")]
Reason = Annotated[str, Field(max_length=MAX_REASON)]


class SilenceOut(BaseModel):
    """One silence. `service` null: of a maintenance everything on the node, else the node itself."""

    id: str
    kind: SilenceKind
    node: str
    service: str | None
    type: str | None
    subject: str | None = Field(description="of a snooze: the incident's subject that it is about, and nothing else")
    starts_at: str
    ends_at: str
    reason: str
    by: str
    created_at: str
    active: bool = Field(description="it holds now; false: it has not begun, or is over")
    ended: str | None = Field(description="why it is over, if it ended before its time; '' if just by the clock")
    proposals: list[str] = Field(description="what was put aside with it, by id")


class SilencePage(BaseModel):
    items: list[SilenceOut]


class HowLong(BaseModel):
    """One of the two."""

    seconds: Annotated[int, Field(ge=1, le=MAX_DAYS * 86400)] | None = None
    until: Timestamp | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.seconds is None) == (self.until is None):
            raise ValueError("give either seconds or until")
        return self


class NewSilence(HowLong):
    """`node`, `service` and `type` of a maintenance may be patterns with * and ?; an acknowledgement is exact."""

    kind: Literal[SilenceKind.MAINTENANCE, SilenceKind.ACKNOWLEDGE]
    node: Annotated[str, Field(max_length=128)]
    service: Annotated[str, Field(max_length=128)] | None = None
    type: Annotated[str, Field(max_length=64)] | None = None
    starts_at: Timestamp | None = None
    reason: Reason = ""
    reject: bool = Field(False, description="of an acknowledgement: put aside what waits for that place, too")


class Snooze(HowLong):
    digest: Digest
    reason: Reason = ""


class Silenced(BaseModel):
    """What was written, what was put aside with it, and what goes on because a person had approved it before."""

    silence: SilenceOut
    put_aside: list[str]
    going_on: list[str]


class Snoozed(BaseModel):
    """Where the proposal lies now, and until when its place is silent."""

    id: str
    digest: str
    folder: Folder
    silence: SilenceOut


@router.get("/silences")
async def silences(
    context: Context, user: Viewer, ended: Annotated[bool, Query(description="also those that are over")] = False
) -> SilencePage:
    """What holds now and what will, the next to end first; then, if asked for, what is over, the newest first."""
    return await asyncio.to_thread(_page, context.silences, context.now(), ended)


@router.post("/silences", status_code=201)
async def silence(context: Context, user: Operator, body: NewSilence) -> Silenced:
    """From now on (or from `starts_at`) nothing is proposed there. What is approved already goes on."""
    now = context.now()
    begins = parse_time(body.starts_at) if body.starts_at else None
    request = SilenceRequest(
        node=body.node,
        service=body.service,
        type=body.type,
        ends=_end(body, begins or now),
        begins=begins,
        actor=user.note,
        reason=body.reason,
    )

    def do() -> Silenced:
        if body.kind is SilenceKind.MAINTENANCE:
            made = silencing.maintain(context.silences, request, now)
        else:
            made = silencing.acknowledge(context.silences, context.actions, request, now, reject=body.reject)
        put_aside = [filed.name.id for filed in made.aside]
        goes_on = [filed.name.id for filed in silencing.in_progress(context.actions, made.silence)]
        return Silenced(silence=_out(made.silence, now), put_aside=put_aside, going_on=goes_on)

    async with context.audit.deciding(user):  # what it came to is written by the watch over the silences
        return await _asked(do)


@router.delete("/silences/{silence_id}")
async def unsilence(context: Context, user: Operator, silence_id: SilenceId) -> SilenceOut:
    """Over before its time. What is still open is announced within a minute and proposed then."""

    def do() -> SilenceOut:
        if not any(known.id == silence_id for known in (*context.silences.current(), *context.silences.ended())):
            raise CannotDecide(RefusalReason.UNKNOWN, f"there is no silence {silence_id!r}")
        made = silencing.unsilence(context.silences, silence_id, user.note)
        return _out(made, context.now(), context.silences.end_reason(made.id))

    async with context.audit.deciding(user):
        return await asyncio.to_thread(do)


@router.post("/proposals/{action_id}/snooze")
async def snooze(context: Context, user: Operator, action_id: ActionId, body: Snooze) -> Snoozed:
    """Not now: to rejected/, and nothing is proposed for its place until the end; then it is proposed anew."""
    now = context.now()

    def do() -> tuple[Filed, Silence]:
        find_exactly(context, action_id)
        return silencing.snooze(
            context.silences,
            context.actions,
            action_id,
            _end(body, now),
            user.note,
            now,
            reason=body.reason,
            digest=body.digest,
        )

    async with context.audit.deciding(user) as decision:
        filed, made = await _asked(do)
        words = f"snoozed until {end_for_people(made)}" + (f": {made.reason}" if made.reason else "")
        await decision.done("snooze", filed.name, Folder.PENDING, Folder.REJECTED, words)
    return Snoozed(id=filed.name.id, digest=filed.name.digest, folder=Folder.REJECTED, silence=_out(made, now))


def _page(folder: SilenceFolder, now: datetime, ended: bool) -> SilencePage:
    current = sorted(folder.current(), key=lambda s: (s.over(now), s.ends_at))
    items = [_out(s, now) for s in current if ended or not s.over(now)]
    if ended:
        over = sorted(folder.ended(), key=lambda s: s.ends_at, reverse=True)[:MOST_ENDED]
        items += [_out(s, now, folder.end_reason(s.id)) for s in over]
    return SilencePage(items=items)


def _out(silence: Silence, now: datetime, ended: str | None = None) -> SilenceOut:
    over = "" if silence.over(now) else None
    return SilenceOut(
        **silence.model_dump(exclude={"schema_version", "put_aside"}),
        active=ended is None and silence.active(now),
        ended=over if ended is None else ended,
        proposals=sorted(silence.put_aside.values()),
    )


def _end(body: HowLong, begins: datetime) -> datetime:
    return parse_time(body.until) if body.until else begins + timedelta(seconds=body.seconds or 0)


async def _asked(do: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(do)
    except BadSilence as error:
        raise HttpProblem(422, "invalid", str(error)) from None
