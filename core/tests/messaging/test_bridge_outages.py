"""A bridge whose server goes away: what it heard is adopted once, since when it was deaf is known, and it ends."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest
import redis
from bridge_rig import Listeners

from mesh_core.messaging import bridge as bridge_module
from mesh_core.messaging.bridge import Bridge, Heard
from mesh_core.messaging.bus import Bus, Hearing
from mesh_core.models.streams import FOREIGN_STREAM
from mesh_core.testing import RedisServer, wait_for

PACE_SECONDS = 0.005  # between two messages: enough fall into each moment, and a fast machine has no thousands to adopt


async def listening(url: str) -> tuple[Bus, Bridge, asyncio.Event, asyncio.Task[None]]:
    """A bridge that Redis counts, what ends it, and its run."""
    bus, stop = Bus.connect(url, "test"), asyncio.Event()
    bridge = Bridge(bus, "planner")
    running = asyncio.create_task(bridge.run(stop))
    await wait_for(lambda: bridge._subscriptions, 20, "it listens")
    return bus, bridge, stop, running


async def test_a_listener_knows_since_when_it_heard_nothing_also_when_it_was_stopped(
    redis_each: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Heard] = []

    async def keep(self: Bridge, one: Heard) -> None:
        heard.append(one)

    monkeypatch.setattr(Bridge, "hear", keep)
    monkeypatch.setattr(bridge_module, "LOOK_SECONDS", 0.4)
    bus, bridge, stop, running = await listening(redis_each.url)
    with redis.Redis(port=redis_each.port) as somebody:
        began = time.monotonic()
        await wait_for(lambda: bridge._looked_at > began, 20, "while it waits it looks again")
        somebody.publish("health_events", "1")
        await wait_for(lambda: len(heard) == 1, 20, "it hears")
        assert began < heard[0].hearing.looked_at <= heard[0].hearing.at
        published = time.monotonic()
        somebody.publish("health_events", "2")
        time.sleep(0.8)  # noqa: ASYNC251  all of this process stands still, past the next look
        await wait_for(lambda: len(heard) == 2, 20, "it hears what came meanwhile")
        assert heard[1].hearing.looked_at <= published
        assert heard[1].hearing.at >= published + 0.8
    stop.set()
    await running
    await bus.close()


async def test_what_two_bridges_heard_before_redis_was_killed_is_adopted_once_after_it(
    redis_server: RedisServer,
) -> None:
    listeners = Listeners(redis_server.url)
    await listeners.start(2)
    async with listeners.bus.redis.pipeline(transaction=False) as pipe:
        for n in range(200):
            pipe.publish("health_events", f'{{"type":"oom","node":"pi4","service":"s{n}"}}')
        await pipe.execute()

    async def some() -> bool:
        return len(await listeners.adopted()) >= 50

    await wait_for(some, 10, "some are adopted")
    redis_server.kill()
    await asyncio.sleep(2.1)  # the window of two seconds passes
    redis_server.start()
    await wait_for(listeners.bus.is_up, 10, "our own connection is new")
    await wait_for(lambda: listeners.listening(2), 10, "new subscriptions")

    async def all_there() -> bool:
        return len({one["service"] for one in await listeners.adopted()}) == 200

    await wait_for(all_there, 20, "all are adopted")
    await listeners.settled()
    assert len(await listeners.adopted()) == 200
    await listeners.close()


async def test_a_gap_in_listening_is_counted(listeners: Listeners) -> None:
    await listeners.start(1)
    assert listeners.bridges[0].gaps == 0
    for gaps in (1, 2):
        await listeners.bus.call("CLIENT", "KILL", "TYPE", "pubsub")
        await wait_for(lambda g=gaps: listeners.bridges[0].gaps == g, 10, f"gap {gaps}")  # type: ignore[misc]
        assert listeners.listened == gaps + 1  # whoever listens looks for what nobody told it of
    await listeners.settled()


async def test_whoever_was_told_that_we_heard_it_is_heard_while_a_lost_connection_is_made_anew(
    listeners: Listeners,
) -> None:
    await listeners.start(1)
    counted = []
    for gaps in (1, 2, 3):
        await listeners.bus.call("CLIENT", "KILL", "TYPE", "pubsub")
        while listeners.bridges[0].gaps < gaps:
            name = f"s{gaps}-{len(counted)}"
            if await listeners.say(f'{{"type":"oom","node":"pi4","service":"{name}"}}'):
                counted.append(name)
            await asyncio.sleep(PACE_SECONDS)
    await listeners.settled()
    assert counted
    assert [one["service"] for one in await listeners.adopted()] == counted


async def test_a_restarted_server_is_listened_to_again_and_what_reached_nobody_was_told_so(
    redis_each: RedisServer,
) -> None:
    listeners = Listeners(redis_each.url)
    await listeners.start(1)
    redis_each.kill()
    redis_each.start()
    await wait_for(listeners.bus.is_up, 10, "a connection")
    unheard = await listeners.say('{"type":"oom","node":"deaf"}')
    await wait_for(lambda: listeners.listening(1), 10, "a new subscription")
    await listeners.settled()
    assert listeners.bridges[0].gaps == 1
    assert [one["node"] for one in await listeners.adopted()] == ([] if unheard == 0 else ["deaf"])
    await listeners.close()


async def test_a_message_heard_just_before_redis_goes_away_is_kept_until_it_is_back(redis_each: RedisServer) -> None:
    bus = Bus.connect(redis_each.url, "test")
    bridge, now = Bridge(bus, "planner"), time.monotonic()
    redis_each.kill()
    keeping = asyncio.create_task(
        bridge._keep_trying(Heard(b'{"type":"oom","node":"pi4"}', Hearing(now, now)), asyncio.Event())
    )
    redis_each.start()
    await asyncio.wait_for(keeping, 60)
    assert int(await bus.call("XLEN", FOREIGN_STREAM)) == 1
    await bus.close()


async def test_what_redis_counted_a_leaving_bridge_for_is_adopted(redis_each: RedisServer) -> None:
    """An operator publishes while the planner is being restarted: 1 means that it was heard."""
    bus, _, stop, running = await listening(redis_each.url)
    heard = 0
    with redis.Redis(port=redis_each.port) as somebody:
        for n in range(100):  # this process stands still: they lie in its socket as it is told to stop
            heard += somebody.publish("health_events", f'{{"type":"oom","node":"pi4","service":"s{n}"}}')
        stop.set()
        await running
        assert somebody.publish("health_events", "too late") == 0, "and Redis knows that it left"
        assert (heard, somebody.xlen(FOREIGN_STREAM)) == (100, 100)
    await bus.close()


async def test_a_bridge_leaves_a_server_that_does_not_answer(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh_core.messaging.bridge.LEAVE_SECONDS", 0.2)
    bus, _, stop, running = await listening(redis_server.url)
    assert redis_server.process is not None
    redis_server.process.send_signal(signal.SIGSTOP)
    stop.set()
    await asyncio.wait_for(running, 60)
    redis_server.process.send_signal(signal.SIGCONT)
    await bus.close()


async def test_a_bridge_stops_when_it_is_told_to_even_without_a_server() -> None:
    bus = Bus.connect("redis://127.0.0.1:1/0", "test")
    stop = asyncio.Event()
    running = asyncio.create_task(Bridge(bus, "planner").run(stop))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(running, 60)
    await bus.close()
