"""The command line: which commands there are, and how each one ends. Part of `__main__`: reads the environment."""

from __future__ import annotations

import os
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from mend.commands.audit import audit
from mend.commands.backup import backup
from mend.commands.deadletters import deadletters
from mend.commands.decide import approve, reject
from mend.commands.doctor import doctor
from mend.commands.drill import drill
from mend.commands.edit import edit
from mend.commands.history import history
from mend.commands.inject import inject
from mend.commands.migrate import migrate
from mend.commands.notify_test import notify_test
from mend.commands.page import page
from mend.commands.pending import pending
from mend.commands.reindex import reindex
from mend.commands.restore import restore
from mend.commands.retry import retry
from mend.commands.show import show
from mend.commands.silences import silences, unsilence
from mend.commands.silencing import ack, maintenance, snooze
from mend.commands.status import status
from mend.commands.up import up
from mend.commands.users import users
from mend.commands.watch import watch
from mend.context import read_context
from mend.errors import FAILED, INTERRUPTED, CliError, cli_error_for
from mesh_core.approvals.decisions import CannotDecide
from mesh_core.security.private_folder import write_privately
from mesh_core.storage.schema import why_not


class Ending(TyperGroup):
    """A group whose commands end with a sentence and a status, whatever happens in them."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CliError as failure:
            self._end(failure.sentence, failure.code)
        except CannotDecide as no:
            told = cli_error_for(no)
            self._end(told.sentence, told.code)
        except KeyboardInterrupt:
            self._end("stopped.", INTERRUPTED)
        except BrokenPipeError:  # `mend history | head`: the reader has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise typer.Exit(FAILED) from None
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            self._end(f"{error.strerror or error}{where}", FAILED)

    @staticmethod
    def _end(sentence: str, code: int) -> None:
        console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        console.print(f"mend: {sentence}", style="red" if code != INTERRUPTED else "", soft_wrap=True)
        raise typer.Exit(code)


app = typer.Typer(
    cls=Ending,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Mendmesh: services that fall sick are noticed, a repair is proposed, and nothing runs before you say yes.

\b
A day with it
  mend up                       start everything here; Ctrl-C stops it
  mend page                     the dashboard in your browser
  mend pending                  what waits for you
  mend show ID                  why, and the very playbook that would run
  mend approve ID --wait        yes (the same as mv of the file to approved/)
  mend reject ID --reason TEXT  no, and why

Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found or already decided.""",
)


@app.callback()
def prepare(ctx: typer.Context) -> None:
    ctx.obj = cli = read_context(os.environ)
    write_privately(cli.runtime)
    if ctx.invoked_subcommand not in ANY_LAYOUT and (why := why_not(cli.runtime)):
        raise CliError(why)


DECIDE, SILENCE, LOOK, RUN, KEEP = "Decide", "Silence for a while", "Look", "Run", "Keep"
ANY_LAYOUT = frozenset({"doctor", "migrate", "backup", "restore"})  # these say themselves what is wrong
for panel, functions in (
    (DECIDE, (pending, show, approve, reject, edit, retry, snooze)),
    (SILENCE, (maintenance, ack, silences, unsilence)),
    (LOOK, (page, status, doctor, history, watch, deadletters)),
    (RUN, (up, drill, inject)),
    (KEEP, (backup, restore, migrate, reindex)),
):
    for function in functions:
        app.command(rich_help_panel=panel)(function)
app.add_typer(audit, name="audit", rich_help_panel=LOOK)
app.add_typer(users, name="users", rich_help_panel=RUN)
app.command("notify-test", rich_help_panel=RUN)(notify_test)
