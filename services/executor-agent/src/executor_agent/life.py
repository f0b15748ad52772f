"""The executor's parts, joined: stand by, recover, watch, claim, report. Made of values, reads no environment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from executor_agent.executor import Executor, Limits
from executor_agent.ledger import Ledger
from executor_agent.leftovers import Leftovers
from executor_agent.live import LiveLines
from executor_agent.recovery import recover
from executor_agent.report import Outbox
from executor_agent.rules import RulesReader
from executor_agent.runner import Runner
from executor_agent.targets import Targets
from executor_agent.thinning import Thinning
from executor_agent.watch import watch
from mesh_core.approvals.store import Actions
from mesh_core.messaging.bus import Bus
from mesh_core.models.proposals import Folder
from mesh_core.runtime.health import Ready
from mesh_core.runtime.metrics import REPORTS_WAITING, RUNNING
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import heartbeat_file
from mesh_core.runtime.standby import Standby

SERVICE = "executor-agent"

log = structlog.get_logger()


class Life:
    """One executor on one runtime folder."""

    def __init__(
        self,
        runtime: Path,
        runner: Runner,
        redis_url: str,
        limits: Limits,
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
        self.actions = Actions(runtime)
        self._thinning = Thinning(self.actions, keep_days)
        self.state = runtime / "state" / "executor"
        self.pulse = pulse or Pulse()
        lock, heartbeat = runtime / "state" / "executor.lock", heartbeat_file(runtime, SERVICE)
        self._standby = Standby("executor", lock, heartbeat, self.pulse, look=Leftovers(lock).look)
        self._rules = RulesReader(runtime / "config")
        self._executor: Executor | None = None

    async def live(self, stop: asyncio.Event) -> None:
        """Until `stop`; a part that fails takes all down."""
        async with self._standby.alone(stop) as mine:
            if mine:
                await self._live(stop)

    async def figures(self) -> None:
        """What is running and what is not told yet, for whoever asks; nothing while another executor works here."""
        if self._executor is not None:
            RUNNING.set(self._executor.carrying)
            REPORTS_WAITING.set(len(await asyncio.to_thread(self._executor.outbox.waiting)))

    async def working(self) -> Ready:
        """Standing by is ready as long as another executor works here."""
        return self._standby.ready()

    async def inventory_readable(self) -> Ready:
        """Without an inventory and a policy that can be used, everything that is approved goes to quarantine."""
        rules = await asyncio.to_thread(self._rules.read)
        problem = next((rule for rule in (rules.inventory, rules.policy) if isinstance(rule, str)), "")
        return Ready(not problem, problem)

    async def _live(self, stop: asyncio.Event) -> None:
        self.actions.prepare()
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        outbox, lines = Outbox(self.state / "outbox"), LiveLines()
        rules = RulesReader(self.runtime / "config")
        rules.read()  # so that a missing inventory is said at the start, not at the first approval
        executor = Executor(
            self.actions,
            Ledger(self.actions, self.state, self.node),
            rules,
            self.runner,
            outbox,
            lines,
            Targets(self.state / "locks"),
            self.limits,
            node=self.node,
            bundle=self.bundle,
            pulse=self.pulse,
        )
        self._executor = executor
        bus, closing = Bus.connect(self.redis_url, "executor"), asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(outbox.deliver(bus, closing, self.pulse.watch("telling reports")), name="reports")
                group.create_task(lines.send(bus, closing), name="lines")
                try:
                    found = await recover(executor, self.pulse)
                    log.info("executor.ready", recovered=found, parallel=self.limits.parallel)
                    group.create_task(watch(self.actions.folder(Folder.APPROVED), executor.hint, stop), name="watch")
                    group.create_task(self._thinning.run(stop), name="thinning")
                    await executor.run(stop)
                    self.pulse.rest("telling reports")
                finally:
                    closing.set()  # after a failure too: the group cancels only once, and that may be lost
        finally:
            await bus.close()
