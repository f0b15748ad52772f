"""`mend retry`: a person wants a failed, interrupted or expired action (again): a new proposal, attempt n + 1, own id.

Nothing is ever run twice under one id, and the old run keeps its folder.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from mend.commands.decide import approve_one
from mend.complete import complete_failed
from mend.desk import Desk
from mend.lookup import find_one
from mend.sorry import NOT_THERE, Sorry
from mend.words import now, plain, seconds_between, short_id
from mesh_core.action_files import Folder
from mesh_core.records import Proposal, proposal_id, rfc3339

AGAIN = (Folder.FAILED, Folder.INTERRUPTED, Folder.EXPIRED)
SHORTEST_SECONDS = 60.0


def retry(
    ctx: typer.Context,
    action_id: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="What lies in failed/, interrupted/ or expired/.", autocompletion=complete_failed
        ),
    ],
    approve: Annotated[bool, typer.Option("--approve", help="Say yes to it at once, too.")] = False,
) -> None:
    """Propose a failed, interrupted or expired action once more.

    \b
    Examples
      mend retry 3f9c2a7b1d04              then look at it and approve
      mend retry 3f9c2a7b1d04 --approve    both at once
    """
    desk: Desk = ctx.obj
    found = find_one(desk.actions, action_id)
    if found.folder not in AGAIN:
        raise Sorry(
            f"{plain(found.id)} lies in {found.folder}/; "
            "only what failed, was interrupted or expired can be tried again",
            NOT_THERE,
        )
    old = desk.actions.proposal_at(found.path)
    if old is None:
        raise Sorry(f"{plain(found.path)} holds no proposal that could be read")
    again = next_attempt(old)
    if places := desk.actions.find(again.id):
        raise Sorry(f"attempt {again.attempt} is there already: {again.id} lies in {places[0][0]}/", NOT_THERE)
    name = desk.actions.propose_again(again)
    if name is None:
        raise Sorry(f"attempt {again.attempt} is there already: {again.id}", NOT_THERE)
    desk.say(f"proposed again: {name.id} (attempt {again.attempt})", "bold")
    if approve:
        approve_one(desk, name.id)
    else:
        desk.say(f"  next: mend show {short_id(name.id)}, then mend approve {short_id(name.id)}", "dim")


def next_attempt(old: Proposal) -> Proposal:
    """The same action as a new proposal: fresh times (it lives as long as the old one did), attempt n + 1."""
    attempt = old.attempt + 1
    lifetime = max(seconds_between(old.created_at, old.expires_at), SHORTEST_SECONDS)
    moment = now()
    return old.model_copy(
        update={
            "id": proposal_id(f"{old.event.id}#{attempt}", old.node, old.service),
            "attempt": attempt,
            "created_at": rfc3339(moment),
            "expires_at": rfc3339(moment + timedelta(seconds=lifetime)),
        }
    )
