"""`mend reindex`: has the index over events/ and actions/ made anew. Asks the observer; without one, starts the work.

The files are the truth and stay as they are; the index holds nothing that is not in them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mend.context import CliContext
from mend.errors import CliError
from mesh_core.storage.reindexing import Filling, IndexFolder

LOOK_SECONDS = 0.2
HEARD_SECONDS = 30.0  # the observer looks for a wish twice a second, between two steps of its own
IN_THE_BACKGROUND = "it goes on without this command"


def reindex(
    ctx: typer.Context,
    wait: Annotated[bool, typer.Option(help="Stay until it is done, and show how far it is.")] = True,
) -> None:
    """Make the archive's index anew from the files (it is only an index: nothing can get lost).

    \b
    The observer does this by itself when the index is missing or broken; the dashboard's history is
    not whole until it is done: some thousand events a second on one core of a PC.

    \b
    Examples
      mend reindex             ask the running observer, or do it here when none runs
      mend reindex --no-wait   ask and go
    """
    cli: CliContext = ctx.obj
    folder = IndexFolder(cli.folder)
    with folder.sole_writer() as nobody_runs:
        pass
    if not nobody_runs:
        folder.ask()
        if not wait:
            cli.say(f"asked; {IN_THE_BACKGROUND}")
            return
        _heard(folder)
        filling = _follow(cli, folder, lambda: _still_written(folder))
    else:
        filling = _here(cli, folder)
    cli.say(f"the index is new: {filling.records:,} records of {filling.days:,} days", "bold green")


def _here(cli: CliContext, folder: IndexFolder) -> Filling:
    """No observer runs: its own code does it in a process of ours."""
    owner = folder.root.stat().st_uid
    if owner != os.geteuid():
        raise CliError(
            f"no observer runs, and {folder.root} belongs to user id {owner}: start the observer, or run this as it"
        )
    child = subprocess.Popen(
        [sys.executable, "-m", "observer.reindex", str(cli.runtime)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        filling = _follow(cli, folder, lambda: child.poll() is None)
    except BaseException:
        child.terminate()
        child.wait()
        raise
    _, said = child.communicate()
    if child.returncode:
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        raise CliError(f"the index could not be made: {last[0]}")
    return filling


def _heard(folder: IndexFolder) -> None:
    deadline = time.monotonic() + HEARD_SECONDS
    while folder.asked():
        if time.monotonic() > deadline:
            raise CliError(f"the observer did not begin within {HEARD_SECONDS:.0f} s; its log says why. The wish stays")
        time.sleep(LOOK_SECONDS)


def _follow(cli: CliContext, folder: IndexFolder, alive: Callable[[], bool]) -> Filling:
    """Show how far it is until it is done, or nobody works on it any more."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("days"))
    with Progress(*columns, TimeElapsedColumn(), console=cli.err, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        while True:
            living = alive()
            told = folder.told() or Filling()
            if told.done and not folder.asked():
                return told
            bar.update(task, total=told.days or None, completed=told.days_done, description=f"{told.records:,} records")
            if not living:
                return _ended(folder)
            time.sleep(LOOK_SECONDS)


def _ended(folder: IndexFolder) -> Filling:
    told = folder.told() or Filling()
    if told.done:
        return told
    raise CliError("it was broken off: whoever made the index has stopped. The observer goes on with it when it starts")


def _still_written(folder: IndexFolder) -> bool:
    with folder.sole_writer() as ours:
        return not ours
