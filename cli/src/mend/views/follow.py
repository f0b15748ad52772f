"""Follows one approved proposal through its folders until it comes to rest. Looks at files only; touches nothing."""

from __future__ import annotations

import time

from mend.context import CliContext
from mend.errors import DONE, FAILED
from mend.output.text import plain
from mend.output.times import took
from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.approvals.proposal_files import REASON_SUFFIX
from mesh_core.models.proposals import AT_REST, Folder
from mesh_core.storage.files import read_regular

LOOK_SECONDS = 0.05
STYLE = {Folder.DONE: "bold green", Folder.WITHDRAWN: "green", Folder.RUNNING: "cyan", Folder.APPROVED: "cyan"}


def follow(cli: CliContext, action_id: str, seconds: float, *, quiet: bool = False) -> int:
    """Say each change of place with its time, or be `quiet`. 0 when it is done (or withdrawn), else 1."""
    started = time.monotonic()
    last: Folder | None = None
    while True:
        here = cli.actions.place_of(action_id)
        spent = time.monotonic() - started
        if here is not None and here is not last:
            line = f"  {took(spent):>6}  {here.value:<12}{_why(cli.actions, action_id, here)}"
            last = here
            if not quiet:
                cli.say(line, STYLE.get(here, "bold red"))
        if here in AT_REST:
            return DONE if here in (Folder.DONE, Folder.WITHDRAWN) else FAILED
        if spent >= seconds:
            where = f"it lies in {last}/" if last else "it is in no folder that you may read"
            line = f"  {took(spent):>6}  not finished: {where}; mend status tells whether the executor runs"
            if not quiet:
                cli.say(line, "yellow")
            return FAILED
        time.sleep(LOOK_SECONDS)


def _why(actions: ActionFolders, action_id: str, here: Folder) -> str:
    for folder, path in actions.find(action_id):
        if folder is not here:
            continue
        if path.is_dir():
            outcome = actions.outcome_at(path) if here is not Folder.RUNNING else None
            return plain(f"{outcome.verdict}: {outcome.reason}", 300) if outcome else ""
        told = read_regular(path.with_name(path.name + REASON_SUFFIX), 4096)
        return plain(told.decode("utf-8", "replace"), 300) if told else ""
    return ""
