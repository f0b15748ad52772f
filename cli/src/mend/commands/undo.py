"""`mend undo`: a person wants what a run did to be taken back: a new proposal, with an id of its own, that waits for a
yes like any other."""

from __future__ import annotations

from typing import Annotated

import typer

from mend.complete import complete_run
from mend.context import CliContext
from mend.output.text import plain
from mesh_core.actions.register import what_it_touches
from mesh_core.approvals import undoing
from mesh_core.approvals.proposal_files import short_id
from mesh_core.models.records import utc_now


def undo(
    ctx: typer.Context,
    action_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="What lies in done/, failed/ or interrupted/.", autocompletion=complete_run),
    ],
) -> None:
    """Propose to take back what an action did, where its remedy says how.

    \b
    Examples
      mend undo 3f9c2a7b1d04               then look at it and approve
    """
    cli: CliContext = ctx.obj
    name, made = undoing.undo(cli.actions, action_id, utc_now())
    cli.say(f"proposed: {name.id}", "bold")
    cli.say(f"  {plain(what_it_touches(made))}")
    cli.say(f"  next: mend show {short_id(name.id)}, then mend approve {short_id(name.id)}", "dim")
