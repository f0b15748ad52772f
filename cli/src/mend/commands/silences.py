"""`mend silences` and `mend unsilence`: where nothing is proposed now, and the end of it. Needs no Redis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from mend.complete import complete_silences
from mend.context import CliContext
from mend.errors import CliError, cli_error_for
from mend.options import AsJson
from mend.output.listing import Column, in_lines
from mend.output.text import plain
from mend.output.times import age, local_time, seconds_between
from mesh_core.approvals.errors import CannotDecide
from mesh_core.models.records import parse_time, utc_now
from mesh_core.silences import commands as silencing
from mesh_core.silences.folder import SilenceFolder
from mesh_core.silences.silence import Silence, SilenceKind, silences_for

COLUMNS = (
    Column("id"),
    Column("node/service"),
    Column("type"),
    Column("holds"),
    Column("by"),
    Column("reason", prose=True),
)


def silences(
    ctx: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: AsJson = False,
) -> None:
    """List where nothing is proposed now, until when, and who said so.

    \b
    Examples
      mend silences
      mend silences --json | jq -r '.[].id'
    """
    cli: CliContext = ctx.obj
    folder, timestamp = cli.silences, utc_now()
    found = sorted((s for s in folder.current() if not s.over(timestamp)), key=lambda s: parse_time(s.ends_at))
    if every:
        over = [*(s for s in folder.current() if s.over(timestamp)), *folder.ended()]
        found += sorted(over, key=lambda s: parse_time(s.ends_at), reverse=True)
    gone = {s.id for s in folder.ended()}
    if as_json:
        cli.say_json([_row(s, timestamp, s.id in gone, folder) for s in found])
    elif not found:
        cli.say("Nothing is silenced. mend maintenance NODE --for 2h --reason TEXT would do it.")
    else:
        cli.say_rows(COLUMNS, [_cells(s, timestamp, s.id in gone) for s in found], _in_lines)
        cli.say("mend unsilence ID ends one before its time.", "dim")


def unsilence(
    ctx: typer.Context,
    silence_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="As in mend silences; its end is enough.", autocompletion=complete_silences),
    ],
) -> None:
    """End a silence before its time. What is still unhealthy is proposed within a minute.

    \b
    Examples
      mend unsilence maintenance-3f9c2a7b
    """
    cli: CliContext = ctx.obj
    try:
        ended = silencing.unsilence(cli.silences, silence_id, cli.user)
    except CannotDecide as no:
        raise CliError(
            f"{plain(no.sentence, 1000)}; `mend silences --all` lists them", cli_error_for(no).code
        ) from None
    if not (holding := silences_for(cli.silences.current(), ended.node, ended.service, ended.type, utc_now())):
        cli.say(f"ended {ended.id}: {plain(ended.target)} is heard again", "bold")
        return
    cli.say(f"ended {ended.id}", "bold")
    for one in holding:
        cli.say(f"  {plain(ended.target)} stays silent: {one.id} holds there, too; mend unsilence {one.id}", "yellow")


def _cells(silence: Silence, timestamp: datetime, ended: bool) -> list[Text]:
    if ended or silence.over(timestamp):
        holds = Text("over", "dim")
    elif silence.active(timestamp):
        holds = Text(f"{age(-seconds_between(silence.ends_at, timestamp))} more", "green")
    else:
        holds = Text(f"from {local_time(silence.starts_at)}", "yellow")
    node_alone = silence.kind is not SilenceKind.MAINTENANCE and silence.service is None
    return [
        Text(silence.id, "cyan"),
        Text(f"{silence.node}{'' if node_alone else '/' + (silence.service or '*')}", "bold"),
        Text(silence.type or "any"),
        holds,
        Text(plain(silence.by, 40)),
        Text(plain(silence.reason)),
    ]


def _in_lines(row: Sequence[Text]) -> Group:
    silence_id, target, type_, holds, by, reason = row
    tail = Text.assemble(type_, " trouble, ", holds, " by ", by)
    if reason:
        tail.append(": ").append_text(reason)
    return in_lines([silence_id, target], tail)


def _row(silence: Silence, timestamp: datetime, ended: bool, folder: SilenceFolder) -> dict[str, Any]:
    over = ended or silence.over(timestamp)
    return {
        **silence.model_dump(mode="json"),
        "active": not ended and silence.active(timestamp),
        "ended": folder.end_reason(silence.id) if over else None,
    }
