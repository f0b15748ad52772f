"""`mend migrate`: bring the files under RUNTIME_PATH to the layout of this version, one step at a time."""

from __future__ import annotations

from typing import Annotated

import typer

from mend.context import CliContext
from mend.errors import CliError
from mesh_core.storage.event_conversion import Converted, old_days
from mesh_core.storage.migrations import check_layout, convert_events, converting, summary
from mesh_core.storage.migrations import migrate as run_migrations
from mesh_core.storage.schema import WrongSchema


def migrate(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what is due.")] = False,
) -> None:
    """Bring the files under RUNTIME_PATH to the layout that this version works with, and events to today's form.

    After an upgrade, with a backup made. A new layout needs the mesh stopped; services say when it is due. Older events
    that are a file each are read as they are, and become lines of a file a day and node, which takes much less room;
    for that everything may run. There is no way back but the backup. Repeating it, broken off or done, is harmless.

    \b
    Examples
      mend migrate --dry-run
      mend backup && mend migrate
    """
    cli: CliContext = ctx.obj
    try:
        check_layout(cli.folder)
        days = old_days(cli.runtime / "events")
        if dry_run and days:
            cli.say(f"whenever you like: {converting(len(days))}")
            return
        if not dry_run:
            run_migrations(cli.runtime, "mend")
        converted = Converted() if dry_run else convert_events(cli.runtime, cli.say)
    except WrongSchema as wrong:
        raise CliError(str(wrong)) from None
    except PermissionError as no:
        raise CliError(f"{no.filename} is another user's: run the same as root") from None
    cli.say(summary(converted), "bold" if converted.files else "")
