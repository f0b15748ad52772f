"""`mend migrate`: bring the files under RUNTIME_PATH to the layout of this version, one step at a time."""

from __future__ import annotations

from typing import Annotated

import typer

from mend.desk import Desk
from mend.sorry import Sorry
from mesh_core.migrations import migrate as run_migrations
from mesh_core.migrations import steps_due
from mesh_core.schema import SCHEMA_VERSION, WrongSchema


def migrate(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what is due.")] = False,
) -> None:
    """Bring the files under RUNTIME_PATH to the layout that this version works with.

    After an upgrade, with the mesh stopped and a backup made; services say when it is needed. There is no way back but
    the backup. Repeating it, or running it on an up-to-date folder, is harmless.

    \b
    Examples
      mend migrate --dry-run
      mend backup && mend migrate
    """
    desk: Desk = ctx.obj
    try:
        due = steps_due(desk.runtime)
        if dry_run:
            for step in due:
                desk.say(f"due: layout {step.to}: {step.what}")
        done = 0 if dry_run else run_migrations(desk.runtime, "mend", desk.say)
    except WrongSchema as wrong:
        raise Sorry(str(wrong)) from None
    except PermissionError as no:
        raise Sorry(f"{no.filename} is another user's: run the same as root") from None
    if not due:
        desk.say(f"layout {SCHEMA_VERSION}: nothing to do")
    elif not dry_run:
        desk.say(f"layout {SCHEMA_VERSION}: {done} step(s) done", "bold")
