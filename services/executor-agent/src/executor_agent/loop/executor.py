"""The loop: scan approved/, execute what was claimed, until it is told to stop; then wind down within bounds.

What happens to one action is `execution.py`; what a file of approved/ becomes is `approved_scanner.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from executor_agent.loop.approved_scanner import ApprovedScanner
from executor_agent.loop.execution import ActiveRun, Execution
from executor_agent.run_files.ledger import ActionRun
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import woken

SOON_SECONDS = 0.25
AT_REST = 5  # times as long between two scans while approved/ is empty: what changes there wakes us
SCAN = "the scan of approved/"

log = structlog.get_logger()


class Executor:
    """`run` is the whole life; everything else is handed in."""

    def __init__(self, scanner: ApprovedScanner, execution: Execution, pulse: Pulse):
        self.scanner = scanner
        self.execution = execution
        self._limits = execution.limits
        self._outbox = execution.outbox
        self._pulse = pulse
        self._active: dict[str, ActiveRun] = {}
        self._wake = asyncio.Event()
        self._broken: BaseException | None = None

    def wake(self) -> None:
        """Something may have come into approved/: scan now, not in two seconds."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: claim and execute. Recovery comes before (recovery.py)."""
        progress = self._pulse.watch(SCAN)
        try:
            while not stop.is_set():
                self._wake.clear()
                await self._scan(stop, progress)
                progress()
                self._raise_if_broken()
                await woken(stop, self._wake, self._scan_seconds())
        finally:
            self._pulse.rest(SCAN)
            await self._wind_down()
        self._raise_if_broken()

    def start(self, run: ActionRun) -> None:
        """Begin to execute a claimed action (new, or found again after a restart)."""
        active = ActiveRun(run)
        self._active[run.id] = active
        active.task = asyncio.create_task(self.execution.execute(active), name=f"execute {run.id}")
        active.task.add_done_callback(lambda task: self._ended(run.id, task))

    @property
    def active(self) -> int:
        """How many actions are claimed and not at their end."""
        return len(self._active)

    async def _scan(self, stop: asyncio.Event, progress: Callable[[], None]) -> None:
        for file_name in await asyncio.to_thread(self.scanner.names):
            progress()
            if stop.is_set():
                return
            if run := await asyncio.to_thread(self.scanner.take, file_name):
                self.start(run)
        await asyncio.to_thread(self._tidy)
        self._outbox.wake_if_new()

    def _tidy(self) -> None:
        self.scanner.expire_pending()
        self._outbox.try_put(())  # what a full disk kept back

    def _scan_seconds(self) -> float:
        seconds = self._limits.scan_seconds
        if self.scanner.at_rest and self._outbox.at_rest:
            return AT_REST * seconds
        return min(SOON_SECONDS, seconds) if self.scanner.incomplete else seconds

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _ended(self, action_id: str, task: asyncio.Task[None]) -> None:
        self._active.pop(action_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = self._broken or error
            self._wake.set()

    async def _wind_down(self) -> None:
        """What has not begun stays claimed for the next start; what has begun gets its time, then is told to end."""
        for active in self._active.values():
            if not active.begun and active.task:
                active.task.cancel()
        tasks = [active.task for active in self._active.values() if active.task]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._limits.stop_seconds)
        for active in self._active.values():
            if active.task in late:
                log.warning("executor.run_cancelled", action_id=active.run.id, after_seconds=self._limits.stop_seconds)
                active.cancel.set()
        if late:
            await asyncio.wait(late)
