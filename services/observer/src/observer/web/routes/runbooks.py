"""GET /runbooks: what is documented for a trouble, by the name of an alert or by words."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mesh_core.runbooks.index import Match
from observer.web.dependencies import Context, Viewer

router = APIRouter(tags=["runbooks"])


class FoundRunbook(BaseModel):
    """One runbook."""

    id: str
    whose: Literal["shipped", "own"] = Field(description="own: a file of config/runbooks")
    title: str
    alerts: list[str] = Field(description="names of alerts and types of events that it is for; * is any part of one")
    means: str
    look: str = Field(description="what to look at first")
    helps: list[str] = Field(description="what of the mesh's actions can help; empty: a person does")
    useless: list[str] = Field(description="what of them cannot")
    not_when: str
    sources: list[str] = Field(description="where that stands")
    found_by: Literal["name", "words"]


class FoundRunbooks(BaseModel):
    """The best first."""

    items: list[FoundRunbook]
    problems: list[str] = Field(description="files of config/runbooks that cannot be used, and why")


@router.get("/runbooks")
def runbooks(
    context: Context,
    user: Viewer,
    q: Annotated[str, Query(min_length=1, max_length=400, description="the name of an alert, or words")],
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> FoundRunbooks:
    """What is documented for it."""
    context.config.remedies.use()  # what helps may be a person's own
    folder = context.config.runbooks
    found = folder.index().search(q, limit)
    return FoundRunbooks(items=[_found(match) for match in found], problems=[*folder.refused.values()])


def _found(match: Match) -> FoundRunbook:
    one = match.runbook
    return FoundRunbook(
        **one.model_dump(include={"id", "title", "alerts", "means", "look", "helps", "useless", "not_when", "sources"}),
        whose="own" if one.own else "shipped",
        found_by="words" if match.score else "name",
    )
