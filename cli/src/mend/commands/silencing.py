"""`mend maintenance`, `mend snooze`, `mend ack`: for a while, nothing is proposed there. Files only; needs no Redis."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated

import typer

from mend.commands.decide import PendingId
from mend.context import CliContext
from mend.errors import USAGE, CliError
from mend.output.text import plain
from mend.output.times import local_time
from mesh_core.approvals.proposal_files import short_id
from mesh_core.models.durations import BadTime, parse_moment, parse_span
from mesh_core.models.records import utc_now
from mesh_core.policy.inventory import Inventory, InventoryError
from mesh_core.runtime.places_note import SeenPlaces, read_places
from mesh_core.silences import commands as silencing
from mesh_core.silences.commands import BadSilence, Made, SilenceRequest
from mesh_core.silences.silence import Silence

For = Annotated[str | None, typer.Option("--for", metavar="SPAN", help="How long: 45m, 2h, 1h30m, 3d.")]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Until when, in this machine's zone: 18:30, 2026-01-31T12:00."),
]
Why = Annotated[str, typer.Option("--reason", "-r", help="Why; shown wherever the silence is.")]
Type = Annotated[str | None, typer.Option("--type", help="Only this type of trouble, such as disk_full.")]


def maintenance(
    ctx: typer.Context,
    node: Annotated[str, typer.Argument(metavar="NODE", help="A node, or a pattern: 'web*'; '*' is every node.")],
    reason: Why,
    service: Annotated[
        str | None, typer.Option("--service", help="Only this service (or pattern); else all of the node.")
    ] = None,
    type_: Type = None,
    for_: For = None,
    until: Until = None,
    begins: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Begin then, not now.")] = None,
) -> None:
    """Work is being done there: propose nothing until the end. Events are kept and shown all the same.

    \b
    Examples
      mend maintenance web01 --for 2h --reason "new disk"
      mend maintenance '*' --until 18:30 --reason "switch replaced"
      mend maintenance db01 --service 'postgres*' --type container_died --for 1d --reason migration
    """
    cli: CliContext = ctx.obj
    timestamp = utc_now()
    starts = _parse_time("--from", begins, timestamp) if begins else None
    request = SilenceRequest(
        node=node,
        service=service,
        type=type_,
        ends=_end(for_, until, timestamp, starts),
        begins=starts,
        actor=cli.user,
        reason=plain(reason),
    )
    try:
        made = silencing.maintain(cli.silences, request, timestamp)
    except BadSilence as error:
        raise CliError(plain(error), USAGE) from None
    silence = made.silence
    already = f"already, by {plain(silence.by, 40)}, " if made.already else ""
    cli.say(f"maintenance of {plain(silence.target)} {already}until {local_time(silence.ends_at)}", "bold")
    _say_replaced(cli, made)
    _say_rest(cli, silence)
    _say_if_unknown(cli, node)


def snooze(
    ctx: typer.Context,
    action_id: PendingId,
    for_: For = None,
    until: Until = None,
    reason: Why = "",
) -> None:
    """Not now: put a waiting proposal aside. Trouble that is still there at the end is proposed anew.

    \b
    Examples
      mend snooze 3f9c2a7b1d04 --for 2h --reason "after dinner"
      mend snooze 3f9c2a7b1d04 --until 07:00
    """
    cli: CliContext = ctx.obj
    timestamp = utc_now()
    ends = _end(for_, until, timestamp)
    try:
        filed, made = silencing.snooze(
            cli.silences, cli.actions, action_id, ends, cli.user, timestamp, reason=plain(reason)
        )
    except BadSilence as error:
        raise CliError(plain(error), USAGE) from None
    cli.say(f"snoozed {filed.name.id} until {local_time(made.ends_at)}", "bold")
    _say_rest(cli, made)


def ack(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="NODE[/SERVICE]", help="The place whose trouble you know about.")],
    type_: Type = None,
    for_: For = None,
    until: Until = None,
    reason: Why = "",
    reject: Annotated[
        bool, typer.Option("--reject", help="Put aside what waits for that place, too; else it keeps waiting.")
    ] = False,
) -> None:
    """I know about it: propose nothing more for that place until it is healthy again (or for 7 days).

    \b
    Examples
      mend ack web01/shop --reason "vendor is on it"
      mend ack nas --type disk_full --for 3d --reject
    """
    cli: CliContext = ctx.obj
    timestamp = utc_now()
    node, _, service = target.partition("/")
    given = for_ or until
    ends = _end(for_, until, timestamp) if given else None
    request = SilenceRequest(node, ends, cli.user, service=service or None, type=type_, reason=plain(reason))
    try:
        made = silencing.acknowledge(cli.silences, cli.actions, request, timestamp, reject=reject)
    except BadSilence as error:
        raise CliError(plain(error), USAGE) from None
    silence = made.silence
    already = f" already, by {plain(silence.by, 40)}" if made.already else ""
    over = f"until it is healthy again, or {local_time(silence.ends_at)} at the latest"
    cli.say(f"acknowledged {plain(silence.target)}{already}: {over}", "bold")
    _say_replaced(cli, made)
    _say_if_unknown(cli, silence.node, silence.service)
    for filed in made.aside:
        cli.say(f"  put aside: {filed.name.id}")
    waiting = () if reject else silencing.waiting_for(cli.actions, silence.node, silence.service, silence.type)
    for filed in waiting:
        cli.say(f"  still waits for you: {filed.name.id} (--reject would have put it aside)", "yellow")
    _say_rest(cli, silence)


def _end(for_: str | None, until: str | None, timestamp: datetime, begins: datetime | None = None) -> datetime:
    if (for_ is None) == (until is None):
        raise CliError("say how long: either --for 2h or --until 18:30", USAGE)
    if until is not None:
        return _parse_time("--until", until, begins or timestamp)
    try:
        return (begins or timestamp) + parse_span(for_ or "")
    except BadTime as error:
        raise CliError(f"--for {plain(error)}", USAGE) from None


def _parse_time(option: str, text: str, timestamp: datetime) -> datetime:
    try:
        return parse_moment(text, timestamp)
    except BadTime as error:
        raise CliError(f"{option} {plain(error)}", USAGE) from None


def _say_replaced(cli: CliContext, made: Made) -> None:
    for one in made.replaced:
        cli.say(f"  in the place of {one.id}, until {local_time(one.ends_at)}")


def _say_rest(cli: CliContext, made: Silence) -> None:
    for filed in silencing.in_progress(cli.actions, made):
        cli.say(f"  goes on, because it is approved: {filed.name.id}", "yellow")
    hint = f"  events are kept; nothing new is proposed there. mend unsilence {short_id(made.id)} ends it."
    cli.say(hint, "dim")


def _say_if_unknown(cli: CliContext, node: str, service: str | None = None) -> None:
    """A misspelt silence is silent about nothing, and nobody would notice. `node` may be a pattern."""
    seen = read_places(cli.runtime)
    hosts = _hosts(cli)
    if hosts is None and not seen.targets:
        return  # nothing to compare with
    nodes = {*(hosts or ()), *(target.partition("/")[0] for target in seen.targets)}
    if not any(fnmatchcase(one, node) for one in nodes):
        cli.say(f"  no node in the inventory is called {plain(node)}, and none was heard of: is it misspelt?", "yellow")
    elif service is not None and seen.targets and not _was_heard_of(cli, seen, node, service):
        cli.say(f"  nothing was ever heard of {plain(service)} on {plain(node)}: is it misspelt?", "yellow")


def _was_heard_of(cli: CliContext, seen: SeenPlaces, node: str, service: str) -> bool:
    return f"{node}/{service}" in seen.targets or bool(cli.actions.find_about(node, service))


def _hosts(cli: CliContext) -> frozenset[str] | None:
    try:
        return frozenset(Inventory.load(cli.runtime / "config" / "inventory.yml").addresses())
    except (InventoryError, OSError):
        return None
