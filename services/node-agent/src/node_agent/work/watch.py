"""What is at work on this host at the moment of an event: asked when trouble is found, and with each announcement.

Bounded, and never raises: what could not be seen holds nothing. One look serves all events of the same moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog

from mesh_core.incidents.at_work import AT_WORK, MOST_ROWS, Work, WorkKind
from node_agent.checks.check_result import CheckResult
from node_agent.checks.evidence import clean_text
from node_agent.containers.container_check import unix_time
from node_agent.containers.engine import Engine
from node_agent.host.detached_thread import DetachedThread
from node_agent.host.processes import clock_began_at, program_of, started_at
from node_agent.work.declared import declared_at
from node_agent.work.deployments import CLIENTS, PULLED_SECONDS, deployment_by, pulled_at
from node_agent.work.host import HostSnapshot, Process, look_around
from node_agent.work.locks import held_locks
from node_agent.work.options import WorkOptions
from node_agent.work.people import people_at
from node_agent.work.programs import may_work, work_of
from node_agent.work.rebuilds import rebuilds_in
from node_agent.work.subject import Subject, subject_of

LOOK_SECONDS = 1.0
GOOD_FOR_SECONDS = 3.0

log = structlog.get_logger()


@dataclass
class _HostLook:
    """What does not depend on who asks; its thread writes it. `at`: when it began (monotonic seconds)."""

    options: WorkOptions
    at: float = float("-inf")
    sight: HostSnapshot = field(default_factory=HostSnapshot)
    works: list[Work] = field(default_factory=list)

    def run(self) -> None:
        root, now = self.options.host, time.time()
        with contextlib.suppress(OSError):
            self.sight = look_around(root, _is_wanted, self.at + LOOK_SECONDS)
        working = {process: found for process in self.sight.processes if (found := _work_of(process))}
        self.works += (Work(*found, process.started) for process, found in working.items())
        with contextlib.suppress(OSError, ValueError):
            self.works += self._locks({process.pid for process in working})
        with contextlib.suppress(OSError, ValueError):
            self.works += (Work(WorkKind.DISK_CHECK, one.told, now - one.seconds) for one in rebuilds_in(root))
        self.works += declared_at(root, self.options.maintenance, now)

    def _locks(self, told: set[int]) -> Iterator[Work]:
        """Held by whom the table of programs does not know."""
        proc = self.options.host / "proc"
        for lock in held_locks(self.options.host):
            if lock.pid not in told:
                since = clock_began_at() + started_at(proc / str(lock.pid))
                name = clean_text(program_of(proc / str(lock.pid)), 40)
                yield Work(WorkKind.PACKAGES, f"{name}, which holds the lock of {lock.manager},", since)


class WorkWatch:
    """One a host."""

    def __init__(self, options: WorkOptions, docker_host: str, clock: Callable[[], float] = time.monotonic):
        self._options = options
        self._engine = Engine(docker_host)
        self._clock = clock
        self._turn = asyncio.Lock()
        self._thread = DetachedThread("at_work")
        self._look = _HostLook(options)
        self._pulls: list[Any] = []

    async def look(self, result: CheckResult) -> dict[str, Any]:
        """`{"at_work": [...]}`: what this trouble may come from; an empty list where nothing is at work."""
        if not self._options.enabled:
            return {}
        try:
            return await self._seen_about(subject_of(result))
        except Exception as error:  # noqa: BLE001 - whatever a host or an engine has in store, the event goes out
            log.warning("at_work.not_seen", error=f"{type(error).__name__}: {error}"[:200])
            return {}

    async def _seen_about(self, subject: Subject) -> dict[str, Any]:
        async with self._turn:
            if self._clock() - self._look.at > GOOD_FOR_SECONDS:
                await self._look_anew()
        works = [*self._look.works, *self._about(subject), *await self._pulled(subject)]
        return {AT_WORK: [work.in_payload() for work in _each_once(works)[:MOST_ROWS]]}

    async def _look_anew(self) -> None:
        self._look = _HostLook(self._options, self._clock())
        with contextlib.suppress(TimeoutError):  # what is there by then is what there is
            async with asyncio.timeout(2 * LOOK_SECONDS):
                await self._thread.run(self._look.run)
        self._pulls = []
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                self._pulls = await self._engine.pulls(time.time() - PULLED_SECONDS)

    def _about(self, subject: Subject) -> Iterator[Work]:
        now, sight = time.time(), self._look.sight
        for process in sight.processes:
            if what := deployment_by(process, subject, now):
                yield Work(WorkKind.DEPLOYMENT, what, process.started)
        yield from people_at(self._options.host, sight, subject, now)

    async def _pulled(self, subject: Subject) -> list[Work]:
        """A container that was made of the image of now is the end of an update, not its beginning."""
        if not subject.image or not pulled_at(self._pulls, subject.image, 0.0):
            return []
        made_at = 0.0
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                made_at = unix_time((await self._engine.container(subject.container) or {}).get("Created"))
        at = pulled_at(self._pulls, subject.image, made_at)
        return [Work(WorkKind.DEPLOYMENT, f"an update to {subject.image}, which was just pulled,", at)] if at else []


def _work_of(process: Process) -> tuple[WorkKind, str] | None:
    """What a container does to its own packages or disk is no work of the host; its database is backed up in it."""
    found = work_of(process.words)
    return None if found and process.nested and found[0] is not WorkKind.BACKUP else found


def _is_wanted(comm: str) -> bool:
    return comm in CLIENTS or may_work(comm)


def _each_once(works: list[Work]) -> list[Work]:
    """The longest of each, in the order of their kinds."""
    oldest: dict[tuple[WorkKind, str], Work] = {}
    for work in sorted(works, key=lambda one: (list(WorkKind).index(one.kind), one.since)):
        oldest.setdefault((work.kind, work.what), work)
    return list(oldest.values())
