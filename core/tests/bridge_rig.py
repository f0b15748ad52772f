"""Several bridges on one server. Not a test."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from mesh_core.messaging.bridge import Bridge, Heard
from mesh_core.messaging.bus import Bus
from mesh_core.models.streams import FOREIGN_STREAM
from mesh_core.testing import wait_for

NOW = "2026-05-05T12:00:00.000Z"


class _Telling(Bridge):
    """Says what it has dealt with, by its bytes."""

    dealt_with: Counter[bytes]

    async def hear(self, heard: Heard) -> None:
        await super().hear(heard)
        self.dealt_with[heard.raw] += 1


class Listeners:
    """Several bridges on one server, all listening."""

    def __init__(self, url: str):
        self.bus = Bus.connect(url, "test")
        self.stop = asyncio.Event()
        self.bridges: list[Bridge] = []
        self.hints: list[str] = []
        self.listened = 0
        self.dealt_with: Counter[bytes] = Counter()  # by how many bridges
        self._words = 0
        self._buses: list[Bus] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, count: int) -> None:
        for n in range(count):
            bus = Bus.connect(self.bus.url, f"replica{n}")
            bridge = _Telling(bus, "planner", on_stream=self.hints.append, on_listening=self.count_listening)
            bridge.dealt_with = self.dealt_with
            self._buses.append(bus)
            self.bridges.append(bridge)
            self._tasks.append(asyncio.create_task(bridge.run(self.stop)))
        await wait_for(lambda: self.listened == count, 20, f"{count} subscriptions of our own")

    def count_listening(self) -> None:
        self.listened += 1

    async def listening(self, count: int) -> bool:
        reply = await self.bus.call("PUBSUB", "NUMSUB", "health_events")
        return int(dict(reply)[b"health_events"] if isinstance(reply[0], tuple) else reply[1]) == count

    async def say(self, raw: bytes | str) -> int:
        return await self.bus.announce("health_events", raw if isinstance(raw, bytes) else raw.encode())

    async def settled(self) -> None:
        """Every bridge that hears it has dealt with everything said so far: each keeps the order."""
        self._words += 1
        word = f'{{"type":"last_word","node":"end","timestamp":"{NOW}","number":{self._words}}}'.encode()
        counted = await self.say(word)
        assert counted, "nobody listens"
        await wait_for(lambda: self.dealt_with[word] == counted, 60, "the last word")

    async def stream(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(fields[b"p"]) for _, fields in await self.bus.call("XRANGE", name, "-", "+")]

    async def adopted(self) -> list[dict[str, Any]]:
        return [one for one in await self.stream(FOREIGN_STREAM) if one["type"] != "last_word"]

    async def close(self) -> None:
        self.stop.set()  # ends the wait for a message
        await asyncio.wait_for(asyncio.gather(*self._tasks), 60)
        for bus in (*self._buses, self.bus):
            await bus.close()
