"""GET /audit: who decided what, newest first. For operators; `mend audit verify` proves that nothing was changed."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mesh_core.storage.audit_log import AuditLine, BadLine, audit_path, read_line
from mesh_core.storage.tail import lines_backwards
from observer.web.dependencies import Context, Operator
from observer.web.errors import HttpProblem

router = APIRouter(tags=["audit"])

MOST_READ_BYTES = 4 * 1024 * 1024  # a page may end before it is full: `next` goes on from there


class AuditPage(BaseModel):
    items: list[AuditLine]
    next: int | None = Field(description="`cursor` of the page after this one; a page may be short or empty before it")


@router.get("/audit")
async def audit(
    context: Context,
    user: Operator,
    name: Annotated[str | None, Query(max_length=160, description="only what this person did")] = None,
    what: Annotated[str | None, Query(max_length=40, description="only this, such as approve or login_failed")] = None,
    action_id: Annotated[str | None, Query(max_length=260)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[int | None, Query(ge=0, description="`next` of the page before")] = None,
) -> AuditPage:
    """Decisions, what came of them, and who signed in. Lines that were tampered with are left out here."""

    def fits(line: AuditLine) -> bool:
        return name in (None, line.who) and what in (None, line.what) and action_id in (None, line.action_id)

    def read() -> AuditPage:
        items: list[AuditLine] = []
        first = at = None
        for at, raw in lines_backwards(audit_path(context.runtime), cursor):
            first = first or at + len(raw)
            try:
                line = read_line(raw.rstrip(b"\n"))
            except BadLine:
                continue
            if fits(line):
                items.append(line)
            if len(items) >= limit or first - at > MOST_READ_BYTES:
                break
        return AuditPage(items=items, next=at or None)

    try:
        return await asyncio.to_thread(read)
    except (OSError, ValueError) as error:
        raise HttpProblem(503, "audit_unreadable", f"the audit log cannot be read: {error}") from None
