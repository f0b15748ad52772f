"""Consumer groups on real servers: nothing that was read is lost, whoever dies or wipes, whatever the wire loses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from consumer_rig import Group, ids, read

from mesh_core.messaging.bus import BusDown
from mesh_core.messaging.consumer import (
    DISCOVER_EVERY_SECONDS,
    RECLAIM_EVERY_SECONDS,
)
from mesh_core.messaging.group_commands import Entry
from mesh_core.testing import RedisServer, wait_for

Lossy = Callable[[RedisServer], Awaitable[Any]]


async def test_what_was_written_before_the_group_existed_counts(group: Group) -> None:
    await group.add(1, 2)
    one = group.member("one")
    entries = await read(one)
    assert [(e.stream, e.id, e.raw, e.deliveries) for e in entries] == [
        ("mesh:ev:pi4", "1-0", b"event 1", 1),
        ("mesh:ev:pi4", "2-0", b"event 2", 1),
    ]
    await one.acknowledge(entries)
    assert await group.pending() == 0


async def test_members_share_the_work_and_nobody_gets_the_same_entry(group: Group) -> None:
    await group.add(*range(1, 101))
    one, two = group.member("one"), group.member("two")
    got = ids(await read(one, count=60)) + ids(await read(two, count=60))
    assert sorted(got) == sorted(f"{n}-0" for n in range(1, 101))


async def test_groups_do_not_take_anything_from_each_other(group: Group) -> None:
    await group.add(1)
    assert len(await read(group.member("p"))) == len(await read(group.member("o", group="observer"))) == 1


async def test_a_new_stream_is_found_by_itself_and_at_once_when_somebody_mentions_it(group: Group) -> None:
    one = group.member("one")
    one.hint("mesh:ev:first")  # with one stream that it knows it does not look whenever it waited
    await read(one)
    await group.add(1)
    group.now += DISCOVER_EVERY_SECONDS + 0.1
    assert len(await read(one)) == 1
    await group.add(1, stream="mesh:ev:new")
    assert await read(one) == []
    one.hint("mesh:ev:new")
    assert [e.stream for e in await read(one)] == ["mesh:ev:new"]
    await group.add(1, stream="mesh:ev:unheard")
    assert await read(one) == []
    one.look_around()
    assert [e.stream for e in await read(one)] == ["mesh:ev:unheard"]


async def test_a_restart_under_the_same_name_finds_its_own_work_first(group: Group) -> None:
    await group.add(1, 2, 3)
    first = group.member("one")
    entries = await read(first)
    await first.acknowledge(entries[:1])
    await group.add(4)
    again = group.member("one")
    assert [(e.id, e.deliveries) for e in await read(again)] == [("2-0", 2), ("3-0", 2)]
    assert ids(await read(again)) == ["4-0"]


async def test_the_work_of_the_dead_is_taken_over_and_that_of_the_living_is_not(group: Group) -> None:
    await group.add(1, 2)
    dead, living, heir = group.member("dead"), group.member("living"), group.member("heir", reclaim_idle_ms=30_000)
    assert ids(await read(dead, count=1)) == ["1-0"]
    assert ids(await read(living, count=1)) == ["2-0"]
    assert await read(heir) == []
    for name, entry in (("dead", "1-0"), ("living", "2-0")):  # a minute passes for the server
        await group.bus.redis.xclaim("mesh:ev:pi4", "planner", name, 0, [entry], idle=60_000, justid=True)
    taken: list[Entry] = []

    async def look() -> bool:
        await living.renew()
        group.now += 5.1
        taken.extend(await read(heir))
        return bool(taken)

    await wait_for(look, 10, "the heir to take over")
    assert [(e.id, e.deliveries) for e in taken] == [("1-0", 2)]
    for _ in range(5):
        await look()
    assert ids(taken) == ["1-0"]


async def test_deliveries_are_counted_so_that_poison_is_noticed(group: Group) -> None:
    await group.add(1)
    for life in range(1, 8):
        (entry,) = await read(group.member("one"))
        assert entry.deliveries == life


async def test_renewing_is_no_delivery(group: Group) -> None:
    await group.add(1)
    one = group.member("one")
    await read(one)
    for _ in range(10):
        await one.renew()
    (entry,) = await read(group.member("one"))
    assert entry.deliveries == 2


async def test_what_is_in_hand_is_not_handed_out_again_however_much_there_is(group: Group) -> None:
    await group.add(*range(1, 31))
    one = group.member("one", reclaim_idle_ms=0)
    first = await read(one, count=20)
    one._own_drained = False  # as after a lost reply
    group.now += 6
    rest = await read(one, count=20)
    assert sorted(int(i[:-2]) for i in ids(first + rest)) == list(range(1, 31))
    assert one.handed_out == 30
    one.let_go(first)
    assert one.handed_out == 10


async def test_what_is_given_back_comes_again_with_the_next_read(group: Group) -> None:
    await group.add(1, 2)
    one = group.member("one")
    first, second = await read(one)
    one.let_go([first])
    assert await read(one) == []
    one.give_back([second])
    assert ids(await read(one)) == ["1-0", "2-0"]


@pytest.mark.parametrize(("waited", "command", "taken"), [(False, b"EVALSHA", 2), (True, b"XREADGROUP", 1)])
async def test_a_reply_lost_in_a_read_leaves_nothing_behind(
    group: Group, redis_each: RedisServer, lossy: Lossy, waited: bool, command: bytes, taken: int
) -> None:
    line = await lossy(redis_each)
    await group.add(1, 2)
    one = group.member("one", url=line.url)
    await read(one)
    if waited:
        assert await read(one) == []
    await group.add(3, 4)
    line.lose = command
    with pytest.raises(BusDown):
        await read(one)
    assert line.lost == 1
    assert await group.pending() == 2 + taken  # these are ours, and `>` will never show them
    found = await read(one) + await read(one)
    assert [(e.id, e.deliveries) for e in found] == [("3-0", 2), ("4-0", 1 if waited else 2)]


async def test_a_lost_acknowledgement_is_repeated_without_harm(
    group: Group, redis_each: RedisServer, lossy: Lossy
) -> None:
    line = await lossy(redis_each)
    await group.add(1)
    one = group.member("one", url=line.url)
    entries = await read(one)
    line.lose = b"XACK"
    with pytest.raises(BusDown):
        await one.acknowledge(entries)
    assert one.handed_out == 1
    await one.acknowledge(entries)
    assert (one.handed_out, await group.pending()) == (0, 0)


@pytest.mark.parametrize(
    "wipe", [("FLUSHALL",), ("DEL", "mesh:ev:pi4"), ("XGROUP", "DESTROY", "mesh:ev:pi4", "planner")]
)
async def test_a_wipe_in_the_middle_of_a_read_is_survived_and_read_from_the_beginning(
    group: Group, wipe: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh_core.messaging.consumer.LONGEST_BLOCK_MS", 120_000)
    monkeypatch.setattr("mesh_core.messaging.consumer.DISCOVER_EVERY_SECONDS", 600)
    await group.add(1)
    one = group.member("one")
    await one.acknowledge(await read(one))
    reading = asyncio.create_task(one.read(block_ms=120_000))  # it waits still, however long this machine stands still

    async def blocked() -> bool:
        return int((await group.bus.redis.info("clients"))["blocked_clients"]) > 0

    await wait_for(blocked, 10, "the read to block")
    await group.bus.call(*wipe)
    assert await reading == []
    await group.add(7, 8)
    got: list[str] = []

    async def look() -> bool:
        group.now += 1
        got.extend(ids(await read(one)))
        return got[-2:] == ["7-0", "8-0"]

    await wait_for(look, 10, "what came after the wipe")


async def test_a_wipe_with_work_in_hand_breaks_neither_renewal_nor_acknowledgement_nor_trimming(group: Group) -> None:
    await group.add(1, 2)
    one = group.member("one")
    entries = await read(one)
    await group.bus.call("FLUSHALL")
    await one.renew()
    await one.trim()
    await one.acknowledge(entries)
    assert one.handed_out == 0
    assert await read(one) == []
    await group.add(3)
    group.now += 6
    assert ids(await read(one)) == ["3-0"]


async def test_a_wipe_of_the_only_stream_between_two_reads_leaves_nothing_to_wait_on_and_is_survived(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that brought something looks for more before it waits, and finds that the stream is gone."""
    monkeypatch.setattr("mesh_core.messaging.consumer.DISCOVER_EVERY_SECONDS", 600)
    await group.add(1)
    one = group.member("one")
    await one.acknowledge(await read(one))
    await group.bus.call("FLUSHALL")
    assert await read(one) == []
    await group.add(5)
    group.now += 6
    assert ids(await read(one)) == ["5-0"]


async def test_a_wipe_between_looking_and_taking_over_is_survived(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    await group.add(1)
    await read(group.member("one"))
    again = group.member("one")
    looked = again._commands.own_entries

    async def then_wiped(*args: Any, **more: Any) -> dict[str, int]:
        found = await looked(*args, **more)
        if found:
            await group.bus.call("FLUSHALL")
        return found

    monkeypatch.setattr(again._commands, "own_entries", then_wiped)
    assert await read(again) == []
    await group.add(5)
    group.now += 6
    assert ids(await read(again)) == ["5-0"]


async def test_a_killed_server_gives_everything_again_when_it_is_back(redis_each: RedisServer) -> None:
    group = Group(redis_each.url)
    await group.bus.call("CONFIG", "SET", "appendfsync", "always")
    await group.add(1, 2)
    one = group.member("one")
    held = await read(one)
    redis_each.kill()
    with pytest.raises(BusDown):
        await read(one)
    with pytest.raises(BusDown):
        await one.trim()
    redis_each.start()
    await wait_for(group.bus.is_up, 10, "a connection")
    await group.add(3)
    got: list[str] = []

    async def look() -> bool:
        group.now += 6
        try:
            got.extend(ids(await read(one)))
        except BusDown:
            return False
        return bool(got)

    await wait_for(look, 10, "the new one")
    assert got == ["3-0"]  # 1 and 2 are still in hand here

    async def acknowledged() -> bool:
        try:
            await one.acknowledge(held)
        except BusDown:
            return False
        return True

    await wait_for(acknowledged, 10, "the acknowledgement")
    assert await group.pending() == 1
    await group.close()


async def test_an_entry_that_was_deleted_meanwhile_is_not_waited_for(group: Group) -> None:
    await group.add(1, 2)
    await read(group.member("one"))
    await group.bus.call("XDEL", "mesh:ev:pi4", "1-0")
    assert ids(await read(group.member("one"))) == ["2-0"]


async def test_an_entry_without_our_field_has_no_payload_and_other_keys_are_not_read(group: Group) -> None:
    await group.bus.call("XADD", "mesh:ev:pi4", "1-0", "q", "x", "r", "y")
    await group.bus.call("SET", "mesh:ev:seq", "5")
    one = group.member("one")
    assert [(e.id, e.raw) for e in await read(one)] == [("1-0", b"")]
    assert one.streams == {"mesh:ev:pi4"}


async def test_a_stream_whose_name_is_no_text_keeps_nobody_from_reading_the_others(group: Group) -> None:
    await group.bus.call("XADD", b"mesh:ev:\xf0\x9f", "1-0", "p", "x")
    await group.bus.call("XADD", "mesh:ev:pi4", "1-0", "p", "y")
    assert [(e.stream, e.raw) for e in await read(group.member("one"))] == [("mesh:ev:pi4", b"y")]


async def test_while_nothing_is_open_nobody_asks_what_others_left_and_once_something_is_they_do(group: Group) -> None:
    one, dead = group.member("one", reclaim_idle_ms=20_000), group.member("dead")
    one.hint("mesh:ev:pi4")
    await read(one)

    async def asked() -> int:
        stats = await group.bus.redis.info("commandstats")
        return int(stats["cmdstat_xpending"]["calls"])

    before = await asked()
    for _ in range(3):
        group.now += RECLAIM_EVERY_SECONDS + 0.1
        await read(one)
    assert await asked() == before
    await group.add(1)
    assert ids(await read(dead)) == ["1-0"]
    one._idle_ms = 0  # twenty seconds pass for the server as well
    group.now += RECLAIM_EVERY_SECONDS
    assert [(e.id, e.deliveries) for e in await read(one)] == [("1-0", 2)]
