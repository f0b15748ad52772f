"""Mounts that are there and do not answer: a server that forgot them, a FUSE program that died, a share that hangs.

Asks each one in a thread of its own, because the question may never come back; none is asked again before it has. What
is not mounted at all is the systemd probe's; local disks do not die in this way.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import structlog

from node_agent.checks.check_result import CheckResult, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.host.host_files import sees_host_files
from node_agent.host.mounts import MOUNTS, Mount, lies_under, read_mounts
from node_agent.options import Positive
from node_agent.probe_base.probe import DefaultProbeOptions, ProbeContext

RULE = ConfirmationRule(unhealthy_checks=2, healthy_checks=2, recheck_seconds=10.0)
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "afs", "fuse", "fuse.*", "fuseblk")
_DEAD = {
    errno.ENOTCONN: "the program behind it has ended",
    errno.ESTALE: "its server does not know it any more",
    errno.EIO: "its server does not answer",
    errno.EHOSTDOWN: "its server is down",
    errno.ENODEV: "what it is mounted from is gone",
    errno.ECONNABORTED: "the program behind it was cut off",
}
_A_USERS_OWN = "/run/user"  # of a session: comes and goes with it

log = structlog.get_logger()


class MountsOptions(DefaultProbeOptions):
    """`ignore`: globs of mount points. `timeout_seconds`: who has not answered by then hangs."""

    every_seconds: Positive = 60
    timeout_seconds: Positive = 10
    ignore: tuple[str, ...] = ()

    def create(self, context: ProbeContext) -> MountsProbe | None:
        try:
            seen = sees_host_files(read_mounts())
        except OSError:
            seen = False
        if seen:
            return MountsProbe(self)
        log.info("mounts.not_of_the_host")  # in a container they are its own
        return None


@dataclass
class _Question:
    """One statvfs, under way or answered."""

    asked_at: float
    answered: asyncio.Event
    error: int | None = None


class MountsProbe:
    """`ask` is what may hang: gives nothing, or raises OSError."""

    name = "mounts"

    def __init__(self, options: MountsOptions, table: Path = MOUNTS, ask: Callable[[str], object] = os.statvfs):
        self.every_seconds = options.every_seconds
        self._options = options
        self._table = table
        self._ask = ask
        self._under_way: dict[str, _Question] = {}

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        mounts = read_mounts(self._table)
        # Whoever asks what is mounted on demand keeps it mounted, and its disks awake.
        on_demand = {one.point for one in mounts if one.kind == "autofs"}
        points = {
            f"{self.name}:{one.point}": one
            for one in mounts
            if self._is_watched(one) and not any(lies_under(one.point, point) for point in on_demand)
        }
        asked = [one for key, one in points.items() if only is None or key in only]
        return list(await asyncio.gather(*(self._looked_at(mount) for mount in asked)))

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        return {}

    def _is_watched(self, mount: Mount) -> bool:
        return (
            any(fnmatchcase(mount.kind, kind) for kind in _NETWORK)
            and not lies_under(mount.point, _A_USERS_OWN)
            and not any(fnmatchcase(mount.point, glob) for glob in self._options.ignore)
        )

    async def _looked_at(self, mount: Mount) -> CheckResult:
        question = self._under_way.get(mount.point) or self._begun(mount.point)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.timeout_seconds):
                await question.answered.wait()
        facts: dict[str, Any] = {"mount": mount.point, "source": mount.device, "kind": mount.kind}
        if question.answered.is_set():
            if question.error not in _DEAD:  # it may refuse us, who are nobody there
                return self._result(mount, Condition.HEALTHY, facts)
            facts |= {"errno": errno.errorcode[question.error], "reason": _DEAD[question.error]}
        else:
            seconds = round(time.monotonic() - question.asked_at)
            facts |= {"hangs_seconds": seconds, "reason": f"it has not answered for {seconds} s"}
        return self._result(mount, Condition.UNHEALTHY, facts)

    def _result(self, mount: Mount, condition: Condition, facts: dict[str, Any]) -> CheckResult:
        return CheckResult(f"{self.name}:{mount.point}", None, condition, RULE, "mount_stale", facts=facts)

    def _begun(self, point: str) -> _Question:
        loop = asyncio.get_running_loop()
        question = self._under_way[point] = _Question(time.monotonic(), asyncio.Event())

        def run() -> None:
            error = 0
            try:
                self._ask(point)
            except OSError as failed:
                error = failed.errno or 0
            with contextlib.suppress(RuntimeError):  # the agent has ended meanwhile
                loop.call_soon_threadsafe(ended, error)

        def ended(error: int) -> None:
            question.error = error
            question.answered.set()
            self._under_way.pop(point, None)

        threading.Thread(target=run, name=f"mount {point}"[:60], daemon=True).start()
        return question
