"""Which wall can be built here, and building it: nothing of the executor's own is left to a run but its view.

As a program, for runs that the pool does not serve: `python -I walls.py COMMAND ARGUMENT...` builds the wall of the
view in its environment and becomes COMMAND; `python -I walls.py` alone prints what can be built.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable

from executor_agent.isolation import landlock, mount_namespace, syscalls
from executor_agent.isolation.view import VARIABLE, View, Wall

_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_SYS_MODULE, _SYS_RAWIO, _SYS_CHROOT, _SYS_PTRACE, _SYS_ADMIN, _MKNOD, _PERFMON, _BPF = 16, 17, 18, 19, 21, 27, 38, 39
# Root on this very machine keeps what a repair may need, but not what would take the wall down or see past it.
_BREAKOUT = frozenset(
    {_DAC_READ_SEARCH, _SYS_MODULE, _SYS_RAWIO, _SYS_CHROOT, _SYS_PTRACE, _SYS_ADMIN, _MKNOD, _PERFMON, _BPF}
)
_ALL_BUT_READING = frozenset(range(64)) - {_DAC_OVERRIDE}  # a key of another user's, which root was told to use

NOT_BUILT = 253  # the exit status of a run whose wall could not be built: it did not begin


def build(view: View, *, first: bool) -> int | None:
    """Build the wall of `view` around this process. `first`: it is process 1 of its own namespace already.

    None in the process that goes on; an exit code in one that only waited for it. OSError: no wall, do not go on.
    """
    if view.wall is Wall.NAMESPACES:
        if not first and (code := mount_namespace.become_first_of_a_user_namespace()) is not None:
            return code
        as_root = first and os.geteuid() == 0
        if not view.network:
            with contextlib.suppress(OSError):  # a kernel without them: what the lint let pass reaches nobody by itself
                syscalls.unshare(syscalls.NEWNET)
        mount_namespace.enter(view)
        syscalls.drop_capabilities(_BREAKOUT if view.whole and as_root else _ALL_BUT_READING)
    elif view.wall is Wall.LANDLOCK:
        if os.geteuid() == 0:  # without these root's right to look into every process is gone; others never had it
            syscalls.drop_capabilities(_BREAKOUT if view.whole else _ALL_BUT_READING)
        landlock.enter(view)
    return None


def strongest_available() -> Wall:
    """The strongest one that really came about, tried in children of this process."""
    for wall in (Wall.NAMESPACES, Wall.LANDLOCK):
        if all(_works(View(wall, whole, ("/usr",), hidden=("/nonexistent",))) for whole in (False, True)):
            return wall
    return Wall.NONE


def _works(view: View) -> bool:
    def attempt() -> int:
        first = view.wall is Wall.NAMESPACES and os.geteuid() == 0
        if first:
            syscalls.unshare(syscalls.NEWPID)
            return _in_a_child(lambda: build(view, first=True) or 0)
        return build(view, first=False) or 0

    return _in_a_child(attempt) == 0


def _in_a_child(work: Callable[[], int]) -> int:
    child = os.fork()
    if child == 0:
        code = NOT_BUILT
        try:
            code = work()
        except OSError:
            pass
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def scratch_variables(tmp: str, view: View) -> dict[str, str]:
    """The environment of a run whose only place to write is `tmp`: no run finds another's ssh connection or files."""
    variables = {"TMPDIR": tmp, "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{tmp}/cp"}
    if view.whole and view.wall is Wall.LANDLOCK:  # no new folder in a home that has something hidden in it
        variables["ANSIBLE_REMOTE_TMP"] = f"{tmp}/modules"
    return variables


def main(command: list[str]) -> int:
    if not command:
        print(strongest_available())
        return 0
    folder = os.getcwd()  # noqa: PTH109
    try:
        os.makedirs(os.environ["ANSIBLE_HOME"], mode=0o700, exist_ok=True)  # noqa: PTH103
        tmp = tempfile.mkdtemp(prefix="slow-", dir=os.environ["ANSIBLE_HOME"])
        view = View.parse(os.environ.pop(VARIABLE)).with_paths((), (tmp,))
        os.environ.update(ANSIBLE_LOCAL_TEMP=tmp, **scratch_variables(tmp, view))
        if (code := build(view, first=os.getpid() == 1)) is not None:
            return code
        os.chdir(folder)  # a new root begins in its own: the playbook is named from here
    except (OSError, ValueError, KeyError) as error:
        print(f"the wall around this run could not be built: {error}", file=sys.stderr)
    else:
        os.execv(command[0], command)  # noqa: S606
    return NOT_BUILT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
