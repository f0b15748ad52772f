"""`mend approve` and `mend reject`: a person's yes and no. Each is one rename; neither needs Redis."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from mend.complete import complete_pending
from mend.desk import Desk
from mend.follow import follow
from mend.lookup import find_one, find_pending
from mend.sorry import DONE, FAILED, NOT_THERE, USAGE, Sorry
from mend.words import now, plain, short_id
from mesh_core.action_files import Filed, Folder, name_of

PendingId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The id, its beginning, the 12 hex at its end, or the file's name.",
        autocompletion=complete_pending,
    ),
]
PendingIds = Annotated[
    list[str],
    typer.Argument(metavar="ID...", help="One or more ids, as in mend pending.", autocompletion=complete_pending),
]


def approve(
    ctx: typer.Context,
    action_ids: PendingIds,
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
    """
    desk: Desk = ctx.obj
    worst, approved = DONE, []
    for said in action_ids:
        try:
            approved.append(approve_one(desk, said))
        except Sorry as sorry:  # one bad id must not hold back the good ones
            desk.err.print(f"mend: {sorry.sentence}", style="red", soft_wrap=True)
            worst = max(worst, sorry.code)
    if wait and approved:
        deadline = time.monotonic() + timeout
        for filed in approved:
            worst = max(worst, follow(desk, filed.name.id, deadline - time.monotonic()))
    elif approved:
        desk.say(
            f"The executor runs what is in approved/ as soon as it sees it. Follow with: mend approve ID --wait, "
            f"mend watch, mend show {short_id(approved[0].name.id)}",
            "dim",
        )
    raise typer.Exit(worst)


def approve_one(desk: Desk, said: str) -> Filed:
    """The rename, and a line that says what happens next. Sorry when it cannot or should not be."""
    filed = find_pending(desk.actions, said)
    p = filed.proposal
    if p.expired(now()):
        raise Sorry(f"{filed.name.id} expired at {p.expires_at}: the executor would refuse it; wait for a new proposal")
    try:
        won = desk.actions.approve(filed.name, desk.user)
    except PermissionError as error:
        raise Sorry(
            f"you may not approve: {error.strerror} in {plain(desk.actions.folder(Folder.APPROVED))}. "
            "Approving takes write access to approved/ (in a deployment: the group operators)."
        ) from None
    if not won:
        raise Sorry(f"{filed.name.id} is decided already: somebody was faster", NOT_THERE)
    desk.say(f"approved {filed.name.id}", "bold green")
    desk.say(f"  next: {_next(p.type.value)} {plain(p.pair).rstrip('/')}; approved by {desk.user}")
    return filed


def _next(kind: str) -> str:
    return (
        "a notification goes out about"
        if kind == "notify"
        else f"the executor checks that it is still sick, then runs {kind} on"
    )


def reject(
    ctx: typer.Context,
    action_id: PendingId,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Why not; kept beside the file for whoever asks later.")
    ],
) -> None:
    """Say no, and why: move a proposal to rejected/.

    \b
    Examples
      mend reject 3f9c2a7b1d04 --reason "backup is running until 04:00"
    """
    desk: Desk = ctx.obj
    if not reason.strip():
        raise Sorry("--reason wants a few words: whoever reads this next year has only them", USAGE)
    filed = _even_if_changed(desk, action_id)
    try:
        won = desk.actions.reject(filed.name, plain(reason, 2000), desk.user)
    except PermissionError as error:
        raise Sorry(f"you may not reject: {error.strerror} ({plain(error.filename)})", FAILED) from None
    if not won:
        raise Sorry(f"{filed.name.id} is decided already: somebody was faster", NOT_THERE)
    desk.say(f"rejected {filed.name.id}", "bold")
    desk.say("  nothing runs. A new event after the cooldown may lead to a new proposal.")


def _even_if_changed(desk: Desk, said: str) -> Filed:
    """As find_pending, but a file that was changed in place can still be refused."""
    found = find_one(desk.actions, said)
    name = name_of(found.path.name)
    if found.folder is not Folder.PENDING or name is None:
        return find_pending(desk.actions, said)
    proposal = desk.actions.proposal_at(found.path)
    if proposal is None:
        return find_pending(desk.actions, said)
    return Filed(name, found.path, proposal)
