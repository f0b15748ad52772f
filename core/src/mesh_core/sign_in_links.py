"""One-time sign-in links: whoever may write into a folder of the observer's own user may come in, under that name.

A link is an empty file in state/sign-in/ (mode 0700), named with the sha256 of its token. Who made it is the file's
owner, as the kernel knows them; how old it is, its time. Taking it is removing it, so it counts once. The token itself
is only in what the person was shown.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path

from mesh_core.files import fsync_folder
from mesh_core.service import heartbeat_file

LINK_SECONDS = 600.0
CLOCK_SLACK_SECONDS = 60.0  # a clock that was set back in between
_NAME = re.compile(r"[0-9a-f]{64}")


def links_folder(runtime: Path) -> Path:
    return runtime / "state" / "sign-in"


def make_link(runtime: Path) -> str:
    """A new link's token: 256 random bits that open a session within LINK_SECONDS, once. Raises OSError."""
    folder = links_folder(runtime)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:  # in somebody's checkout, or in a deployment: the observer has to enter it
        beat = heartbeat_file(runtime, "observer")
        os.chown(folder, (beat if beat.exists() else runtime).stat().st_uid, -1)
    _forget_old(folder)
    token = secrets.token_urlsafe(32)
    os.close(os.open(folder / _digest(token), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    return token


def take_link(runtime: Path, token: str) -> int | None:
    """The uid of who made it, and it is used up; None for one that is used, too old, or was never made."""
    folder = links_folder(runtime)
    path = folder / _digest(token)
    try:
        about, link = folder.lstat(), path.lstat()
        path.unlink()  # of two who come at once one gets an error here
        fsync_folder(folder)
    except OSError:
        return None
    _forget_old(folder)
    ours = (os.geteuid(), 0)
    closed = stat.S_ISDIR(about.st_mode) and about.st_uid in ours and not about.st_mode & 0o077
    if not (closed and stat.S_ISREG(link.st_mode) and link.st_uid in ours and _is_young(link)):
        return None
    return link.st_uid


def is_waiting(runtime: Path, token: str) -> bool:
    """Has nobody used it yet?"""
    return os.path.lexists(links_folder(runtime) / _digest(token))


def person_name(uid: int) -> str:
    """`alice (uid 1000)`: the number is the fact, and no user of config/users.yml can be called like that."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "somebody"
    return f"{name} (uid {uid})"


def _forget_old(folder: Path) -> None:
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                if _NAME.fullmatch(path.name) and not _is_young(path.lstat()):
                    path.unlink()


def _is_young(link: os.stat_result) -> bool:
    return -CLOCK_SLACK_SECONDS <= time.time() - link.st_mtime < LINK_SECONDS


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
