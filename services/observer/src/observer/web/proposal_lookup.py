"""A proposal by its whole id, as routes take it. Moves nothing."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path as PathParameter
from pydantic import Field

from mesh_core.approvals.decisions import LocatedProposal, find_one
from mesh_core.approvals.errors import CannotDecide, RefusalReason
from observer.web.app_context import AppContext

ActionId = Annotated[str, PathParameter(max_length=260, description="the proposal's whole id")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="of the bytes that were looked at")]


def find_exactly(context: AppContext, action_id: str) -> LocatedProposal:
    """A program says the whole id: an abbreviation that fits today may fit another proposal tomorrow."""
    found = find_one(context.actions, action_id)
    if found.id != action_id:
        raise CannotDecide(RefusalReason.UNKNOWN, f"there is no proposal {action_id[:300]!r}")
    return found
