"""`mend runbooks`: what is documented for a trouble, and what of it the mesh can do. Changes nothing; needs no mesh."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from mend.context import CliContext
from mend.errors import NOT_THERE, CliError
from mend.options import AsJson
from mend.output.listing import Column, in_lines
from mend.output.text import plain
from mesh_core.runbooks.index import Match
from mesh_core.runbooks.runbook import Runbook
from mesh_core.runbooks.wording import parts_of

COLUMNS = (Column("id"), Column("whose"), Column("can help", 1, prose=True), Column("what is wrong", prose=True))
MOST_FOUND = 10

runbooks = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""What is documented for trouble that others met before (docs/runbooks.md).

\b
A proposal names the runbook that was found for its event. Your own lie in config/runbooks, a Markdown file each, and
win over the shipped ones.""",
)


@runbooks.command("search")
def search(
    ctx: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="An alert's name, or words of any language.")],
    as_json: AsJson = False,
) -> None:
    """Search the runbooks: by the name of an alert, else by words; the best first.

    Exit status 3 where nothing is known of it.

    \b
    Examples
      mend runbooks search NodeFilesystemAlmostOutOfSpace
      mend runbooks search disk full
      mend runbooks search certificate --json | jq -r '.[0].look'
    """
    cli: CliContext = ctx.obj
    found = cli.runbooks.index().search(" ".join(words), MOST_FOUND)
    if not found:
        raise CliError(f"no runbook knows {plain(' '.join(words), 100)}; try other words, or one of them", NOT_THERE)
    if as_json:
        cli.say_json([_as_json(match.runbook, match) for match in found])
        return
    cli.say_rows(COLUMNS, [_row(match.runbook) for match in found], lambda row: in_lines(row[:3], row[3]))
    cli.say("mend runbooks show ID    the whole of one", "dim")


@runbooks.command("show")
def show(
    ctx: typer.Context,
    runbook_id: Annotated[str, typer.Argument(metavar="ID", help="As mend runbooks search says it.")],
    as_json: AsJson = False,
) -> None:
    """Show one runbook: what the trouble means, what to look at, what can help and what cannot, and where that stands.

    \b
    Examples
      mend runbooks show disk-space
    """
    cli: CliContext = ctx.obj
    one = cli.runbooks.index().by_id.get(runbook_id)
    if one is None:
        said = "; ".join(cli.runbooks.refused.values())
        more = f"; not in use: {plain(said, 400)}" if said else ""
        raise CliError(f"there is no runbook {plain(runbook_id, 100)}: mend runbooks search WORDS{more}", NOT_THERE)
    if as_json:
        cli.say_json(_as_json(one))
        return
    cli.say(plain(one.id), "bold cyan")
    cli.say(f"  {plain(one.title)}", "bold")
    for label, text in (*parts_of(one), ("for", ", ".join((*one.alerts, *one.services, *one.nodes)))):
        cli.say_beside(f"  {label:<11} ", plain(text))


def _row(one: Runbook) -> tuple[Text, ...]:
    whose, helps = "yours" if one.own else "shipped", ", ".join(one.helps)
    return (Text(plain(one.id), "bold"), Text(whose), Text(helps or "a person"), Text(plain(one.title)))


def _as_json(one: Runbook, match: Match | None = None) -> dict[str, Any]:
    """A runbook's own fields; of a search `found_by`, and BM25's `score` where words found it."""
    row: dict[str, Any] = one.model_dump(mode="json")
    return row | ({"found_by": match.by.name.lower(), "score": round(match.score, 2)} if match else {})
