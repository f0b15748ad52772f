"""Before Redis is full the observer makes room: what is dealt with first, then the largest stream, which is named."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.consumer import Consumer
from mesh_core.messaging.redis_state import read_state
from mesh_core.models.events import HealthEvent
from mesh_core.models.parsing import event_in
from mesh_core.models.streams import OBSERVER_STREAM
from mesh_core.testing import RedisServer, wait_for
from observer.pipeline.observer import GROUP
from observer.streams.erasures import Erasures
from observer.streams.memory_pressure import PRESSED, MemoryPressure
from observer.streams.trimming import Trimming

MOST = 24 * 1024 * 1024


@dataclass
class Scene:
    bus: Bus
    consumer: Consumer
    pressure: MemoryPressure

    async def fill(self, stream: str, entries: int, size: int, first: str = "*") -> None:
        """Until `entries` are in or Redis is full."""
        for n in range(entries):
            try:
                await self.bus.call("XADD", stream, first if first == "*" else f"{n + 1}-0", "p", b"x" * size)
            except BusDown:
                return

    async def length(self, stream: str) -> int:
        return int(await self.bus.call("XLEN", stream))

    async def used(self) -> float:
        state = await read_state(self.bus)
        return state.used_bytes / state.most_bytes

    async def told(self) -> list[HealthEvent]:
        rows, _ = await self.bus.page(OBSERVER_STREAM, "-")
        events = [event_in(OBSERVER_STREAM, *row) for row in rows]
        return [event for event in events if isinstance(event, HealthEvent)]


@pytest.fixture
async def scene(redis_each: RedisServer) -> AsyncIterator[Scene]:
    bus = Bus.connect(redis_each.url, "observer")
    await bus.call("CONFIG", "SET", "maxmemory", MOST)
    consumer = Consumer(bus, GROUP, "observer-test", pattern="mesh:ev:*")
    erasures = Erasures(bus, "home")
    yield Scene(bus, consumer, MemoryPressure(bus, consumer, Trimming(consumer, erasures), erasures, "home"))
    for part in (consumer, bus):
        await part.close()


@pytest.mark.slow
async def test_one_node_that_floods_pays_itself_and_the_others_lose_nothing(scene: Scene) -> None:
    await scene.fill("mesh:ev:pi4", 300, 500)
    await scene.fill("mesh:ev:web01", 3000, 60)  # small ones first: half of its entries are no half of it
    await scene.consumer.read(block_ms=1)  # the streams are known, and nobody has dealt with anything
    await scene.fill("mesh:ev:web01", 60, 900_000)
    assert await scene.used() > PRESSED
    await scene.pressure.look()
    assert await scene.used() < PRESSED
    assert await scene.length("mesh:ev:pi4") == 300
    (event,) = await scene.told()
    assert (event.type, event.node, event.trust) == ("stream_overflow", "web01", "observer")
    assert event.payload["stream"] == "mesh:ev:web01"
    assert event.payload["dropped"] + await scene.length("mesh:ev:web01") > 3000
    for _ in range(3):  # it goes on: cut each time, told once an hour
        await scene.fill("mesh:ev:web01", 60, 900_000)
        await scene.pressure.look()
    assert await scene.used() < PRESSED
    assert len(await scene.told()) == 1
    assert await scene.length("mesh:ev:pi4") == 300


async def test_a_stream_that_was_full_before_anybody_joined_it_is_cut_as_well(scene: Scene) -> None:
    await scene.fill("mesh:ev:web01", 300, 60_000)
    await scene.bus.call("CONFIG", "SET", "maxmemory", int(0.9 * (await read_state(scene.bus)).used_bytes))
    with pytest.raises(BusDown):
        await scene.consumer.read(block_ms=1)  # to join it takes room
    assert await scene.pressure.look()
    assert await scene.used() < PRESSED
    assert [event.node for event in await scene.told()] == ["web01"]
    assert await scene.consumer.read(block_ms=1)


async def test_what_was_cut_is_told_though_redis_was_too_full_to_take_that(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.fill("mesh:ev:web01", 1, 60)
    await scene.consumer.read(block_ms=1)
    await scene.fill("mesh:ev:web01", 60, 900_000)
    enter = Bus.enter
    refused: list[Any] = []

    async def full_at_first(self: Bus, *event: Any, **more: Any) -> Any:
        if not refused:
            refused.append(event)
            raise BusDown("OOM command not allowed when used memory > 'maxmemory'")
        return await enter(self, *event, **more)

    monkeypatch.setattr(Bus, "enter", full_at_first)
    with pytest.raises(BusDown):
        await scene.pressure.look()
    assert not await scene.pressure.look()  # there is room by now
    assert [event.node for event in await scene.told()] == ["web01"]


async def test_what_answers_hold_that_nobody_fetches_costs_no_stream_its_events(
    scene: Scene, redis_each: RedisServer
) -> None:
    await scene.fill("mesh:ev:pi4", 300, 500)
    await scene.fill("mesh:ev:web01", 1, 900_000)
    await scene.consumer.read(block_ms=1)
    await scene.bus.call("CONFIG", "SET", "maxmemory", MOST // 2)
    with socket.create_connection(("127.0.0.1", redis_each.port)) as slow:
        slow.sendall(b"XRANGE mesh:ev:web01 - +\r\n" * 14)  # less than what has a connection closed

        async def full() -> bool:
            return await scene.used() > PRESSED

        await wait_for(full, 10, "Redis to hold the answers")
        assert await scene.pressure.look()
        assert (await scene.length("mesh:ev:pi4"), await scene.length("mesh:ev:web01")) == (300, 1)
        assert await scene.told() == []


async def test_what_everybody_has_dealt_with_goes_first_and_then_nothing_is_lost(scene: Scene) -> None:
    await scene.fill("mesh:ev:pi4", 2000, 10_000, first="old")  # written long ago
    planner = Consumer(scene.bus, "planner", "p", pattern="mesh:ev:*")
    for consumer in (scene.consumer, planner):
        while entries := await consumer.read(block_ms=1):
            await consumer.acknowledge(entries)
    await scene.fill("mesh:ev:web01", 20, 50_000)
    await scene.consumer.read(block_ms=1)
    assert await scene.used() > PRESSED
    await scene.pressure.look()
    assert await scene.length("mesh:ev:pi4") <= 100
    assert await scene.length("mesh:ev:web01") == 20
    assert await scene.told() == []
    await planner.close()


async def test_with_room_nothing_is_touched(scene: Scene) -> None:
    await scene.fill("mesh:ev:pi4", 1000, 10_000, first="old")
    for _ in range(2):
        while entries := await scene.consumer.read(block_ms=1):
            await scene.consumer.acknowledge(entries)
    await scene.pressure.look()
    assert await scene.length("mesh:ev:pi4") == 1000
