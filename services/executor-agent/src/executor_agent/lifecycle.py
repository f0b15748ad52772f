"""The executor's parts, joined: stand by, recover, watch, claim, report. Made of values, reads no environment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from executor_agent.loop.approved_scanner import ApprovedScanner
from executor_agent.loop.bounded_runner import BoundedRunner, ExecutorLimits
from executor_agent.loop.execution import Execution
from executor_agent.loop.executor import Executor
from executor_agent.loop.neighbours import Neighbours
from executor_agent.loop.recovery import recover
from executor_agent.loop.target_locks import TargetLocks
from executor_agent.processes.orphans import OrphanReaper
from executor_agent.reporting.live_output import LiveOutput
from executor_agent.reporting.outbox import Outbox
from executor_agent.run_files.finalizer import Finalizer
from executor_agent.run_files.ledger import Ledger
from executor_agent.run_files.retention import RunRetention
from executor_agent.runner.interface import Runner
from mesh_core.approvals.executor_folders import ExecutorFolders
from mesh_core.messaging.bus import Bus
from mesh_core.models.proposals import Folder
from mesh_core.models.records import utc_now
from mesh_core.policy.current_config import ConfigReader
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.lifeline_note import note_lifeline
from mesh_core.runtime.health import Ready
from mesh_core.runtime.heartbeats import heartbeat_file
from mesh_core.runtime.leader_lock import LeaderLock
from mesh_core.runtime.metrics import REPORTS_WAITING, RUNNING
from mesh_core.runtime.path_watch import PathWatch
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.services import EXECUTOR

log = structlog.get_logger()


class ExecutorLifecycle:
    """One executor on one runtime folder."""

    def __init__(
        self,
        runtime: Path,
        runner: Runner,
        redis_url: str,
        limits: ExecutorLimits,
        *,
        node: str,
        bundle: Callable[[Path], object] = lambda folder: None,
        pulse: Pulse | None = None,
        keep_days: int = 0,
    ):
        self.runtime = runtime
        self.runner = runner
        self.redis_url = redis_url
        self.limits = limits
        self.node = node
        self.bundle = bundle
        self.actions = ExecutorFolders(runtime)
        self.state = runtime / "state" / "executor"
        self.pulse = pulse or Pulse()
        lock, heartbeat = runtime / "state" / "executor.lock", heartbeat_file(runtime, EXECUTOR)
        self._leader_lock = LeaderLock("executor", lock, heartbeat, self.pulse, inspect=OrphanReaper(lock).inspect)
        self._lifeline = Lifeline.at([redis_url], node)
        self._config = ConfigReader(runtime, self._lifeline)
        self._retention = RunRetention(self.actions, keep_days)
        self._executor: Executor | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a part that fails takes all down."""
        async with self._leader_lock.hold(stop) as leading:
            if leading:
                await self._lead(stop)

    async def figures(self) -> None:
        """What is running and what is not reported yet, for whoever asks; nothing while another executor works here."""
        if self._executor is not None:
            RUNNING.set(self._executor.active)
            REPORTS_WAITING.set(len(await asyncio.to_thread(self._executor.execution.outbox.waiting)))

    async def working(self) -> Ready:
        """Standing by is ready as long as another executor works here."""
        return self._leader_lock.ready()

    async def config_readable(self) -> Ready:
        """Without an inventory and a policy that can be used, everything that is approved goes to quarantine."""
        config = await asyncio.to_thread(self._config.read)
        problem = next((part for part in (config.inventory, config.policy) if isinstance(part, str)), "")
        return Ready(not problem, problem)

    async def _lead(self, stop: asyncio.Event) -> None:
        """The only executor of this folder."""
        self.actions.prepare()
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        outbox, output = Outbox(self.state / "outbox"), LiveOutput()
        bus, closing = Bus.connect(self.redis_url, "executor"), asyncio.Event()
        executor = self._executor = self._assemble(outbox, output, Neighbours(bus))
        paths = PathWatch()
        paths.subscribe(executor.wake, self.actions.folder(Folder.APPROVED))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(outbox.deliver(bus, closing, self.pulse.watch("delivering reports")), name="reports")
                group.create_task(output.publish(bus, closing), name="output")
                try:
                    found = await asyncio.to_thread(self.actions.running)
                    for run in await recover(executor.execution, found, self.pulse):
                        executor.start(run)
                    log.info("executor.ready", recovered=len(found), parallel=self.limits.parallel)
                    group.create_task(paths.run(stop), name="watch")
                    group.create_task(self._retention.run(stop), name="retention")
                    await executor.run(stop)
                    self.pulse.rest("delivering reports")
                finally:
                    closing.set()  # after a failure too: the group cancels only once, and that may be lost
        finally:
            await bus.close()

    def _assemble(self, outbox: Outbox, output: LiveOutput, neighbours: Neighbours) -> Executor:
        if error := note_lifeline(self.runtime, EXECUTOR, self._lifeline):
            log.warning("executor.lifeline_not_noted", reason=str(error))
        config = ConfigReader(self.runtime, self._lifeline, _complain)
        config.read()  # so that a missing inventory is said at the start, not at the first approval
        ledger, actor = Ledger(self.actions, self.state, self.node), f"executor@{self.node}"
        locks = TargetLocks(self.state / "locks")
        finalizer = Finalizer(self.actions, ledger, outbox, actor=actor, bundle=self.bundle, clock=utc_now)
        scanner = ApprovedScanner(self.actions, ledger, config, outbox, actor=actor, node=self.node, clock=utc_now)
        runner = BoundedRunner(self.runner, output, self.limits)
        execution = Execution(ledger, config, runner, outbox, locks, finalizer, neighbours=neighbours)
        return Executor(scanner, execution, self.pulse)


def _complain(file: Path, sentence: str) -> None:
    log.warning("executor.config_unusable", file=str(file), reason=sentence)
