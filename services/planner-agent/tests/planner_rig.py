"""A whole planner in this process, on a real Redis and a real folder; only the model may be a twin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from mesh_core.approvals.proposal_files import Filed
from mesh_core.llm.budget import Budget
from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.router import Completion, Price, Prompt
from mesh_core.messaging.bridge import Bridge
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.consumer import Consumer
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.streams import ENTERED
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.policy import Policy
from mesh_core.silences.folder import SilenceFolder
from mesh_core.testing import AllFolders, wait_for
from planner_agent.diagnosis.budget_book import BudgetBook
from planner_agent.diagnosis.diagnosis import Diagnostician
from planner_agent.intake.keyed_queue import KeyedQueue
from planner_agent.intake.silence_filter import SilenceFilter
from planner_agent.planner import Planner
from planner_agent.proposal_writer import ProposalWriter
from planner_agent.store.planner_store import GROUP, PlannerStore


class SayingProvider:
    """A provider that says what it is told: a function of the schema, so that it can answer well or badly."""

    name = vendor = model = "twin"
    timeout_seconds = 60.0  # what a busy machine needs; who never answers is told to
    price = Price()
    at_once = 8

    def __init__(self, say: Callable[[dict[str, Any]], str]):
        self.say = say
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        self.asked += 1
        await self.may_answer.wait()
        return Completion(self.say(dict(schema)), 10, 5)

    async def close(self) -> None:
        """Nothing to give back."""


def first_choice(schema: dict[str, Any], action: str | None = None) -> str:
    """A good answer in the narrowed schema."""
    properties = schema["properties"]
    return json.dumps(
        {
            "action": action or properties["action"]["enum"][0],
            **{name: properties[name]["const"] for name in ("service", "node") if name in properties},
            "reason": "the container does not run any more",
            "confidence": 0.8,
            "requires_human": True,
        }
    )


class Mesh:
    """The planner under test and what surrounds it."""

    def __init__(self, url: str, runtime: Path):
        self.url = url
        self.runtime = runtime
        self.actions = AllFolders(runtime)
        self.actions.prepare()
        self.bus = Bus.connect(url, "test")
        self._running: list[tuple[list[asyncio.Task[None]], Bus, Consumer]] = []
        self._last = 0

    async def start(
        self,
        providers: Sequence[Any] = (),
        *,
        name: str = "p1",
        cooldown_ms: int = 300_000,
        ttl_seconds: int = 3600,
        reclaim_idle_ms: int = 500,
        policy: Policy | None = None,
        may_choose: bool = False,
        budgets: Mapping[str, Budget] | None = None,
        runtime: Path | None = None,
        storm_subjects: int = 0,
        inventory: Callable[[], Inventory | str] = lambda: "no inventory is there",
    ) -> Bridge:
        actions = AllFolders(runtime) if runtime else self.actions
        actions.prepare()
        bus = Bus.connect(self.url, name)
        consumer = Consumer(
            bus,
            GROUP,
            name,
            pattern="mesh:ev:*",
            streams=tuple(ENTERED.values()),
            reclaim_idle_ms=reclaim_idle_ms,
        )
        store = PlannerStore(bus, cooldown_ms=cooldown_ms, keep_seconds=ttl_seconds)
        judged = policy or Policy.load(None)
        diagnostician = Diagnostician(
            bus,
            store,
            lambda: judged,
            list(providers),
            Breakers(),
            lambda provider, model: may_choose,
            budgets=BudgetBook(bus, budgets or {}),
        )
        silences = SilenceFilter(SilenceFolder(runtime or self.runtime), store)
        writer = ProposalWriter(
            bus,
            store,
            actions,
            diagnostician,
            silences,
            ttl_seconds=ttl_seconds,
            hold_seconds=1800,
            storm_subjects=storm_subjects,
            inventory=inventory,
        )
        planner = Planner(bus, consumer, store, actions, writer, KeyedQueue(8), silences)
        bridge = Bridge(bus, "planner", on_stream=consumer.hint)
        stop = asyncio.Event()
        tasks = [asyncio.create_task(part(stop)) for part in (planner.run, planner.keep_claims, bridge.run)]
        self._running.append((tasks, bus, consumer))
        await wait_for(self._listened, 10, "the bridge listens")
        return bridge

    async def _listened(self) -> bool:
        reply = await self.bus.call("PUBSUB", "NUMSUB", "health_events")
        return int(reply[1]) >= len(self._running)

    async def stop(self) -> None:
        for tasks, bus, consumer in self._running:
            for _ in range(600):  # redis-py loses about one cancellation in twenty
                for task in tasks:
                    task.cancel()
                _, late = await asyncio.wait(tasks, timeout=0.1)
                if not late:
                    break
            assert not late, [task.get_stack() for task in late]
            await consumer.close()
            await bus.close()
            await wait_for(partial(self._gone, bus.name), 20, f"Redis noticed that {bus.name} is gone")
        self._running.clear()

    async def _gone(self, name: str) -> bool:
        """A Redis that reads the end of a blocked client and an XADD in one turn hands the entry to that client."""
        try:
            clients = await self.bus.redis.client_list()
        except RedisError:
            return True  # nor is Redis there
        return not any(client["name"] in (name, f"{name}-read") for client in clients)

    async def happens(
        self, kind: str = "container_died", node: str = "web01", service: str | None = "nginx", **more: Any
    ) -> str:
        """An event of a node agent; returns its id."""
        self._last += 1
        ms = int(asyncio.get_running_loop().time() * 1000) + self._last + 1_700_000_000_000
        event = HealthEvent(
            id=f"{node}/{ms}-0",
            type=kind,
            node=node,
            service=service,
            severity=more.pop("severity", "error"),
            payload=more.pop(
                "payload", {"runtime": "docker", "exit_code": 137, "logs": ["the container does not run"]}
            ),
            trust=Trust.NODE,
            **more,
        )

        async def appended() -> bool:
            try:
                await self.bus.append(node, f"{ms}-0", event.wire())
            except BusDown:
                return False
            return True

        await wait_for(appended, 10, "Redis takes the event")
        return str(event.id)

    def proposals(self) -> list[Filed]:
        return list(self.actions.pending())

    async def proposed(self, number: int = 1, seconds: float = 10) -> list[Filed]:
        await wait_for(lambda: len(self.proposals()) >= number, seconds, f"{number} proposals in pending/")
        return self.proposals()

    async def stream(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(fields[b"p"]) for _, fields in await self.bus.redis.xrange(name)]

    async def verdict_of(self, event_id: str, seconds: float = 10) -> str:
        found: list[str] = []

        async def decided() -> bool:
            found[:] = [d["verdict"] for d in await self.stream("mesh:decisions") if d["event_id"] == event_id]
            return bool(found)

        await wait_for(decided, seconds, f"a decision about {event_id}")
        return found[0]

    async def open_entries(self) -> int:
        """How many entries the planners have not acknowledged."""
        total = 0
        for stream in await self.bus.redis.keys("mesh:ev:*"):
            if await self.bus.redis.type(stream) == b"stream":
                for group in await self.bus.redis.xinfo_groups(stream):
                    total += group["pending"] + (group["lag"] or 0)
        return total

    async def all_acknowledged(self) -> bool:
        return await self.open_entries() == 0
