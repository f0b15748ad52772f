"""A runtime folder that belongs to one user: what lies in it is nobody else's business. Says and makes it so.

A deployment has users of its own and a table of who may write where (`permissions.py`); there nothing is changed here.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mesh_core.models.proposals import Folder
from mesh_core.security.permissions import is_deployed, services_of
from mesh_core.storage.by_descriptor import entry_in, folder_below, names_in, set_mode

UMASK = 0o077
# What a mesh makes below RUNTIME_PATH. A folder that holds anything else, too (/tmp, somebody's home), stays as it is.
OURS = frozenset(
    {
        "actions",
        "audit",
        "backups",
        "config",
        "events",
        "index",
        "log",
        "redis",
        "requests",
        "run",
        "silences",
        "spool",
        "state",
    }
)
SET_ASIDE = "replaced-"  # `mend restore` puts there what was here before


def write_privately(runtime: Path) -> None:
    """From now on this process writes for its own user alone, and so does what it starts; unless it is shared."""
    if not is_shared(runtime):
        os.umask(UMASK)


def close_to_others(runtime: Path) -> int:
    """How many files and folders below `runtime` were open to others and are not any more. 0 where it is shared.

    Not `actions/`, nor `runtime` itself, where anybody could have approved: what lies there may be anybody's, and the
    executor refuses to start until a person has looked.
    """
    if is_shared(runtime):
        return 0
    try:
        return _close(runtime.resolve())
    except OSError:  # what cannot be read or changed was not ours, or is gone by now
        return 0


def make_private(folder: Path) -> None:
    """`folder`, made if it is missing, and nobody else's business. Raises OSError.

    Root follows no link there: in somebody's checkout that would close whatever they let it point at.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        folder.chmod(0o700)
        return
    with folder_below(folder.parent, folder.name) as held:
        os.fchmod(held, 0o700)


def is_shared(runtime: Path) -> bool:
    """Do several users work in it: a deployment, or a folder that is another user's?"""
    try:
        owner = runtime.stat().st_uid
    except OSError:
        return False  # ours to make
    return os.geteuid() not in (0, owner) or is_deployed(runtime) or bool(services_of(runtime))


def _close(runtime: Path) -> int:
    """The outermost folder first: that alone keeps everybody out. Each other one last, so that a walk that was cut
    short is repeated; where all is well this reads one listing.
    """
    closed = 0
    with folder_below(runtime) as place:
        entries = names_in(place)
        ours = [name for name in entries if name in OURS or name.startswith(SET_ASIDE)]
        doubtful = _anybody_could_approve(runtime)
        if ours == entries and not doubtful:
            with folder_below(runtime.parent) as parent:
                closed += _take_from_others(parent, runtime.name)
        for name in ours:
            if _is_open(os.lstat(name, dir_fd=place)) and not (doubtful and name == "actions"):
                closed += _close_below(place, name)
    return closed


def _close_below(parent: int, top: str) -> int:
    closed = 0
    if stat.S_ISDIR(os.lstat(top, dir_fd=parent).st_mode):
        for _, folders, files, here in os.fwalk(top, topdown=False, follow_symlinks=False, dir_fd=parent):
            for name in (*files, *folders):
                closed += _take_from_others(here, name)
    return closed + _take_from_others(parent, top)


def _take_from_others(folder: int, name: str) -> int:
    """1 if it was open to others. A link is left alone, and what is another user's: a second name of root's, too."""
    with entry_in(folder, name) as entry:
        status, keeper = os.fstat(entry), os.fstat(folder).st_uid
        several = stat.S_ISREG(status.st_mode) and status.st_nlink > 1
        if not _is_open(status) or status.st_uid not in ((keeper,) if several else (os.geteuid(), keeper)):
            return 0
        set_mode(entry, stat.S_IMODE(status.st_mode) & 0o700)
    return 1


def _anybody_could_approve(runtime: Path) -> bool:
    """As the executor asks before it starts."""
    actions = runtime / "actions"
    places = (runtime, actions, actions / Folder.APPROVED, actions / Folder.RUNNING)
    return any(place.exists() and place.stat().st_mode & stat.S_IWOTH for place in places)


def _is_open(status: os.stat_result) -> bool:
    return not stat.S_ISLNK(status.st_mode) and bool(status.st_mode & 0o077)
