"""How a read of a consumer waits: no longer than it should, ended by a hint, a stop or whoever cancels it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from consumer_rig import Group, ids, read

from mesh_core.messaging.consumer import (
    LONGEST_BLOCK_MS,
    RECLAIM_IDLE_MS,
    RENEW_EVERY_SECONDS,
)
from mesh_core.messaging.group_commands import Entry
from mesh_core.testing import wait_for, within


@pytest.mark.slow
async def test_an_idle_read_of_two_seconds_is_no_outage_and_longer_ones_are_cut(group: Group) -> None:
    one = group.member("one")
    await group.add(1)
    await read(one)
    start = time.monotonic()
    with within(30, "a read of two seconds"):
        assert await one.read(block_ms=60_000) == []
    assert time.monotonic() - start > 1.5


def test_the_waits_fit_each_other() -> None:
    assert LONGEST_BLOCK_MS <= 5000  # a Redis that stands still is noticed twice as late
    assert RENEW_EVERY_SECONDS * 1000 * 2 < RECLAIM_IDLE_MS


async def test_a_hint_at_a_new_stream_ends_the_wait_for_others(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_core.messaging.consumer.LONGEST_BLOCK_MS", 120_000)
    consumer = group.member("p1")
    await group.add(1)
    await consumer.acknowledge(await read(consumer))
    assert await read(consumer) == []  # from now on it waits
    waiting = asyncio.create_task(consumer.read(block_ms=120_000))
    await waits_at_the_server(group, waiting)
    await group.add(2, stream="mesh:ev:pi5")
    consumer.hint("mesh:ev:pi5")
    assert await asyncio.wait_for(waiting, 60) == []
    assert ids(await read(consumer)) == ["2-0"]


@pytest.mark.parametrize("while_it", ["join", "take_new"])
async def test_a_hint_is_heeded_by_a_read_that_does_not_wait_yet(
    group: Group, monkeypatch: pytest.MonkeyPatch, while_it: str
) -> None:
    """Else what lies in a new stream waits for the next look around, or for an entry in another one."""
    monkeypatch.setattr("mesh_core.messaging.consumer.LONGEST_BLOCK_MS", 600_000)
    monkeypatch.setattr("mesh_core.messaging.consumer.DISCOVER_EVERY_SECONDS", 600)
    consumer, entries = group.member("p1"), list[Entry]()
    does = getattr(consumer._commands, while_it)

    async def hinted(*given: Any) -> Any:
        done = await does(*given)
        if while_it == "join" or not done:  # the next thing would be to wait
            monkeypatch.setattr(consumer._commands, while_it, does)
            await group.add(2, stream="mesh:ev:pi5")
            consumer.hint("mesh:ev:pi5")
        return done

    monkeypatch.setattr(consumer._commands, while_it, hinted)
    await group.add(1)
    while len(entries) < 2:
        entries += await asyncio.wait_for(consumer.read(block_ms=600_000), 60)
    assert ids(entries) == ["1-0", "2-0"]


async def test_what_comes_in_the_very_moment_of_such_a_hint_is_not_lost(group: Group) -> None:
    consumer, seen = group.member("p1"), set[str]()
    await group.add(1)
    await read(consumer)
    for n in range(2, 12):
        waiting = asyncio.create_task(consumer.read(block_ms=2000))
        await waits_at_the_server(group, waiting)
        await group.add(n)  # its reply may be on its way
        consumer.hint(f"mesh:ev:new{n}")
        seen |= set(ids(await asyncio.wait_for(waiting, 60)))
    while entries := await read(consumer):
        seen |= set(ids(entries))
        await consumer.acknowledge(entries)
    assert seen >= {f"{n}-0" for n in range(2, 12)}


async def test_who_cancels_a_waiting_read_ends_it(group: Group) -> None:
    consumer = group.member("p1")
    await group.add(1)
    await read(consumer)
    waiting = asyncio.create_task(consumer.read(block_ms=2000))
    await waits_at_the_server(group, waiting)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_wait_that_is_ended_before_it_began_leaves_nothing_behind(group: Group) -> None:
    """A call of redis-py's in a task of its own would leave a coroutine that nobody awaits, told in some later test."""
    await group.add(1)
    consumer = group.member("p1")
    await read(consumer)
    waiting = asyncio.ensure_future(consumer._commands.wait_for_new(["mesh:ev:pi4"], 2000))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_stop_ends_a_waiting_read(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_core.messaging.consumer.LONGEST_BLOCK_MS", 120_000)
    consumer, stop = group.member("p1"), asyncio.Event()
    await group.add(1)
    await consumer.acknowledge(await read(consumer))
    assert await read(consumer) == []
    waiting = asyncio.create_task(consumer.read(block_ms=120_000, stop=stop))
    await waits_at_the_server(group, waiting)
    stop.set()
    assert await asyncio.wait_for(waiting, 60) == []
    await group.add(2)
    assert ids(await read(consumer)) == ["2-0"]  # without a stop it reads on


@pytest.mark.parametrize("hint_first", [True, False])
async def test_a_reader_that_is_ended_in_the_moment_of_a_hint_ends(
    group: Group, monkeypatch: pytest.MonkeyPatch, hint_first: bool
) -> None:
    monkeypatch.setattr("mesh_core.messaging.consumer.LONGEST_BLOCK_MS", 120_000)
    consumer = group.member("p1")
    await group.add(1)
    await consumer.acknowledge(await read(consumer))
    assert await read(consumer) == []
    waiting = asyncio.create_task(consumer.read(block_ms=120_000))
    await waits_at_the_server(group, waiting)
    for step in (consumer.interrupt, waiting.cancel) if hint_first else (waiting.cancel, consumer.interrupt):
        step()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 60)


async def waits_at_the_server(group: Group, reading: asyncio.Task[list[Entry]]) -> None:
    """It is blocked, or has found something."""

    async def waits() -> bool:
        return reading.done() or b"cmd=xreadgroup" in await group.bus.call("CLIENT", "LIST")

    await wait_for(waits, 30, "a read that waits")
