"""For who may make no process-id namespace: a process above the play that adopts whatever the play leaves behind, and
ends it. Kills only what descends from itself."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import NoReturn

from executor_agent.isolation import syscalls
from executor_agent.processes import process_table

END_SECONDS = 0.4
TOLD_TO_END = 249  # the exit status of a run that was ended from outside


def guard() -> int | None:
    """Fork once more and guard the child: None in the child; in the guard its exit code, all descendants dead."""
    syscalls.become_subreaper()
    me = os.getpid()

    def kill_all(*_: object) -> NoReturn:
        end_descendants(me)
        os._exit(TOLD_TO_END)

    signal.signal(signal.SIGTERM, kill_all)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        syscalls.die_with_parent(signal.SIGKILL)
        return None
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # or the terminal would stay open as long as the guard does
        os.dup2(null, fd)
    while True:
        pid, status = os.wait()
        if pid == child:
            end_descendants(me)
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def end_descendants(ancestor: int) -> None:
    """SIGKILL, again and again, for at most END_SECONDS."""
    deadline = time.monotonic() + END_SECONDS
    while (found := process_table.descendants(ancestor)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.005)
