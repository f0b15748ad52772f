"""What only these tests need: a disk that is soon full, and an agent in this process with its events in a list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from docker_rig import Box

from mesh_core.models.events import HealthEvent
from mesh_core.testing import wait_for
from node_agent.agent import Agent
from node_agent.incidents.flapping import FlapOptions
from node_agent.incidents.incident_store import IncidentStore
from node_agent.incidents.incident_tracker import IncidentTracker
from node_agent.investigation import gathering
from node_agent.probe_base.probe import Probe


class Watched:
    """An agent that runs; its events in a list."""

    def __init__(self) -> None:
        self.events: list[HealthEvent] = []
        self.deliver: Callable[[HealthEvent], object] = lambda event: None

    def take(self, event: HealthEvent) -> None:
        self.events.append(event)
        self.deliver(event)

    def of(self, service: str | None) -> list[HealthEvent]:
        return [e for e in self.events if e.service == service and not e.payload.get("announced_again")]

    @property
    def announced(self) -> list[HealthEvent]:
        return [e for e in self.events if e.payload.get("announced_again")]

    def types(self, service: str | None) -> list[str]:
        return [event.type for event in self.of(service)]

    async def see(self, service: str | None, *types: str, seconds: float = 15) -> HealthEvent:
        """Wait until exactly these events of `service` were sent, in this order; returns the last."""
        try:
            await wait_for(lambda: self.types(service) == list(types), seconds, f"{service}: {types}")
        except AssertionError as error:
            raise AssertionError(f"{error}; saw {[(e.type, e.service, e.timestamp) for e in self.events]}") from None
        return self.of(service)[-1]


Watching = Callable[..., AbstractAsyncContextManager[Watched]]


@pytest.fixture
def watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watching:
    """`async with watching(probe, ...) as watched`: an agent over these probes; ends with the block.

    It waits for evidence as long as a busy machine needs.

    A callable instead of a probe is given the tracker, after what an earlier agent left open was put back into them.
    """

    monkeypatch.setattr(gathering, "EVIDENCE_SECONDS", 60.0)

    @asynccontextmanager
    async def start(
        *probes: Probe | Callable[[IncidentTracker], Probe],
        flapping: FlapOptions | None = None,
        announce_seconds: float = 60.0,
        caught_up: Callable[[], bool] = lambda: True,
        **more: Any,
    ) -> AsyncIterator[Watched]:
        watched = Watched()
        store = IncidentStore(tmp_path / "open.json")
        tracker = IncidentTracker("n1", flapping)
        store.load(tracker)
        agent = Agent(tracker, watched.take, store, announce_seconds=announce_seconds, caught_up=caught_up, **more)
        agent.probes.extend(p(tracker) if callable(p) else p for p in probes)
        stop = asyncio.Event()
        tasks = [asyncio.create_task(part(stop)) for part in (agent.watch, agent.announce)]
        try:
            yield watched
        finally:
            stop.set()
            await asyncio.wait_for(asyncio.gather(*tasks), 60)

    return start


@pytest.fixture
def box(engine: Any, base_image: str) -> Iterator[Box]:
    box = Box(engine, base_image)
    yield box
    engine.rm(*box.names)
