"""One supervisord under us: starts programs, starts them again when they die, stops them in order. Knows no mesh.

It ends when we end, however we end (PR_SET_PDEATHSIG), and it is spoken to over a unix socket in a folder of ours.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import Faults, SupervisorTransport

from mesh_core.storage.files import write_whole

ANSWER_SECONDS = 15.0
LOOK_SECONDS = 0.05
START_TRIES = 20  # supervisord waits one second longer before each
SOCKET = "supervisor.sock"
SOCKET_PATH_LIMIT = 100
_PR_SET_PDEATHSIG = 1


class NoAnswer(Exception):
    """supervisord does not answer: it has ended, or has not started yet."""


@dataclass(frozen=True)
class Job:
    """One program for supervisord. `environ` is laid over supervisord's own."""

    name: str
    command: tuple[str, ...]
    log: Path
    stop_seconds: int = 15
    environ: Mapping[str, str] | None = None
    folder: Path | None = None
    priority: int = 500


@dataclass(frozen=True)
class JobState:
    """`state` is supervisord's word: STARTING, RUNNING, BACKOFF, STOPPING, STOPPED, EXITED, FATAL."""

    name: str
    state: str
    pid: int
    exit_status: int
    error: str

    @property
    def alive(self) -> bool:
        return self.state in ("STARTING", "RUNNING", "STOPPING")


class Supervisord:
    """`folder` holds its configuration, pid and socket; only we may be able to enter it."""

    def __init__(self, folder: Path, log: Path):
        self.conf = folder / "supervisord.conf"
        self.log = log
        self._short: Path | None = None  # the kernel takes 107 bytes for a socket's path
        if len(bytes(folder / SOCKET)) > SOCKET_PATH_LIMIT:
            self._short = Path(tempfile.mkdtemp(prefix="mend-", dir="/tmp"))  # made with mode 0700
        self.socket = (self._short or folder) / SOCKET
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: dict[int, psutil.Process] = {}

    def start(self, jobs: Iterable[Job], environ: Mapping[str, str]) -> None:
        """Write its configuration and start it; NoAnswer if it does not come up. Its jobs start at once."""
        write_whole(
            self.conf, conf_text(self.socket, self.log, self.conf.with_suffix(".pid"), jobs).encode(), mode=0o600
        )
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mend.local.waiting_supervisord", "-n", "-c", str(self.conf)],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us; we stop it in order
            preexec_fn=_end_with(os.getpid()),
        )
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            with contextlib.suppress(NoAnswer):
                self.states()
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NoAnswer(f"supervisord did not start; its log is {self.log}")
            time.sleep(LOOK_SECONDS)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pids(self) -> tuple[int, ...]:
        """Of itself, once it was started."""
        return (self._process.pid,) if self._process is not None else ()

    def states(self) -> dict[str, JobState]:
        """Every job as supervisord sees it now."""
        found = {}
        for row in self._call("getAllProcessInfo"):
            state = JobState(row["name"], row["statename"], row["pid"], row["exitstatus"], row["spawnerr"])
            found[state.name] = state
            if state.pid and state.pid not in self._seen:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self._seen[state.pid] = psutil.Process(state.pid)
        return found

    def start_job(self, name: str) -> None:
        """Once more, after supervisord gave up."""
        with contextlib.suppress(xmlrpc.client.Fault):
            self._call("startProcess", name, False)

    def stop_jobs(self, names: Iterable[str], seconds: float, waiting: Callable[[], None] = lambda: None) -> list[str]:
        """Ask all of `names` to end at the same time; the names that had not ended after `seconds`."""
        left = set(names)
        for name in left:
            with contextlib.suppress(xmlrpc.client.Fault):  # it is not running
                self._call("stopProcess", name, False)
        deadline = time.monotonic() + seconds
        while left:
            states = self.states()
            left = {name for name in left if name in states and states[name].alive}
            if not left or time.monotonic() > deadline:
                break
            waiting()
            time.sleep(LOOK_SECONDS)
        return sorted(left)

    def end(self, seconds: float = 20.0) -> None:
        """End it and whatever it still runs; nothing that it started is alive afterwards."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()  # stops its jobs in reverse order first
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._end_orphans()
        self.socket.unlink(missing_ok=True)
        if self._short is not None:
            shutil.rmtree(self._short, ignore_errors=True)

    def _end_orphans(self) -> None:
        """What outlived a supervisord that was killed. psutil knows a process from another with the same number."""
        alive = [p for p in self._seen.values() if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        for p in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                p.terminate()
        for p in psutil.wait_procs(alive, timeout=10)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                p.kill()

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise NoAnswer(str(error)) from error
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.SHUTDOWN_STATE:  # whoever ends a unit or a group of processes asks it as well
                raise NoAnswer("it ends what it runs, and then itself") from fault
            raise
        finally:
            transport.close()


def conf_text(socket: Path, log: Path, pid_file: Path, jobs: Iterable[Job]) -> str:
    """supervisord's configuration. Secrets never stand in it: they come with its environment."""
    parts = [
        "; written by mend at every start",
        "[unix_http_server]",
        f"file={_ini(socket)}",
        "chmod=0600",
        "[supervisord]",
        "umask=077",
        "nodaemon=true",
        "silent=true",
        f"logfile={_ini(log)}",
        "logfile_maxbytes=1MB",
        "logfile_backups=1",
        f"pidfile={_ini(pid_file)}",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisorctl]",
        f"serverurl=unix://{_ini(socket)}",
    ]
    for job in jobs:
        environ = ",".join(f'{name}="{_ini(value)}"' for name, value in (job.environ or {}).items())
        parts += [
            f"[program:{job.name}]",
            f"command={_ini(shlex.join(job.command))}",
            *([f"environment={environ}"] if environ else []),
            *([f"directory={_ini(job.folder)}"] if job.folder else []),
            "autostart=true",
            # 2 says that the settings cannot be used: starting again would only say it again.
            "autorestart=unexpected",
            "exitcodes=2",
            "startsecs=1",
            f"startretries={START_TRIES}",
            f"stopwaitsecs={job.stop_seconds}",
            "killasgroup=true",
            f"priority={job.priority}",
            "redirect_stderr=true",
            f"stdout_logfile={_ini(_ini(job.log))}",  # which it takes out of its form twice
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=3",
        ]
    return "\n".join(parts) + "\n"


def _ini(value: object) -> str:
    return str(value).replace("%", "%%")


def _end_with(parent: int) -> Callable[[], None]:
    def in_the_child() -> None:
        """The kernel sends SIGTERM when the process that started us is gone, by kill -9 too."""
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
        if os.getppid() != parent:  # it was gone before we could ask
            os.kill(os.getpid(), signal.SIGTERM)

    return in_the_child
