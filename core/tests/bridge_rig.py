"""Several bridges on one server. Not a test."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from mesh_core.messaging.bridge import Bridge
from mesh_core.messaging.bus import Bus
from mesh_core.models.streams import FOREIGN_STREAM
from mesh_core.testing import wait_for

NOW = "2026-05-05T12:00:00.000Z"


class Listeners:
    """Several bridges on one server, all listening."""

    def __init__(self, url: str):
        self.bus = Bus.connect(url, "test")
        self.stop = asyncio.Event()
        self.bridges: list[Bridge] = []
        self.hints: list[str] = []
        self.listened = 0
        self._buses: list[Bus] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, count: int) -> None:
        for n in range(count):
            bus = Bus.connect(self.bus.url, f"replica{n}")
            bridge = Bridge(bus, "planner", on_stream=self.hints.append, on_listening=self.count_listening)
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
        """Every bridge has dealt with everything said so far: the last word is adopted, and the order is kept."""
        await self.say(f'{{"type":"last_word","node":"end","timestamp":"{NOW}"}}')

        async def heard() -> bool:
            return any(one["type"] == "last_word" for one in await self.stream(FOREIGN_STREAM))

        await wait_for(heard, 10, "the last word")
        for bridge in self.bridges:  # an answered question of each bridge's own connection comes after its work
            await bridge._bus.call("PING")
        await asyncio.sleep(0.1)

    async def stream(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(fields[b"p"]) for _, fields in await self.bus.call("XRANGE", name, "-", "+")]

    async def adopted(self) -> list[dict[str, Any]]:
        return [one for one in await self.stream(FOREIGN_STREAM) if one["type"] != "last_word"]

    async def close(self) -> None:
        self.stop.set()  # ends the wait for a message
        await asyncio.wait_for(asyncio.gather(*self._tasks), 60)
        for bus in (*self._buses, self.bus):
            await bus.close()
