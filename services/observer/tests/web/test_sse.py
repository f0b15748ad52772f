"""The live stream: each message once to every viewer, a slow one and a gap are told, and it ends with the observer."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.testing import RedisServer, wait_for
from observer.web import sse
from observer.web.sse import CHUNK_BYTES, LAG, SseBroadcaster, as_sse, hello


@contextlib.asynccontextmanager
async def running(url: str) -> AsyncIterator[SseBroadcaster]:
    live, stop = SseBroadcaster(url, "test"), asyncio.Event()
    task = asyncio.create_task(live.run(stop))
    try:
        yield live
    finally:
        stop.set()
        live.close()
        await task


async def listens(bus: Bus) -> None:
    async def heard() -> bool:
        return int((await bus.call("PUBSUB", "NUMSUB", "executor_output"))[1]) > 0

    await wait_for(heard, 10, "the live part listens")


async def test_every_viewer_gets_every_message_once_and_in_order(redis_server: RedisServer) -> None:
    bus = Bus.connect(redis_server.url, "test")
    async with running(redis_server.url) as live:
        await listens(bus)
        got: list[list[str]] = [[], []]

        async def view(into: list[str]) -> None:
            text = b""
            async for chunk in live.subscribe():
                text += chunk
                into[:] = [line[6:].decode() for line in text.split(b"\n") if line.startswith(b"data: ")][1:]
                if len(into) == 200:
                    return

        viewers = [asyncio.create_task(view(into)) for into in got]
        await wait_for(lambda: live.subscribers == 2, 10, "two viewers")
        for n in range(199):
            await bus.announce("executor_output", json.dumps({"line": n}).encode())
        await bus.enter(HealthEvent(type="x", node="n"), Trust.FOREIGN)
        async with asyncio.timeout(60):
            await asyncio.gather(*viewers)
        assert [json.loads(line).get("line") for line in got[0][:199]] == list(range(199))
        assert json.loads(got[0][199])["type"] == "x"
        assert got[0] == got[1]
        await wait_for(lambda: live.subscribers == 0, 10, "nobody looks any more")
    await bus.close()


async def test_what_nobody_of_ours_says_is_not_passed_on_and_no_write_is_large(redis_server: RedisServer) -> None:
    bus = Bus.connect(redis_server.url, "test")
    async with running(redis_server.url) as live:
        await listens(bus)
        chunks: list[bytes] = []

        async def view() -> None:
            async for chunk in live.subscribe():
                chunks.append(chunk)
                if b'"last"' in chunk:
                    return

        viewer = asyncio.create_task(view())
        await wait_for(lambda: live.subscribers == 1, 10, "a viewer")
        pipe = bus.redis.pipeline(transaction=False)
        for _ in range(40):
            pipe.publish("executor_output", json.dumps({"large": "x" * 60_000}))
            pipe.publish("health_events", json.dumps({"huge": "y" * 100_000}))
        pipe.publish("executor_output", '{"line": "last"}')
        await pipe.execute()
        async with asyncio.timeout(60):
            await viewer
        assert max(map(len, chunks)) < CHUNK_BYTES + 70_000
        told = b"".join(chunks)
        assert (told.count(b"large"), told.count(b"huge")) == (40, 0)
    await bus.close()


async def test_who_cannot_keep_up_is_told_to_read_the_lists_again() -> None:
    live = SseBroadcaster("redis://127.0.0.1:1/0", "test")
    viewer = live.subscribe()
    assert await anext(viewer) == hello(1)
    for n in range(sse.QUEUE_CHUNKS + 1):
        live.broadcast(b"chunk %d" % n)
    assert await anext(viewer) == LAG
    assert await anext(viewer) == b"chunk %d" % sse.QUEUE_CHUNKS
    live.close()
    with pytest.raises(StopAsyncIteration):
        await anext(viewer)


async def test_that_a_list_is_old_is_told_as_an_event_of_its_own() -> None:
    live = SseBroadcaster("redis://127.0.0.1:1/0", "test")
    live.notify_changed("index")  # nobody looks
    viewer = live.subscribe()
    assert await anext(viewer) == hello(1)
    live.notify_changed("index")
    live.notify_changed("audit")
    assert await anext(viewer) == b"event: index\ndata: {}\n\n"
    assert await anext(viewer) == b"event: audit\ndata: {}\n\n"
    live.close()


async def test_a_redis_that_was_away_is_told_as_a_gap(redis_server: RedisServer) -> None:
    bus = Bus.connect(redis_server.url, "test")
    async with running(redis_server.url) as live:
        await listens(bus)
        viewer = live.subscribe()
        assert await anext(viewer) == hello(1)
        redis_server.kill()
        redis_server.start()
        async with asyncio.timeout(60):
            assert await anext(viewer) == LAG
        await viewer.aclose()  # type: ignore[attr-defined]
    await bus.close()


def test_what_is_no_object_is_not_sent_and_a_line_break_cannot_forge_an_event() -> None:
    assert as_sse("health_events", b"not json") is None
    assert as_sse("health_events", b"[1]") is None
    assert as_sse("health_events", b"[" * 100_000) is None
    sent = as_sse("health_events", b'{"a":\n1,\r"b": "x"}')
    assert sent == b'event: event\ndata: {"a": 1, "b": "x"}\n\n'
