"""Folders and entries held by a descriptor: whoever owns a folder cannot lead us elsewhere between a look and a deed.

For whoever works as root in folders that belong to others. A path is asked for anew by each call, and its owner may
have put a link there in between; what a descriptor holds stays the same thing, whatever its name means by now.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextmanager
def folder_below(top: Path, *names: str) -> Iterator[int]:
    """A descriptor of the folder top/name/name...; no link is followed below `top`. Raises OSError."""
    descriptor = os.open(top, _FOLDER)
    try:
        for name in names:
            inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def entry_in(folder: int, name: str) -> Iterator[int]:
    """A descriptor of whatever lies in `folder` under that name, a link itself too, unopened. Raises OSError."""
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def names_in(folder: int) -> list[str]:
    """What lies in it. Raises OSError."""
    return os.listdir(folder)


def give_entry(entry: int, owner: int, group: int) -> None:
    """chown of what `entry_in` holds; never of a link. Raises OSError."""
    os.chown(_itself(entry), owner, group)


def set_mode(entry: int, mode: int) -> None:
    """chmod of what `entry_in` holds; never of a link. Raises OSError."""
    Path(_itself(entry)).chmod(mode)


def _itself(entry: int) -> str:
    # fchmod and fchown refuse a descriptor of O_PATH; this name of it means the thing, not where it lay.
    return f"/proc/self/fd/{entry}"
