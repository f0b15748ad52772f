"""As whom a run logs in where its proposal says so: variables of its one host. Nobody is asked for a password.

A key is named, never brought along: a file in the executor's own folder that nobody else can read or change.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mesh_core.models.run_options import SshLogin

MODES = (0o400, 0o600)


def login_variables(login: SshLogin, keys: Path | None) -> dict[str, str | int]:
    """Under both names that Ansible knows for each: the one of long ago would win. ValueError (a sentence): no such
    key."""
    said: dict[str, str | int | None] = {"user": login.user, "port": login.port}
    if login.key is not None:
        if keys is None:
            raise ValueError(f"the key {login.key} cannot be used: this executor has no folder of keys")
        said["private_key_file"] = str(key_file(keys, login.key))
    return {f"ansible_{kind}{word}": value for word, value in said.items() if value for kind in ("", "ssh_")}


def key_file(keys: Path, name: str) -> Path:
    """ValueError where it is not there, or where others could have written or read it."""
    path = keys / name
    try:
        folder, about = keys.lstat(), path.lstat()
    except OSError as error:
        there = ", ".join(_names(keys)) or "none"
        raise ValueError(f"the key {name} cannot be used ({error.strerror}); in {keys} are: {there}") from None
    if not stat.S_ISDIR(folder.st_mode) or folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError(f"{keys} must be a folder, no link, that nobody else may change; chmod 0700 {keys}")
    if not stat.S_ISREG(about.st_mode):
        raise ValueError(f"the key {name} is no plain file; put the key itself into {keys}, no link")
    if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) not in MODES:
        raise ValueError(
            f"the key {name} must belong to uid {os.geteuid()} and have the mode 0400 or 0600, not "
            f"{stat.S_IMODE(about.st_mode):04o} of uid {about.st_uid}; make it so, then `mend retry`"
        )
    return path


def _names(keys: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(keys) if not entry.name.endswith(".pub"))[:20]
    except OSError:
        return []
