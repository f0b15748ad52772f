"""`mend pending`: what is wrong and waits for a person. Reads files; asks Redis how often it came, and how it is."""

from __future__ import annotations

import typer

from mend.context import CliContext
from mend.options import AsJson
from mend.output.text import plain
from mend.views.active_silences import say_silences
from mend.views.held import say_held


def pending(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the proposals that wait for a yes or a no: what is wrong, what would run, and what stands against a yes.

    \b
    Examples
      mend pending
      mend pending --json | jq -r '.[].id'
      mend show 3f9c2a7b1d04       then decide with mend approve or mend reject
    """
    cli: CliContext = ctx.obj
    if waiting := cli.actions.pending():
        from mend.views.waiting import say_waiting  # as long as all the rest, and the help and a quiet mesh need none

        say_waiting(cli, waiting, as_json=as_json)
    elif as_json:
        cli.say_json([])
    else:
        from mesh_core.models.proposals import Folder

        cli.say(f"Nothing waits for you in {plain(cli.actions.folder(Folder.PENDING))}.")
    if not as_json:
        for told in cli.actions.renamed():
            cli.say(plain(told), "yellow")
        say_silences(cli)
        say_held(cli)
