"""`python -m MODULE` again and again: an interpreter that has the services imported forks for each process.

Settings, streams, files and the end are those of a process of its own; only the imports, most of what a start takes,
are shared. What a start itself does, what others see of a process and what waits for its parent is tested with
`subprocess`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from parts.fork_child import run_as
from parts.kinds import starts_a_process

SERVICES = ("planner_agent", "executor_agent", "observer", "node_agent")
# The commands of `mend` that tests call most; another one is imported by its fork.
COMMANDS = ("decide", "edit", "preview", "request", "show", "undo")
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "mesh_core.runtime.log",  # first, as a service's `__main__` has it
        *(f"{service}.__main__" for service in SERVICES),
        *("mend.app", *(f"mend.commands.{command}" for command in COMMANDS)),
    ]
)


class Forked:
    """One process; it is asked and ended as one of `subprocess.Popen`, and does not outlive the tests."""

    def __init__(
        self, module: str, *words: str, environ: Mapping[str, str], log: Path | None = None, stdout: Path | None = None
    ):
        """What it says is added to `log`, or to `stdout` what it says there; without one nobody hears it."""
        starts_a_process()
        stderr = log or Path(os.devnull)
        for path in (stderr, stdout or stderr):
            path.open("ab").close()  # there at once, as with a process that is handed an open file
        told = (module, words, dict(environ), stdout or stderr, stderr)
        self._process = _forks.Process(target=run_as, args=told, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired after `timeout` seconds."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self._process.name), timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
