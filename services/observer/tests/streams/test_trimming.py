"""What Redis forgets: nothing that somebody still needs, everything else in time."""

from __future__ import annotations

import time
from pathlib import Path

from mesh_core.messaging.bus import Bus
from mesh_core.messaging.consumer import KEEP_MS, Consumer
from mesh_core.models.events import Decision, HealthEvent, WorldUpdate
from mesh_core.testing import RedisServer
from observer.pipeline.observer import GROUP
from observer.streams.erasures import Erasures
from observer.streams.trimming import WEEK_MS, Trimming

MANY = 300  # a stream is trimmed by whole nodes of 100 entries


async def test_streams_shrink_to_what_somebody_still_needs_and_what_is_young(
    redis_each: RedisServer, tmp_path: Path
) -> None:
    bus = Bus.connect(redis_each.url, "test")
    now = int(time.time() * 1000)
    old, ancient = now - KEEP_MS - 1_000_000, now - WEEK_MS - 1_000_000
    raw = HealthEvent(type="oom", node="pi4").wire()
    pipe = bus.redis.pipeline(transaction=False)
    for n in range(MANY):
        pipe.xadd("mesh:ev:pi4", {"p": raw}, id=f"{old + n}-0")
        pipe.xadd(Decision.stream, {"p": b"{}"}, id=f"{old + n}-0")
        pipe.xadd(WorldUpdate.stream, {"p": b"{}"}, id=f"{ancient + n}-0")
    pipe.xadd(WorldUpdate.stream, {"p": b"{}"}, id=f"{now}-0")
    await pipe.execute()

    async def length(stream: str) -> int:
        return int(await bus.call("XLEN", stream))

    observer = Consumer(bus, GROUP, "observer-test", pattern="mesh:ev:*", streams=(Decision.stream,))
    planner = Consumer(bus, "planner", "planner-1", pattern="mesh:ev:*")
    trimming = Trimming(observer, Erasures(bus, "web01"))
    while entries := await observer.read(block_ms=1):
        await observer.acknowledge(entries)
    await trimming.trim()
    assert await length("mesh:ev:pi4") == MANY, "no planner has read these yet"
    assert await length(Decision.stream) == MANY, "decisions are kept for a week"
    assert await length(WorldUpdate.stream) <= 101
    in_hand = await planner.read(count=MANY, block_ms=1)
    assert len(in_hand) == MANY
    await trimming.trim()
    assert await length("mesh:ev:pi4") == MANY, "a planner works on these"
    await planner.acknowledge(in_hand[: MANY - 1])
    await trimming.trim()
    rest = await bus.call("XRANGE", "mesh:ev:pi4", in_hand[-1].id, in_hand[-1].id)
    assert rest, "the one that is not acknowledged"
    assert await length("mesh:ev:pi4") <= 100
    for closing in (observer, planner, bus):
        await closing.close()
