"""The executor's side of the pool: starts its server, watches it, starts it again, ends it.

Never runs a playbook itself. A run waits for a server that is starting; while there is none, it takes the slow road.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from executor_agent.ansible_pool.client import TOKEN
from executor_agent.ansible_pool.environment import run_environment
from executor_agent.isolation.sandbox import Isolation, strongest_wall

log = structlog.get_logger()

READY_SECONDS = 60.0
START_SECONDS = 15.0  # as long after a server's start runs wait for it: two seconds, on a small board some ten
CANCEL_SECONDS = 0.1  # how soon a run that waits notices that it is cancelled
STOP_SECONDS = 5.0
BACKOFF_SECONDS = (0.2, 1.0, 5.0, 30.0)
_HERE = Path(__file__).parent
_HOME_PREFIX = "mend-warm-"
RUN_UMASK = 0o022  # ours keeps evidence to ourselves; what a play makes on this very machine is for those who use it


def _remove_stale_folders() -> None:
    """Folders of executors that were killed: ours by owner, and no process has their number any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_HOME_PREFIX}*-*"):
        number = folder.name.removeprefix(_HOME_PREFIX).split("-", 1)[0]
        if not number.isdecimal() or Path("/proc", number).exists() or folder.is_symlink():
            continue
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.geteuid():
                shutil.rmtree(folder)


class AnsiblePool:
    """The server and the command that reaches it.

    `environment` is what each run gets (plus MEND_RUN); `command` stands where `ansible-playbook` would stand;
    `isolation` is the wall around each run.
    """

    def __init__(
        self, home: Path, environment: dict[str, str], *, namespaces: bool, isolation: Isolation | None = None
    ) -> None:
        self.home = home
        self.environment = environment
        self.isolation = isolation or Isolation(strongest_wall())
        self.isolation = replace(self.isolation, hidden=(*self.isolation.hidden, str(home)))
        self._namespaces = namespaces
        self._socket = home / "s"
        self._ready = threading.Event()
        self._settled = threading.Event()  # no server is about to be ready
        self._settled.set()
        self._started_at = 0.0
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        environment: Mapping[str, str],
        *,
        collections: Path | None = None,
        namespaces: bool = True,
        isolation: Isolation | None = None,
    ) -> AnsiblePool:
        """Start the server and return at once; it is ready about two seconds later (`wait_ready`).

        `environment` is the executor's own, filtered here. `namespaces=False` is for tests of the unprivileged way.
        Without `isolation`: the strongest wall that can be built here, with nothing of a runtime folder to hide.
        """
        _remove_stale_folders()
        # 0700, and short: a socket's path has 107 bytes. The number says whose it is, for whoever comes after a crash.
        home = Path(tempfile.mkdtemp(prefix=f"{_HOME_PREFIX}{os.getpid()}-"))
        (home / "home" / "tmp").mkdir(parents=True, mode=0o700)
        # Whoever asks the server for a run says this; a run itself never learns it.
        run_env = {**run_environment(environment, home, collections), TOKEN: secrets.token_hex(16)}
        pool = cls(home, run_env, namespaces=namespaces, isolation=isolation)
        pool._starts()
        threading.Thread(target=pool._watch, name="ansible pool", daemon=True).start()
        return pool

    @property
    def command(self) -> tuple[str, ...]:
        """Stands for `ansible-playbook`: the client, and the real thing if nobody answers."""
        plain = Path(sys.prefix, "bin", "ansible-playbook")
        return (sys.executable, "-I", "-S", str(_HERE / "client.py"), str(self._socket), str(plain))

    @property
    def pid(self) -> int | None:
        """Of the process that lives now, if one does."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def wait_ready(self, seconds: float = READY_SECONDS) -> bool:
        return self._ready.wait(seconds)

    def wait_while_starting(self, cancel: threading.Event) -> None:
        """Until a server that is starting is ready, or it is clear that it is not soon: a play on the slow road takes
        as much processor as what is left of the start, and each of those that came together would take it."""
        while not self._settled.wait(CANCEL_SECONDS):
            if cancel.is_set() or time.monotonic() - self._started_at > START_SECONDS:
                return

    def stop(self) -> None:
        """End the process and every run that is in it; at most STOP_SECONDS."""
        self._stopping.set()
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def _watch(self) -> None:
        deaths = 0
        while not self._stopping.is_set():
            code: int | str
            try:
                code = self._run_server()
            except OSError as error:  # no more processes, no more memory, no space for its stderr
                code = str(error)
            if self._stopping.is_set():
                return
            pause = BACKOFF_SECONDS[min(deaths, len(BACKOFF_SECONDS) - 1)]
            deaths += 1
            log.warning(
                "ansible_pool.died", code=code, deaths=deaths, again_in_seconds=pause, stderr=self._stderr_tail()
            )
            self._stopping.wait(pause)

    def _starts(self) -> None:
        self._started_at = time.monotonic()
        self._settled.clear()

    def _run_server(self) -> int:
        self._starts()
        try:
            process = self._launch()
            assert process.stdout is not None  # noqa: S101  (for the type checker: we asked for a pipe)
            if process.stdout.readline() == b"ready\n":
                self._ready.set()
                log.info("ansible_pool.ready", pid=process.pid)
        finally:
            self._settled.set()
        code = process.wait()
        self._ready.clear()
        process.stdout.close()
        if process.stdin is not None:
            process.stdin.close()
        return code

    def _launch(self) -> subprocess.Popen[bytes]:
        with (self.home / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    str(_HERE / "server.py"),
                    str(self._socket),
                    "namespaces" if self._namespaces else "subreaper",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self.environment,
                start_new_session=True,
                umask=RUN_UMASK,
            )
        self._process = process
        if self._stopping.is_set() and process.stdin is not None:
            process.stdin.close()
        return process

    def _stderr_tail(self) -> str:
        try:
            return (self.home / "stderr").read_bytes()[-500:].decode("utf-8", "replace")
        except OSError:
            return ""
