"""`mend audit`: who decided what, and the proof that the log still says what was written. Reads only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from mend.context import CliContext
from mend.errors import FAILED, USAGE, CliError
from mend.options import AsJson
from mend.output.listing import Column, in_lines
from mend.output.text import plain
from mend.output.times import local_time
from mesh_core.approvals.proposal_files import short_id
from mesh_core.models.durations import BadTime, parse_moment, parse_span
from mesh_core.models.records import parse_time, utc_now
from mesh_core.storage.audit_log import (
    HEAD_KEY,
    AuditLine,
    AuditReport,
    BadLine,
    Chain,
    Head,
    audit_path,
    head_in,
    head_path,
    read_line,
)
from mesh_core.storage.tail import lines_backwards

MOST_LINE_BYTES = 1024 * 1024
WRITING_SECONDS = 0.3
COLUMNS = (
    Column("seq", 4, right=True),
    Column("when"),
    Column("who"),
    Column("how", 3),
    Column("what"),
    Column("id"),
    Column("reason", prose=True),
)

audit = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""Who decided what: audit/audit.jsonl, one sealed line for each decision, sign-in and change of users.""",
)


@audit.command("verify")
def verify(
    ctx: typer.Context,
    expect: Annotated[
        str | None, typer.Option(metavar="SEQ:HASH", help="An end that you noted earlier: it must still be in there.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every line, and that the end was not cut off. Exit status 1 and the first bad line if something is wrong.

    Note the end that it prints somewhere else: who can rewrite this file, its noted end and Redis can fool this
    check, but not a piece of paper.

    \b
    Examples
      mend audit verify
      mend audit verify --expect 1432:9b1f...
    """
    cli: CliContext = ctx.obj
    path = audit_path(cli.mesh)
    if not path.exists() and not head_path(cli.runtime).exists() and expect is None:
        raise CliError(f"there is no audit log at {plain(path)}; the observer begins one when it starts")
    verdict = read_verdict(cli, expect)
    if as_json:
        cli.say_json(
            {
                "ok": not verdict.problems,
                "lines": verdict.lines,
                "end": str(verdict.head),
                "first_bad_line": verdict.first_bad,
                "problems": verdict.problems,
                "notes": verdict.notes,
            }
        )
    else:
        _say_verdict(cli, verdict)
    if verdict.problems:
        raise typer.Exit(FAILED)


def _say_verdict(cli: CliContext, verdict: AuditReport) -> None:
    for note in verdict.notes:
        cli.say(f"note: {plain(note)}", "dim")
    for problem in verdict.problems:
        cli.say(plain(problem), "bold red")
    if not verdict.problems:
        cli.say(f"{verdict.lines} lines, every one as it was written", "bold green")
        cli.say(f"  its end is {verdict.head}", "dim")


def read_verdict(cli: CliContext, expect: str | None = None) -> AuditReport:
    """Every line against the chain and the noted ends. The ends are read first: the observer may write meanwhile."""
    anchors = list(_anchors(cli))
    if expect is not None:
        head = head_in(expect)
        if head is None:
            raise CliError("--expect wants SEQ:HASH, as `mend audit verify` prints it", USAGE)
        anchors.append(("what you noted", head))
    chain = Chain(anchors)
    path = audit_path(cli.runtime)
    if path.exists():
        with path.open("rb") as handle:
            while raw := handle.readline(MOST_LINE_BYTES):
                if not raw.endswith(b"\n"):
                    # It may be in the middle of being written: a moment later it is whole, or was cut short for good.
                    time.sleep(WRITING_SECONDS)
                    raw += handle.readline(MOST_LINE_BYTES)
                chain.follow(raw)
    return chain.verdict()


def _anchors(cli: CliContext) -> Iterator[tuple[str, Head]]:
    file = head_path(cli.runtime)
    try:
        if head := head_in(file.read_bytes()[:200]):
            yield "state/audit.head", head
    except FileNotFoundError:
        pass
    raw = asyncio.run(_ask_redis(cli))
    if raw and (head := head_in(raw)):
        yield "Redis", head


async def _ask_redis(cli: CliContext) -> bytes | None:
    from mesh_core.messaging.bus import NOT_SERVED, Bus

    bus = Bus.connect(cli.redis_url, "mend")
    try:
        found = await bus.call("GET", HEAD_KEY)
        return bytes(found) if found else None
    except NOT_SERVED:
        cli.err.print("mend: Redis does not answer that, so the end that it knows is not compared", style="yellow")
        return None
    finally:
        await bus.close()


@audit.command("show")
def show(
    ctx: typer.Context,
    since: Annotated[
        str | None, typer.Option(help="Only what was written since then: 90m, 12h, 7d, or a day such as 2026-01-31.")
    ] = None,
    actor: Annotated[str | None, typer.Option("--who", help="Only what this person did.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what was decided and by whom, newest first.

    \b
    Examples
      mend audit show --since 2d
      mend audit show --who ada --json | jq -r '.[].action_id'
    """
    cli: CliContext = ctx.obj
    oldest = _since(since, utc_now()) if since else None
    shown = list(_lines(cli, oldest, actor, limit))
    if as_json:
        cli.say_json([line.model_dump(by_alias=True) for line in shown])
        return
    if not shown:
        cli.say(
            "Nothing is written down yet." if since is None and actor is None else "Nothing of that is written down."
        )
        return
    cli.say_rows(COLUMNS, [_row(line) for line in shown], _in_lines)


def _lines(cli: CliContext, oldest: datetime | None, actor: str | None, limit: int) -> Iterator[AuditLine]:
    """Newest first; a line that cannot be believed is left out and told of."""
    left = limit
    for _, raw in lines_backwards(audit_path(cli.mesh)):
        if not raw.endswith(b"\n"):
            continue  # being written at this moment
        try:
            line = read_line(raw.rstrip(b"\n"))
        except BadLine as error:
            cli.err.print(f"mend: a line {error}; `mend audit verify` says which", style="red")
            continue
        if oldest is not None and parse_time(line.ts) < oldest:
            return
        if actor in (None, line.who, line.who.partition(" ")[0]):
            yield line
            left -= 1
        if not left:
            return


def _since(text: str, timestamp: datetime) -> datetime:
    try:
        return parse_moment(text, timestamp) if "-" in text else timestamp - parse_span(text)
    except BadTime as error:
        raise CliError(f"--since {plain(error)}", USAGE) from None


def _row(line: AuditLine) -> list[Text]:
    place = f"{line.from_folder} -> {line.to_folder}" if line.to_folder and line.what in ("take_back", "edit") else ""
    return [
        Text(str(line.seq), "dim"),
        Text(local_time(line.ts), "dim"),
        Text(plain(line.who, 40), "bold"),
        Text(plain(line.how, 12)),
        Text(plain(line.what, 16), "red" if line.what in ("damage", "login_failed") else ""),
        Text(plain(short_id(line.action_id), 16), "cyan"),
        Text(plain(" ".join(filter(None, (place, line.reason, f"from {line.address}" if line.address else ""))), 200)),
    ]


def _in_lines(row: Sequence[Text]) -> Group:
    seq, when, who, how, what, action_id, reason = row
    done = Text(" ").join(part for part in (who, Text.assemble("(", how, ")"), what) if part)
    if reason:
        done.append(": ").append_text(reason)
    return in_lines([part for part in (seq, when, action_id) if part], done)
