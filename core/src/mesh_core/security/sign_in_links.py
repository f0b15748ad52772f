"""One-time sign-in links: whoever may write into a folder of the observer's own user may come in, under that name.

A link is an empty file in state/sign-in/ (mode 0700), named with the sha256 of its token. Who made it is the file's
owner, as the kernel knows them; how old it is, its time. Taking it is removing it, so it counts once. The token itself
is only in what the person was shown.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path

from mesh_core.runtime.heartbeats import heartbeat_file
from mesh_core.runtime.services import OBSERVER
from mesh_core.security.users import token_digest
from mesh_core.storage.by_descriptor import folder_below, names_in

LINK_SECONDS = 600.0
CLOCK_SLACK_SECONDS = 60.0  # a clock that was set back in between
_NAME = re.compile(r"[0-9a-f]{64}")


def links_folder(runtime: Path) -> Path:
    return runtime / "state" / "sign-in"


def make_link(runtime: Path) -> str:
    """A new link's token: 256 random bits that open a session within LINK_SECONDS, once. Raises OSError.

    Root may make one in somebody's checkout: there its owner could have put a link where a folder of ours should be.
    """
    state, sign_in = links_folder(runtime).relative_to(runtime).parts
    (runtime / state).mkdir(parents=True, exist_ok=True)
    with folder_below(runtime, state) as parent:
        made = False
        with suppress(FileExistsError):
            os.mkdir(sign_in, 0o700, dir_fd=parent)
            made = True
        with folder_below(runtime, state, sign_in) as folder:
            if made and os.geteuid() == 0 and not names_in(folder):  # the observer has to enter it
                os.fchown(folder, _observers_user(runtime, parent), -1)
            _forget_old(folder)
            token = secrets.token_urlsafe(32)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(token_digest(token), flags, 0o600, dir_fd=folder))
    return token


def take_link(runtime: Path, token: str) -> int | None:
    """The uid of who made it, and it is used up; None for one that is used, too old, or was never made."""
    name = token_digest(token)
    try:
        with folder_below(runtime, *links_folder(runtime).relative_to(runtime).parts) as folder:
            about, link = os.fstat(folder), os.stat(name, dir_fd=folder, follow_symlinks=False)
            os.unlink(name, dir_fd=folder)  # of two who come at once one gets an error here
            os.fsync(folder)
            _forget_old(folder)
    except OSError:
        return None
    ours = (os.geteuid(), 0)
    closed = about.st_uid in ours and not about.st_mode & 0o077
    if not (closed and stat.S_ISREG(link.st_mode) and link.st_uid in ours and _is_young(link)):
        return None
    return link.st_uid


def is_waiting(runtime: Path, token: str) -> bool:
    """Has nobody used it yet?"""
    return os.path.lexists(links_folder(runtime) / token_digest(token))


def person_name(uid: int) -> str:
    """`alice (uid 1000)`: the number is the fact, and no user of config/users.yml can be called like that."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "somebody"
    return f"{name} (uid {uid})"


def _observers_user(runtime: Path, state: int) -> int:
    """Whose heartbeat lies in `state`; before the first one the owner of the place."""
    try:
        return os.stat(heartbeat_file(runtime, OBSERVER).name, dir_fd=state, follow_symlinks=False).st_uid
    except FileNotFoundError:
        return runtime.stat().st_uid


def _forget_old(folder: int) -> None:
    with suppress(OSError):
        for name in names_in(folder):
            with suppress(OSError):
                if _NAME.fullmatch(name) and not _is_young(os.stat(name, dir_fd=folder, follow_symlinks=False)):
                    os.unlink(name, dir_fd=folder)


def _is_young(link: os.stat_result) -> bool:
    return -CLOCK_SLACK_SECONDS <= time.time() - link.st_mtime < LINK_SECONDS
