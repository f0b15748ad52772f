"""A root folder of a run's own, made of mounts: the strongest wall. Needs root or user namespaces, Linux 5.12.

Called in the run's forked process, before it plays anything; there is no way back out of it. The run is process 1 of
its own process-id namespace and gets that namespace's /proc, so no other process can be seen, asked or ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from executor_agent.isolation import syscalls
from executor_agent.isolation.view import View, below, outermost

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_PLAIN = syscalls.MS_NOSUID | syscalls.MS_NODEV


def become_first_of_a_user_namespace() -> int | None:
    """For who is not root: a user namespace and a process-id namespace. None in their first process; in the process
    that called, the exit code of the first one. OSError where the machine does not permit it."""
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.NEWUSER | syscalls.NEWPID)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    child = os.fork()
    if child == 0:
        syscalls.die_with_parent(signal.SIGKILL)
        return None
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def enter(view: View) -> None:
    """OSError when it cannot be built; the run must not go on then."""
    syscalls.unshare(syscalls.NEWNS | syscalls.NEWIPC)
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_SLAVE)
    if view.whole:
        _hide(view)
    else:
        _build(view)


def _build(view: View) -> None:
    top = tempfile.gettempdir()  # a folder that exists everywhere; it is covered for this process only
    with _opened((*view.reads, *view.writes)) as sources:
        syscalls.mount("tmpfs", top, "tmpfs", _PLAIN, "mode=755,size=256m")
        for name in ("proc", "dev", "dev/pts", "dev/shm", "tmp", "run"):
            Path(top, name).mkdir()
        Path(top, "tmp").chmod(0o1777)
        syscalls.mount("proc", f"{top}/proc", "proc", _PLAIN | syscalls.MS_NOEXEC)
        for name in _DEVICES:
            Path(top, "dev", name).touch()
            syscalls.mount(f"/dev/{name}", f"{top}/dev/{name}", None, syscalls.MS_BIND)
        syscalls.mount("devpts", f"{top}/dev/pts", "devpts", syscalls.MS_NOSUID, "newinstance,ptmxmode=0666,mode=620")
        Path(top, "dev/ptmx").symlink_to("pts/ptmx")
        Path(top, "dev/fd").symlink_to("/proc/self/fd")
        syscalls.mount("tmpfs", f"{top}/dev/shm", "tmpfs", _PLAIN, "mode=1777,size=64m")  # noqa: S108
        for path, descriptor in sources.items():
            _show(descriptor, f"{top}{path}", read_only=path not in view.writes)
    syscalls.enter_root(top)


def _hide(view: View) -> None:
    """The machine as it is, an empty folder over everything hidden, and in it what may be seen nevertheless."""
    hidden = outermost(os.path.realpath(path) for path in view.hidden if os.path.exists(path))  # noqa: PTH110
    writes = {os.path.realpath(path) for path in view.writes}
    shown = [path for path in map(os.path.realpath, (*view.reads, *view.writes)) if any(below(path, h) for h in hidden)]
    with _opened(shown) as sources:
        for path in hidden:
            if Path(path).is_dir():
                syscalls.mount("tmpfs", path, "tmpfs", _PLAIN, "mode=755,size=1m")
            else:
                syscalls.mount("/dev/null", path, None, syscalls.MS_BIND)
                syscalls.restrict(path, syscalls.READ_ONLY)
        for path, descriptor in sources.items():
            _show(descriptor, path, read_only=path not in writes)
    for path in filter(os.path.isdir, hidden):  # this mount alone: writing there fails instead of being forgotten
        syscalls.mount("none", path, None, syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | _PLAIN)
    manager = Path("/proc/1/comm").read_bytes()
    syscalls.mount("proc", "/proc", "proc", _PLAIN | syscalls.MS_NOEXEC)
    # Modules ask for the name of process 1 to learn what manages services on this machine: it is us now.
    Path("/proc/self/comm").write_bytes(manager.strip())


@contextlib.contextmanager
def _opened(paths: Iterable[str]) -> Iterator[dict[str, int]]:
    """{path: a descriptor of what lies there now}, outer ones only; what is not there for this user is left out."""
    found: dict[str, int] = {}
    try:
        for path in outermost(paths):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                found[path] = os.open(path, os.O_PATH | os.O_CLOEXEC)
        yield found
    finally:
        for descriptor in found.values():
            os.close(descriptor)


def _show(descriptor: int, target: str, *, read_only: bool) -> None:
    point = Path(target)
    point.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        point.mkdir(exist_ok=True)
    else:
        point.touch()
    syscalls.mount(f"/proc/self/fd/{descriptor}", target, None, syscalls.MS_BIND | syscalls.MS_REC)
    syscalls.restrict(target, syscalls.NO_SUID | syscalls.NO_DEVICES | (syscalls.READ_ONLY if read_only else 0))
