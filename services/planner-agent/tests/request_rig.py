"""The planner's part for requests in this process, on a real Redis and a real folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.router import Provider
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.consumer import Consumer
from mesh_core.models.requests import MAX_REQUEST_BYTES, Request, RequestStatus, RequestUpdate
from mesh_core.policy.current_config import ConfigReader
from mesh_core.runtime.pulse import Pulse
from mesh_core.testing import AllFolders, wait_for
from planner_agent.diagnosis.attempt_reports import AttemptReports
from planner_agent.proposals.proposal_drafts import ProposalDrafts
from planner_agent.requests.channel import RequestChannel
from planner_agent.requests.filing import RequestFiling
from planner_agent.requests.inbox import RequestInbox
from planner_agent.requests.model_drafting import ModelDrafting
from planner_agent.requests.syntax_check import SyntaxCheck
from planner_agent.requests.writing.task_writer import TaskWriter
from planner_agent.store.planner_store import GROUP, PlannerStore

INVENTORY = "all: {hosts: {db01: {}}, children: {web: {hosts: {web01: {}, web02: {}}}, empty: {}}}\n"


def now() -> datetime:
    return datetime.now(UTC)


def write_inventory(runtime: Path) -> None:
    (runtime / "config").mkdir(exist_ok=True)
    (runtime / "config" / "inventory.yml").write_text(INVENTORY)


class Requests:
    """Planners that read requests, and what they leave."""

    def __init__(self, url: str, runtime: Path):
        self.url = url
        self.runtime = runtime
        self.providers: list[Provider] = []  # the chain
        self.may_write = frozenset[str]()
        self.actions = AllFolders(runtime)
        self.actions.prepare()
        write_inventory(runtime)
        self.folder = RequestFolder(runtime)
        self.folder.prepare()
        self.bus = Bus.connect(url, "test")
        self._closing: list[Callable[[], Any]] = [self.bus.close]
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self.syntax_seconds = 0.0

    def syntax(self, bus: Bus) -> SyntaxCheck:
        """Nobody answers here, and nobody waits for it long."""
        return SyntaxCheck(bus, seconds=self.syntax_seconds)

    async def start(self, name: str = "p1") -> None:
        bus = Bus.connect(self.url, name)
        consumer = Consumer(
            bus, GROUP, name, streams=(Request.stream,), reclaim_idle_ms=500, longest=MAX_REQUEST_BYTES + 1
        )
        ttl = timedelta(hours=1)
        store = PlannerStore(bus, cooldown_ms=1000, keep_seconds=3600)
        drafts = ProposalDrafts(store, self.actions, ttl, now)
        filing = RequestFiling(store, self.actions, drafts, ttl, now, self.syntax(bus))
        writer = TaskWriter(self.providers, self.may_write, Breakers(), AttemptReports(bus).tell)
        config = ConfigReader(self.runtime)
        models = ModelDrafting(writer, self.folder, filing, config, now)
        inbox = RequestInbox(bus, consumer, self.folder, filing, config, models, Pulse(), now)
        channel = RequestChannel(bus, "planner", on_stream=consumer.hint)
        self._tasks += [asyncio.create_task(part(self._stop)) for part in (inbox.run, channel.run)]
        self._closing += [consumer.close, bus.close]
        listening = len(self._tasks) // 2

        async def listens() -> bool:
            return int((await self.bus.call("PUBSUB", "NUMSUB", Request.channel))[1]) >= listening

        await wait_for(listens, 20, "it listens")

    async def stop(self) -> None:
        self._stop.set()
        for task in self._tasks:
            await asyncio.wait_for(task, 20)
        for close in self._closing:
            await close()

    async def say(self, **value: Any) -> None:
        """As an outsider: a bare PUBLISH."""
        await self.bus.call("PUBLISH", Request.channel, json.dumps(value))

    async def known(self, number: int = 1) -> list[RequestStatus]:
        """What is known of that many requests, the oldest first."""
        await wait_for(lambda: len(self.folder.all()) >= number, 20, f"{number} requests in requests/")
        return [*reversed(self.folder.all())]

    async def told(self, number: int = 1) -> list[dict[str, Any]]:
        """What was said of requests, once it is that much: a request's file comes before the word of it."""
        updates: list[dict[str, Any]] = []

        async def heard() -> bool:
            updates[:] = await self.stream(RequestUpdate.stream)
            return len(updates) >= number

        await wait_for(heard, 20, f"{number} updates of requests")
        return updates

    async def stream(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(fields[b"p"]) for _, fields in await self.bus.redis.xrange(name)]
