"""`python -m MODULE` again and again: an interpreter that has the services imported forks for each process.

Settings, streams, files and the end are those of a process of its own; only the imports, most of what a start takes,
are shared. What a start itself does, what others see of a process (its command line, its first environment) and what
waits for its parent is tested with `subprocess`. Under a PYTHONPATH it is a new interpreter, which imports by that.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from parts.fork_child import run_as

RUN_SECONDS = 300
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
        stderr = log or Path(os.devnull)
        for path in (stderr, stdout or stderr):
            path.open("ab").close()  # there at once, as with a process that is handed an open file
        told = (module, words, dict(environ), _umask(), stdout or stderr, stderr)
        process = _forks.Process(name=f"python -m {module}", target=run_as, args=told, daemon=True)
        process.start()
        self._process = process

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
            with suppress(ProcessLookupError):  # it may end meanwhile
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __del__(self) -> None:
        """As with one of `subprocess`, the test that forgets it hears of that; and the tests after it are rid of it."""
        if "_process" in vars(self) and self.poll() is None:
            self.kill()
            warnings.warn(f"{self._process.name} still ran", ResourceWarning, stacklevel=1, source=self)


def run_forked(module: str, *words: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of it. Raises subprocess.TimeoutExpired after RUN_SECONDS."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = Forked(module, *words, environ=environ, log=err, stdout=out)
        try:
            ended = process.wait(RUN_SECONDS)
            return subprocess.CompletedProcess((module, *words), ended, out.read_text(), err.read_text())
        finally:
            process.kill()


def _umask() -> int:
    """This process's, which `os.umask` tells only by setting another one."""
    found = re.search(r"^Umask:\s*(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1], 8) if found else 0o022
