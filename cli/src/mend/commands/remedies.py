"""`mend remedies`: what the mesh can propose, and whether a file of that kind is good. Runs nothing.

It needs no mesh: a remedy that is judged here is not in use by that.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mend.context import CliContext
from mend.errors import FAILED, NOT_THERE, USAGE, CliError
from mend.options import AsJson
from mend.output.listing import Column, in_lines
from mend.output.text import plain
from mend.remedies.recipe_report import say_recipe
from mend.views.card import RISK_STYLE
from mesh_core.actions.action_type import ActionType, Choice
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.register import SHIPPED, Register
from mesh_core.actions.remedies.loader import BadRemedy, bytes_of, line_of_part, load_remedy, read_named
from mesh_core.actions.remedies.recipe_file import Recipe
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.actions.remedies.rendering import rendered, rendered_example, undoing_example
from mesh_core.models.languages import languages_in
from mesh_core.policy.current_config import ConfigReader
from mesh_core.policy.playbook_lint import lint_file, lint_playbooks
from mesh_core.storage.files import create_whole

COLUMNS = (
    Column("name"),
    Column("risk"),
    Column("whose", 2),
    Column("for", 1, prose=True),
    Column("what it does", prose=True),
)
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
    """List what the mesh can propose: what is built in, the shipped remedies and your own, and the recipes that a
    request may use; then what is wrong with a file of config/remedies.

    \b
    Examples
      mend remedies list
      mend remedies list --json | jq -r '.[].name'
    """
    cli: CliContext = ctx.obj
    register = cli.remedies.use()
    if as_json:
        told = [_as_json(register, action, action.choice) for action in register.types if action.choice]
        cli.say_json([*told, *(_recipe_as_json(register, name, one) for name, one in register.recipes.items())])
        return
    languages = _languages(cli)
    rows = [_row(register, action, action.choice, languages) for action in register.types if action.choice]
    rows += [_row_of_recipe(register, name, recipe) for name, recipe in register.recipes.items()]
    cli.say_rows(COLUMNS, rows, lambda row: in_lines(row[:3], Text(": ").join(row[3:])))
    for why in ConfigReader(cli.runtime).unusable_remedies():
        cli.say(f"not in use: {plain(why)}", "bold red")


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
    register = cli.remedies.use()
    if name not in register.files:
        raise _no_such(register, name)
    if instead := register.replaced.get(name):
        cli.say(f"It is not offered: {instead} stands in its place.", "yellow")
    _say(cli, name, register.files[name])


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
        name, remedy = load_remedy(file, SHIPPED.names, SHIPPED.files)
    except BadRemedy as error:
        raise CliError(plain(str(error)), FAILED) from None
    if why := cli.remedies.distrusts(file):
        raise CliError(plain(f"{file.name}: {why}"), FAILED)
    found = lint_file(remedy)
    for danger in found.dangers:
        cli.say(f"  mind: {plain(danger)}", "bold red")
    if found.problems:
        raise CliError("; ".join(_with_line(file, problem) for problem in found.problems), FAILED)
    _say(cli, name, remedy)
    cli.say()
    cli.say(f"{file.name} is a good {'recipe' if isinstance(remedy, Recipe) else 'remedy'}.", "green")


@remedies.command("new")
def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a-z, 0-9 and _: what it does.")],
    ask: Annotated[bool, typer.Option("--ask", help="A recipe: people ask for it, no event does.")] = False,
) -> None:
    """Write NAME.yml to begin with, here, with a comment at each field. It is in use where you move it.

    \b
    Examples
      mend remedies new scratch_clean
      mend remedies new mail_alias --ask
    """
    cli: CliContext = ctx.obj
    file = Path(f"{name}.yml")
    text = resources.files("mend.remedies").joinpath("recipe.yml" if ask else "skeleton.yml").read_bytes()
    try:
        read_named(f"{name}.yml", text, SHIPPED.names)
    except BadRemedy as error:
        raise CliError(plain(str(error)), USAGE) from None
    if not create_whole(Path.cwd() / file.name, text, mode=0o644):
        raise CliError(f"{file.name} is there already; nothing was written", FAILED)
    cli.say(f"wrote {file.name}", "bold")
    cli.say(f"  mend remedies lint {file.name}                is it good?")
    if not ask:
        cli.say(f"  mend remedies test {file.name} --node NODE    look there, change nothing")
    cli.say(f"  mv {file.name} {shlex.quote(str(cli.remedies.folder))}/    it is offered from then on")


@remedies.command("test")
def try_on_host(
    ctx: typer.Context,
    remedy: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A remedy's name, or a file of one.")],
    node: Annotated[str, typer.Option("--node", help="A host of config/inventory.yml.")],
    given: Annotated[
        list[str] | None, typer.Option("--with", metavar="PARAM=VALUE", help="What an event gives; more than once.")
    ] = None,
) -> None:
    """Try a remedy on a host: its look, then what its playbook would change (check mode). Nothing is changed.

    mend logs in itself, with your keys. A command can not be tried: it is named, and not run.

    \b
    Examples
      mend remedies test scratch_clean.yml --node web01 --with mount=/srv
    """
    from mend.remedies.trial import try_out, values_given
    from mend.remedies.trial_report import report_trial

    cli: CliContext = ctx.obj
    name, read = _named_or_file(cli, remedy)
    config = ConfigReader(cli.folder).read()
    if isinstance(config.inventory, str):
        raise CliError(plain(config.inventory))
    values = values_given(read, given or ())
    plays = rendered(read, node, values)
    if problems := lint_playbooks(plays, node).problems:
        raise CliError(f"{name}: {'; '.join(map(plain, problems))}", FAILED)
    cli.say(f"{name} on {plain(node)}: only looking, nothing is changed", "bold cyan")
    report_trial(cli, read, values, node, *try_out(plays, config.inventory, node))


def _named_or_file(cli: CliContext, said: str) -> tuple[str, Remedy]:
    """A file where there is one of this name, else what is in use."""
    if Path(said).is_file():
        try:
            name, read = load_remedy(Path(said), SHIPPED.names, SHIPPED.files)
        except BadRemedy as error:
            raise CliError(plain(str(error)), FAILED) from None
    else:
        register = cli.remedies.use()
        if said not in register.files:
            raise _no_such(register, said)
        name, read = said, register.files[said]
    if isinstance(read, Recipe):
        raise CliError(f"{name} is a recipe, which has no look; ask for it instead: mend request", USAGE)
    return name, read


def _no_such(register: Register, name: str) -> CliError:
    known = register.unusable.get(name) or f"there is no remedy {name}; there are {', '.join(register.files)}"
    return CliError(plain(known), NOT_THERE)


def _languages(cli: CliContext) -> tuple[str, ...]:
    """Of whoever asks, by their locale."""
    locale = next((cli.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if cli.environ.get(name)), "")
    return languages_in(locale)


def _row(register: Register, action: ActionType, choice: Choice, languages: Sequence[str]) -> Sequence[Text]:
    risk = Text(action.risk.value, RISK_STYLE.get(action.risk.value, ""))
    remedy = register.remedies.get(action.name)
    if remedy is None:
        built_in = ("built in", "what the policy says", choice.meaning)
        return (Text(action.name, "bold"), risk, *map(Text, built_in))
    return (
        Text(action.name, "bold"),
        risk,
        Text(_whose(register, action.name)),
        Text(", ".join(remedy.when.types)),
        Text(remedy.told_in(languages).title),
    )


def _row_of_recipe(register: Register, name: str, recipe: Recipe) -> Sequence[Text]:
    risk = Text(recipe.risk.value, RISK_STYLE.get(recipe.risk.value, ""))
    whose = Text(_whose(register, name))
    return (Text(name, "bold"), risk, whose, Text("what people ask for"), Text(recipe.title))


def _with_line(file: Path, problem: str) -> str:
    """Of a problem of a good file's playbooks, which begins with the part that it is in."""
    return f"{file.name}:{line_of_part(bytes_of(file), problem.partition(':')[0])}: {plain(problem)}"


def _whose(register: Register, name: str) -> str:
    if instead := register.replaced.get(name):
        return f"shipped, replaced by {instead}"
    if name not in register.own:
        return "shipped" if name in register.files else "built in"
    replaces = register.files[name].replaces
    return f"yours, replaces {'the shipped one' if replaces == name else replaces}" if replaces else "yours"


def _say(cli: CliContext, name: str, remedy: Remedy | Recipe) -> None:
    cli.say(name, "bold cyan")
    if isinstance(remedy, Recipe):
        say_recipe(cli, remedy)
        return
    told = remedy.told_in(_languages(cli))
    for label, text in (
        ("does", told.title),
        ("offered", f"to {told.explain}" if told is remedy else told.explain),
        ("for", ", ".join(remedy.when.types)),
        ("needs", ", ".join(remedy.when.needs) or "nothing that an agent finds"),
        ("risk", f"{remedy.risk.value}{', the service is away meanwhile' if remedy.interrupts else ''}"),
        *(("you may set", f"{param}: {one.fits}; else {one.default}") for param, one in remedy.settable.items()),
        ("estimate", remedy.estimate),
        ("proven by", remedy.proof),
        ("told as", remedy.shows),
        ("at most", _limits(remedy)),
    ):
        cli.say_beside(f"  {label:<11} ", plain(text))
    plays = rendered_example(remedy, NODE)
    for heading, text in (
        ("It looks with this playbook, before and after", plays.look),
        ("Approval runs this one", plays.apply),
        *((how, back.apply) for how, back in _undo(remedy)),
    ):
        cli.say()
        cli.say(heading, "bold")
        cli.say("\n".join(f"    {line}" for line in text.rstrip().splitlines()))


def _limits(remedy: Remedy) -> str:
    seconds, times = remedy.limits.seconds, remedy.limits.per_hour
    return f"{seconds} s" + (f", and {times} times an hour on one target" if times else "")


def _undo(remedy: Remedy) -> Iterator[tuple[str, PlaybookSet]]:
    """When it is taken back, and what then runs, after a first look that saw nothing but zeros."""
    if remedy.undo:
        how = "By itself, where it does not help" if remedy.undo.by_itself else "Afterwards, where a person asks for it"
        yield f"{how}, this one takes it back", undoing_example(remedy, remedy.undo, NODE)


def _recipe_as_json(register: Register, name: str, recipe: Recipe) -> dict[str, object]:
    """As of a remedy; it has `ask` where that has `when`."""
    return _origin(register, name) | recipe.model_dump(mode="json", exclude_none=True)


def _as_json(register: Register, action: ActionType, choice: Choice) -> dict[str, object]:
    origin, remedy = _origin(register, action.name), register.remedies.get(action.name)
    if remedy is None:
        return {**origin, "risk": action.risk.value, "explain": choice.meaning}
    return origin | remedy.model_dump(mode="json", by_alias=True, exclude_none=True)


def _origin(register: Register, name: str) -> dict[str, object]:
    """`whose`: built_in, shipped or own; `replaced_by`: the own one because of which it is not offered."""
    whose = "own" if name in register.own else "shipped" if name in register.files else "built_in"
    return {"name": name, "whose": whose, "replaced_by": register.replaced.get(name)}
