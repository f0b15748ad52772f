"""The command line: which commands there are, and how each one ends. Part of `__main__`: reads the environment.

A command's module is imported when that command is called, never for its help, `--version` or another command: the
clients, servers and lints behind some of them take a second.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mend.command_source import declaration_of, summary_of
from mend.errors import FAILED, INTERRUPTED, CliError, cli_error_for
from mend.output.logs import log_to_stderr
from mesh_core.approvals.errors import CannotDecide
from mesh_core.runtime.version import VERSION

ASK, DECIDE, SILENCE, LOOK, RUN, KEEP = "Ask", "Decide", "Silence for a while", "Look", "Run", "Keep"
HELP_OPTIONS = ["-h", "--help"]
ANY_LAYOUT = frozenset({"doctor", "migrate", "backup", "restore"})  # these say themselves what is wrong


@dataclass(frozen=True)
class CommandEntry:
    """Where a command is: the function or group of its name in `mend.commands.<module>`."""

    name: str
    panel: str
    module: str

    @property
    def attribute(self) -> str:
        return self.name.replace("-", "_")

    def listed(self) -> TyperCommand:
        """For `mend --help` and the Tab key; it cannot be run."""
        return TyperCommand(self.name, help=summary_of(self.module, self.attribute), rich_help_panel=self.panel)

    def described(self) -> Any:
        """With its options and its whole help; it cannot be run."""
        return self._command(declaration_of(self.module, self.attribute))

    def load(self) -> Any:
        """The command itself."""
        made = getattr(import_module(f"mend.commands.{self.module}"), self.attribute)
        log_to_stderr()
        return self._command(made)

    def _command(self, made: Any) -> Any:
        if not isinstance(made, typer.Typer):
            function, made = made, typer.Typer(add_completion=False, rich_markup_mode=None)
            made.command(self.name)(function)
        command = typer.main.get_command(made)
        command.name = self.name
        return command


PANELS = {
    ASK: "request requests=request",
    DECIDE: "pending show preview approve=decide reject=decide edit retry undo snooze=silencing",
    SILENCE: "maintenance=silencing ack=silencing silences unsilence=silences",
    LOOK: "page status doctor history watch remedies runbooks policy eval=evaluate replay deadletters audit",
    RUN: "up drill inject users notify-test=notify_test",
    KEEP: "backup restore migrate reindex",
}  # name=module where the two differ
COMMANDS = {
    name: CommandEntry(name, panel, module or name)
    for panel, entries in PANELS.items()
    for name, _, module in (entry.partition("=") for entry in entries.split())
}


class Commands(TyperGroup):
    """Loads the one that is called; it ends with a sentence and a status, whatever happens in it."""

    def __init__(self, **given: Any):
        super().__init__(**given)
        self.commands: dict[str, Any] = dict.fromkeys(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return COMMANDS[cmd_name].listed() if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for panel in PANELS:
            listed = [entry.listed() for entry in COMMANDS.values() if entry.panel == panel]
            with formatter.section(panel):
                formatter.write_dl([(command.name, command.help) for command in listed])

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        if not ctx.resilient_parsing and args and args[0] in COMMANDS and _ask_for_help(args[1:]):
            command = COMMANDS[args[0]].described()
            with command.make_context(args[0], args[1:], parent=ctx) as asked:
                command.invoke(asked)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, COMMANDS[name].load() if name else None, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CliError as failure:
            self._end(failure)
        except CannotDecide as refused:
            self._end(cli_error_for(refused))
        except KeyboardInterrupt:
            self._end(CliError("stopped.", INTERRUPTED))
        except BrokenPipeError:  # `mend history | head`: the reader has seen enough
            raise typer.Exit(FAILED) from None
        except UnicodeError as error:  # a word on the command line, or a name on the disk, that is no text
            self._end(CliError(f"there is text in it that cannot be used: {error}"))
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            self._end(CliError(f"{error.strerror or error}{where}"))

    @staticmethod
    def _end(failure: CliError) -> None:
        from rich.console import Console

        console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        style = "red" if failure.code != INTERRUPTED else ""
        console.print(f"mend: {failure.sentence}", style=style, soft_wrap=True)
        raise typer.Exit(failure.code)


def _ask_for_help(words: list[str]) -> bool:
    """Certainly: behind an option it may be that option's value."""
    return words[-1:] in ([one] for one in HELP_OPTIONS) and not any(word.startswith("-") for word in words[:-1])


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": HELP_OPTIONS},
    help="""Mendmesh: services that fail are noticed, a repair is proposed, and nothing runs before you say yes.

\b
A day with it
  mend up                       start everything here; Ctrl-C stops it
  mend page                     the dashboard in your browser
  mend pending                  what waits for you
  mend show ID                  why, and the very playbook that would run
  mend preview ID               what it would change there, asked on the host
  mend approve ID --wait        yes (the same as mv of the file to approved/)
  mend reject ID --reason TEXT  no, and why
  mend request TEXT --host HOST ask for something in words; it is proposed like a repair

Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found or already decided; of a request 4 it asks, 5 refused.""",
)


def _say_version(asked: bool) -> None:
    if asked:
        print(f"mend {VERSION}")
        raise typer.Exit


@app.callback()
def prepare(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Say which version this is.")
    ] = False,
) -> None:
    from mend.context import read_context
    from mesh_core.security.private_folder import write_privately
    from mesh_core.storage.schema import why_not

    ctx.obj = cli = read_context(os.environ)
    write_privately(cli.runtime)
    if ctx.invoked_subcommand not in ANY_LAYOUT and (why := why_not(cli.runtime)):
        raise CliError(why)
