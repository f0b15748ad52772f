"""Consumers of one group on one server, with a clock that the test holds."""

from __future__ import annotations

from typing import Any

from mesh_core.messaging.bus import Bus
from mesh_core.messaging.consumer import (
    Consumer,
)
from mesh_core.messaging.group_commands import Entry


class Group:
    """Consumers of one server, with a clock that we hold; closed at the end."""

    def __init__(self, url: str):
        self.url = url
        self.now = 0.0
        self.bus = Bus.connect(url, "test")
        self._made: list[Consumer | Bus] = [self.bus]

    def member(self, name: str, group: str = "planner", url: str = "", **more: Any) -> Consumer:
        bus = Bus.connect(url or self.url, name)
        consumer = Consumer(bus, group, name, pattern="mesh:ev:*", clock=lambda: self.now, **more)
        self._made += [consumer, bus]
        return consumer

    async def add(self, *ids: int, stream: str = "mesh:ev:pi4") -> None:
        for n in ids:
            await self.bus.call("XADD", stream, f"{n}-0", "p", f"event {n}")

    async def pending(self, stream: str = "mesh:ev:pi4", group: str = "planner") -> int:
        return int((await self.bus.redis.xpending(stream, group))["pending"])

    async def close(self) -> None:
        for one in reversed(self._made):
            await one.close()


def ids(entries: list[Entry]) -> list[str]:
    return [entry.id for entry in entries]


async def read(consumer: Consumer, **more: Any) -> list[Entry]:
    return await consumer.read(block_ms=1, **more)
