"""Proposal ids for the shell's Tab key, as they are printed: the short one, and all of it for who began with that.

Reads files only, and says nothing when it cannot. A command's help names one of these and asks none, so each imports
what it reads with.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mend.errors import CliError
from mend.output.text import plain

if TYPE_CHECKING:
    from mesh_core.approvals.action_folders import ActionFolders
    from mesh_core.models.proposals import Folder


def complete_pending(incomplete: str) -> list[tuple[str, str]]:
    """What waits for a decision."""
    actions = _actions()
    return [
        (word, plain(f"{filed.proposal.type} {filed.proposal.target_key}", 80))
        for filed in (actions.pending() if actions else ())
        for word in _words(filed.name.id, incomplete, filed.proposal.target_key)
    ]


def complete_any(incomplete: str) -> list[str]:
    """Whatever lies in any folder."""
    from mesh_core.models.proposals import Folder

    actions = _actions()
    return sorted(set(_ids(actions, incomplete, Folder))) if actions else []


def complete_failed(incomplete: str) -> list[str]:
    """Runs that can be tried again."""
    from mesh_core.models.proposals import Folder

    actions = _actions()
    folders = (Folder.FAILED, Folder.INTERRUPTED, Folder.EXPIRED)
    return sorted(set(_ids(actions, incomplete, folders))) if actions else []


def complete_run(incomplete: str) -> list[str]:
    """What ran, whatever came of it."""
    from mesh_core.models.proposals import EXECUTED

    actions = _actions()
    return sorted(set(_ids(actions, incomplete, EXECUTED))) if actions else []


def complete_silences(incomplete: str) -> list[tuple[str, str]]:
    """What can be ended before its time."""
    from mend.context import read_context

    try:
        known = read_context(os.environ).silences.current()
    except CliError:
        return []
    return [(word, plain(silence.target, 80)) for silence in known for word in _words(silence.id, incomplete)]


def _ids(actions: ActionFolders, incomplete: str, folders: Iterable[Folder]) -> Iterator[str]:
    for folder in folders:
        for filed in actions.filed(folder):
            yield from _words(filed.name.id, incomplete, filed.proposal.target_key)


def _words(whole: str, incomplete: str, other: str = "") -> list[str]:
    """What `incomplete` may become: the short id, or else the whole one or the other name, where that was begun."""
    from mesh_core.approvals.proposal_files import short_id

    if (short := short_id(whole)).startswith(incomplete):
        return [short]
    return [word for word in (whole, other) if word.startswith(incomplete)]


def _actions() -> ActionFolders | None:
    from mend.context import read_context

    try:
        # The shell calls us without the command's own beginning, so the environment is read here once more.
        return read_context(os.environ).actions
    except CliError:
        return None
