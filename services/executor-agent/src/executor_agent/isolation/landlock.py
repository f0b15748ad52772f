"""Landlock, the kernel's own filter of files: a wall for who may make no mounts (in a container). Linux 5.13.

Weaker than a root of one's own: names and sizes can still be seen, sockets in folders still be reached, and before
Linux 6.12 processes of the same user still be signalled. There is no way back out of it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from executor_agent.isolation import syscalls
from executor_agent.isolation.view import View, below, outermost

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_RIGHTS_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15  # with truncate and ioctl
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_REFER, _MAKE_SYMLINK = 1 << 13, 1 << 12
_SCOPED = 0b11  # abstract sockets and signals
_TCP = 0b11  # bind and connect
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm")


def enter(view: View) -> None:
    """OSError when the kernel does not take it; the run must not go on then."""
    version = syscalls.landlock_version()
    every = _all_rights(version)
    rules = syscalls.landlock_rules(
        every, _SCOPED if version >= 6 else 0, _TCP if version >= 4 and not view.network else 0
    )
    try:
        if view.whole:
            for path in _around([os.path.realpath(path) for path in view.hidden]):
                _allow(rules, path, every, follow=False)
        else:
            for name in _DEVICES:
                _allow(rules, f"/dev/{name}", every)
            _allow(rules, "/proc", _READ & every)
        for path in view.reads:
            _allow(rules, path, _READ & every)
        for path in view.writes:
            # No links: whoever reads what the run leaves here must not be led elsewhere.
            _allow(rules, path, every & ~(_MAKE_SYMLINK | _REFER))
        syscalls.no_new_privileges()
        syscalls.landlock_enter(rules)
    finally:
        os.close(rules)


def _all_rights(version: int) -> int:
    if version < 1:
        raise OSError("this kernel has no Landlock")
    count = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    return (1 << count) - 1


def _allow(rules: int, path: str, access: int, *, follow: bool = True) -> None:
    flags = os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):  # nothing there for this user
        descriptor = os.open(path, flags)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISLNK(mode):
                syscalls.landlock_allow(rules, descriptor, access if stat.S_ISDIR(mode) else access & _RIGHTS_OF_FILES)
        finally:
            os.close(descriptor)


def _around(hidden: list[str], folder: str = "/") -> Iterator[str]:
    """Everything but `hidden`: Landlock knows no exception, so what lies beside is named one by one. What is made
    later directly in a folder above a hidden one is not among it."""
    if not any(below(path, folder) for path in hidden):
        yield folder
        return
    if folder in outermost(hidden):
        return
    with contextlib.suppress(OSError):
        for entry in Path(folder).iterdir():
            yield from _around(hidden, str(entry))
