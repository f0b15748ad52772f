"""`mend approve` and `mend reject`: a person's yes and no. Each is one rename; neither needs Redis."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from mend.complete import complete_pending
from mend.context import CliContext
from mend.errors import DONE, USAGE, CliError, cli_error_for, no_request
from mend.output.text import plain
from mend.views.follow import follow
from mend.views.obstacles import APPROVED_HEADING, say_obstacles, surroundings
from mend.views.playbook_findings import say_dangers
from mesh_core.actions.register import action_type
from mesh_core.approvals import decisions
from mesh_core.approvals.errors import CannotDecide
from mesh_core.approvals.obstacles import obstacles_of
from mesh_core.approvals.proposal_files import Filed, short_id
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.models.records import utc_now
from mesh_core.policy.proposed_playbook.proposal_lint import lint_by_current_policy

PendingId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The id, its beginning, the 12 hex at its end, the file's name, or NODE/SERVICE.",
        autocompletion=complete_pending,
    ),
]
PendingIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID...", help="One or more ids, as in mend pending.", autocompletion=complete_pending),
]


def approve(
    ctx: typer.Context,
    action_ids: PendingIds = None,
    request: Annotated[
        str | None,
        typer.Option("--request", metavar="ID", help="All that waits of what was asked for with mend request."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow until it is done or failed, and exit accordingly.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="With --wait: seconds to follow at most.", min=1)] = 900,
) -> None:
    """Say yes: move proposals to approved/, where the executor takes them.

    The same as mv of the file, and it works while Redis is down.

    \b
    Examples
      mend approve 3f9c2a7b1d04
      mend approve 3f9c2a7b1d04 --wait && echo repaired
      mend approve --request req-0a1b2c3d4e5f      on each of its hosts
    """
    cli: CliContext = ctx.obj
    if not action_ids and not request:
        raise CliError("which one? Give its id, as in mend pending, or --request with that of a request", USAGE)
    approved, worst = _approve_all(cli, [*(action_ids or ()), *(_of_request(cli, request) if request else ())])
    if wait and approved:
        deadline = time.monotonic() + timeout
        for filed in approved:
            worst = max(worst, follow(cli, filed.name.id, deadline - time.monotonic()))
    elif approved:
        cli.say(
            f"The executor runs what is in approved/ as soon as it sees it. Follow with: mend approve ID --wait, "
            f"mend watch, mend show {short_id(approved[0].name.id)}",
            "dim",
        )
    raise typer.Exit(worst)


def _approve_all(cli: CliContext, queries: Sequence[str]) -> tuple[list[Filed], int]:
    """Those that could be, and the worst exit status of the others: one bad id must not hold back the good ones."""
    worst, approved = DONE, []
    for query in queries:
        try:
            approved.append(approve_one(cli, query))
        except CannotDecide as no:
            failure = cli_error_for(no)
            cli.err.print(f"mend: {failure.sentence}", style="red", soft_wrap=True)
            worst = max(worst, failure.code)
    return approved, worst


def _of_request(cli: CliContext, own_id: str) -> list[str]:
    """The ids of its proposals that wait. CliError where there are none."""
    status = RequestFolder(cli.mesh).get(own_id)
    if status is None:
        raise no_request(own_id)
    try:
        return [one.action_id for one in decisions.waiting_of(cli.actions, status)]
    except CannotDecide as no:
        raise cli_error_for(no) from None


def approve_one(cli: CliContext, query: str) -> Filed:
    """The rename, and a line that says what happens next. CannotDecide when it cannot or should not be."""
    filed = decisions.approve(cli.actions, query, cli.user, utc_now())
    p = filed.proposal
    cli.say(f"approved {filed.name.id}", "bold green")
    cli.say(f"  next: {action_type(p.type).after_approval} {plain(p.target_key).rstrip('/')}; approved by {cli.user}")
    say_dangers(cli, lint_by_current_policy(cli.runtime, p))
    say_obstacles(cli, obstacles_of(p, surroundings(cli), utc_now()), APPROVED_HEADING)
    return filed


def reject(
    ctx: typer.Context,
    action_id: PendingId,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Why not; kept beside the file for whoever asks later.")
    ],
    always: Annotated[
        bool,
        typer.Option(
            "--always", help="And never again there: a rule in config/policy.yml, shown before it is written."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --always: write the rule without asking.")] = False,
) -> None:
    """Say no, and why: move a proposal to rejected/.

    With --always such trouble of that service on that node is only told from then on (where only a notification was
    proposed: no more). To take that back, take the rule out of config/policy.yml.

    \b
    Examples
      mend reject 3f9c2a7b1d04 --reason "backup is running until 04:00"
      mend reject 3f9c2a7b1d04 --reason "it restarts itself" --always
    """
    cli: CliContext = ctx.obj
    if not reason.strip():
        raise CliError("--reason wants a few words: whoever reads this next year has only them", USAGE)
    said, rule = plain(reason, 1800), ""
    if always:
        from mend.policies.lasting_rejection import put_rule

        rule, said = put_rule(cli, action_id, said, ask=not yes)
    filed = decisions.reject(cli.actions, action_id, said, cli.user)
    cli.say(f"rejected {filed.name.id}", "bold")
    if rule:
        cli.say(f"  nothing runs. It is not proposed there again while the rule {rule} stands in config/policy.yml.")
    else:
        cli.say("  nothing runs. A new event after the cooldown may lead to a new proposal.")
