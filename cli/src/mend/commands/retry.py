"""`mend retry`: a person wants a failed, interrupted or expired action (again): a new proposal, attempt n + 1, own id.

Nothing is ever run twice under one id, and the old run keeps its folder.
"""

from __future__ import annotations

from typing import Annotated

import typer

from mend.commands.decide import approve_one
from mend.complete import complete_failed
from mend.context import CliContext
from mesh_core.approvals import decisions
from mesh_core.approvals.proposal_files import short_id
from mesh_core.models.records import utc_now


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
    cli: CliContext = ctx.obj
    name, again = decisions.retry(cli.actions, action_id, utc_now())
    cli.say(f"proposed again: {name.id} (attempt {again.attempt})", "bold")
    if approve:
        approve_one(cli, name.id)
    else:
        cli.say(f"  next: mend show {short_id(name.id)}, then mend approve {short_id(name.id)}", "dim")
