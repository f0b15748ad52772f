"""`mend preview`: ask the host in check mode what a proposal would change there. A person's verb: it is their approval
of just this question, which changes nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from mend.commands.decide import PendingId
from mend.context import CliContext
from mend.errors import DONE, FAILED, USAGE, CliError
from mend.options import AsJson
from mend.output.text import plain
from mend.requests.local_client import LocalRequestClient
from mend.requests.previews import preview_request
from mend.views.follow import follow
from mend.views.obstacles import APPROVED_HEADING, say_obstacles, surroundings
from mend.views.previews import is_good, line_of, preview_row, say_preview
from mesh_core.approvals.obstacles import obstacles_of
from mesh_core.approvals.previews import ask_preview, latest_preview
from mesh_core.approvals.proposal_files import short_id
from mesh_core.models.records import utc_now


def preview(
    ctx: typer.Context,
    action_id: PendingId = "",
    request: Annotated[
        str | None,
        typer.Option("--request", metavar="ID", help="All that waits of what was asked for with mend request."),
    ] = None,
    as_json: AsJson = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=1)] = 150,
) -> None:
    """Ask the host what a proposal would change: its very playbook in check mode, which changes nothing.

    The executor logs in for it, so it is an approved action of its own, of type preview, in your name. What it says
    holds for this digest: after an edit ask again. Exit status 1: it could not be asked, or more would change than the
    card says.

    \b
    Examples
      mend preview 3f9c2a7b1d04
      mend preview pi4/nginx && mend approve pi4/nginx
      mend preview --request req-0a1b2c3d4e5f      on each of its hosts
    """
    cli: CliContext = ctx.obj
    if bool(action_id) == bool(request):
        raise CliError("of what? Give an id, as in mend pending, or --request with that of a request", USAGE)
    if request:
        status, previews = preview_request(cli, LocalRequestClient(cli), request, timeout, quiet=as_json)
        if as_json:
            cli.say_json(previews)
    else:
        status = _preview_one(cli, action_id, timeout, as_json=as_json)
    raise typer.Exit(status)


def _preview_one(cli: CliContext, action_id: str, timeout: float, *, as_json: bool) -> int:
    """The exit status. CliError where nobody answered."""
    filed, asked = ask_preview(cli.actions, action_id, cli.user, utc_now())
    if not as_json:
        cli.say(f"asked what {filed.name.id} would change, as {asked.name.id}", "bold")
        say_obstacles(cli, obstacles_of(asked.proposal, surroundings(cli), utc_now()), APPROVED_HEADING)
    ended = follow(cli, asked.name.id, timeout, quiet=as_json)
    found = latest_preview(cli.actions, filed.proposal)
    if as_json:
        cli.say_json(preview_row(found, holds=True))
    elif found is None or found.said is None:
        raise CliError(f"no answer: {plain(line_of(found, holds=True)) if found else asked.name.id}", FAILED)
    else:
        say_preview(cli, found.said)
        cli.say(f"  next: mend approve {short_id(filed.name.id)}, or mend reject {short_id(filed.name.id)}", "dim")
    return DONE if ended == DONE and is_good(found) else FAILED
