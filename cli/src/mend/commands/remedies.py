"""`mend remedies`: what can be done beside a restart, and whether a file of that kind is good. Runs nothing.

It needs no mesh: a remedy that is judged here is not in use by that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mend.commands.pending import RISK_STYLE
from mend.context import CliContext
from mend.errors import FAILED, NOT_THERE, CliError
from mend.listing import Column, in_lines
from mend.options import AsJson
from mend.text import plain
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.register import REMEDIES, TYPE_NAMES
from mesh_core.actions.remedies.loader import BadRemedy, load_remedy
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.actions.remedies.rendering import rendered

COLUMNS = (Column("name"), Column("risk"), Column("for", 1, prose=True), Column("what it does", prose=True))
NODE = "example"

remedies = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""What the mesh can propose for trouble that no restart mends, one file each (docs/remedies.md).

\b
A remedy is offered only where a node agent looked into the trouble on its own host, and nothing of it runs before a
person approved it.""",
)


@remedies.command("list")
def list_(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the remedies that there are.

    \b
    Examples
      mend remedies list
      mend remedies list --json | jq -r '.[].name'
    """
    cli: CliContext = ctx.obj
    if as_json:
        cli.say_json([{"name": name, **_as_json(remedy)} for name, remedy in REMEDIES.items()])
        return
    rows = [_row(name, remedy) for name, remedy in REMEDIES.items()]
    cli.say_rows(COLUMNS, rows, lambda row: in_lines(row[:2], Text(": ").join(row[2:])))


@remedies.command("show")
def show(
    ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help="As mend remedies list says it.")]
) -> None:
    """Show what a remedy needs, what it runs and how it is proven, with values that stand for those of an event.

    \b
    Examples
      mend remedies show journal_vacuum
    """
    cli: CliContext = ctx.obj
    if name not in REMEDIES:
        raise CliError(f"there is no remedy {plain(name)}; there are {', '.join(REMEDIES)}", NOT_THERE)
    _say(cli, name, REMEDIES[name])


@remedies.command("lint")
def lint(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A remedy's file, NAME.yml.")],
) -> None:
    """Say what is wrong in a remedy's file, with its line; show what it would run where nothing is.

    Exit status 1 where something is wrong.

    \b
    Examples
      mend remedies lint scratch_clean.yml
    """
    cli: CliContext = ctx.obj
    try:
        name, remedy = load_remedy(file, TYPE_NAMES)
    except BadRemedy as error:
        raise CliError(plain(str(error)), FAILED) from None
    from mesh_core.policy.playbook_lint import OURS, lint_text
    from mesh_core.policy.playbook_lint.table import table

    plays = _plays(remedy)
    found = [
        (part, lint_text(text, NODE, widened=OURS, keywords=table().our_keywords))
        for part, text in (("look", plays.look), ("apply", plays.apply), ("proof", plays.converge))
    ]
    for danger in dict.fromkeys(danger for _, one in found for danger in one.dangers):
        cli.say(f"  mind: {plain(danger)}", "bold red")
    if problems := [f"{part}: {problem}" for part, one in found for problem in one.problems]:
        raise CliError(f"{file.name}: {'; '.join(map(plain, problems))}", FAILED)
    _say(cli, name, remedy)
    cli.say()
    cli.say(f"{file.name} is a good remedy.", "green")


def _row(name: str, remedy: Remedy) -> Sequence[Text]:
    risk = Text(remedy.risk.value, RISK_STYLE.get(remedy.risk.value, ""))
    return (Text(name, "bold"), risk, Text(", ".join(remedy.when.types)), Text(remedy.title))


def _say(cli: CliContext, name: str, remedy: Remedy) -> None:
    cli.say(name, "bold cyan")
    for label, text in (
        ("does", remedy.title),
        ("offered", f"to {remedy.explain}"),
        ("for", ", ".join(remedy.when.types)),
        ("needs", ", ".join(remedy.when.needs) or "nothing that an agent finds"),
        ("risk", f"{remedy.risk.value}{', the service is away meanwhile' if remedy.interrupts else ''}"),
        ("estimate", remedy.estimate),
        ("proven by", remedy.proof),
        ("told as", remedy.shows),
        ("at most", f"{remedy.limits.seconds} s"),
    ):
        cli.say_beside(f"  {label:<11} ", plain(text))
    plays = _plays(remedy)
    for heading, text in (
        ("It looks with this playbook, before and after", plays.look),
        ("Approval runs this one", plays.apply),
    ):
        cli.say()
        cli.say(heading, "bold")
        cli.say("\n".join(f"    {line}" for line in text.rstrip().splitlines()))


def _plays(remedy: Remedy) -> PlaybookSet:
    return rendered(remedy, NODE, {name: param.example for name, param in remedy.params.items()})


def _as_json(remedy: Remedy) -> dict[str, object]:
    return remedy.model_dump(mode="json", by_alias=True, exclude_none=True)
