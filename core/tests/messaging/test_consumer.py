"""Consumer groups on real servers: nothing that was read is lost, whoever dies or wipes, whatever the wire loses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from mesh_core.messaging.bus import LONGEST_PAYLOAD, READ_BYTES, Bus, BusDown
from mesh_core.messaging.consumer import (
    DISCOVER_EVERY_SECONDS,
    KEEP_MS,
    LONGEST_BLOCK_MS,
    RECLAIM_EVERY_SECONDS,
    RECLAIM_IDLE_MS,
    RENEW_EVERY_SECONDS,
    Consumer,
)
from mesh_core.messaging.group_commands import Entry
from mesh_core.testing import RedisServer, wait_for

Lossy = Callable[[RedisServer], Awaitable[Any]]


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


@pytest.fixture
async def group(redis_each: RedisServer) -> AsyncIterator[Group]:
    made = Group(redis_each.url)
    yield made
    await made.close()


def ids(entries: list[Entry]) -> list[str]:
    return [entry.id for entry in entries]


async def read(consumer: Consumer, **more: Any) -> list[Entry]:
    return await consumer.read(block_ms=1, **more)


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
    dead, living, heir = group.member("dead"), group.member("living"), group.member("heir", reclaim_idle_ms=300)
    assert ids(await read(dead, count=1)) == ["1-0"]
    assert ids(await read(living, count=1)) == ["2-0"]
    assert await read(heir) == []
    taken: list[Entry] = []

    async def look() -> bool:
        await living.renew()
        group.now += 5.1
        taken.extend(await read(heir))
        return bool(taken)

    await wait_for(look, 5, "the heir to take over")
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


@pytest.mark.slow
async def test_an_idle_read_of_two_seconds_is_no_outage_and_longer_ones_are_cut(group: Group) -> None:
    one = group.member("one")
    await group.add(1)
    await read(one)
    start = time.monotonic()
    assert await one.read(block_ms=60_000) == []
    assert 1.5 < time.monotonic() - start < 30


def test_the_waits_fit_each_other() -> None:
    assert LONGEST_BLOCK_MS <= 5000  # a Redis that stands still is noticed twice as late
    assert RENEW_EVERY_SECONDS * 1000 * 2 < RECLAIM_IDLE_MS


@pytest.mark.parametrize(
    "wipe", [("FLUSHALL",), ("DEL", "mesh:ev:pi4"), ("XGROUP", "DESTROY", "mesh:ev:pi4", "planner")]
)
async def test_a_wipe_in_the_middle_of_a_read_is_survived_and_read_from_the_beginning(
    group: Group, wipe: tuple[str, ...]
) -> None:
    await group.add(1)
    one = group.member("one")
    await one.acknowledge(await read(one))
    reading = asyncio.create_task(one.read(block_ms=2000))

    async def blocked() -> bool:
        return int((await group.bus.redis.info("clients"))["blocked_clients"]) > 0

    await wait_for(blocked, 5, "the read to block")
    await group.bus.call(*wipe)
    assert await reading == []
    await group.add(7, 8)
    got: list[str] = []

    async def look() -> bool:
        group.now += 1
        got.extend(ids(await read(one)))
        return got[-2:] == ["7-0", "8-0"]

    await wait_for(look, 5, "what came after the wipe")


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
    await wait_for(group.bus.is_up, 5, "a connection")
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

    await wait_for(acknowledged, 5, "the acknowledgement")
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


async def test_trimming_never_drops_what_some_group_has_not_acknowledged(group: Group) -> None:
    start = int(time.time() * 1000) - KEEP_MS - 1_000_000
    pipe = group.bus.redis.pipeline(transaction=False)
    for n in range(500):
        pipe.xadd("mesh:ev:pi4", {"p": b"x"}, id=f"{start + n}-0")
    await pipe.execute()
    one, slow = group.member("one"), group.member("slow", group="observer")
    mine = await read(one, count=500)
    await one.acknowledge(mine)
    late = await read(slow, count=500)
    await slow.acknowledge([*late[:250], *late[260:]])  # ten in the middle are still being worked on
    await one.trim()
    left = {entry.decode() for entry, _ in await group.bus.call("XRANGE", "mesh:ev:pi4", "-", "+")}
    assert {entry.id for entry in late[250:]} <= left
    assert len(left) < 500
    await slow.acknowledge(late[250:260])
    await one.trim()
    assert int(await group.bus.call("XLEN", "mesh:ev:pi4")) <= 100


async def test_trimming_keeps_the_last_hour_and_whatever_an_expected_group_has_never_joined(group: Group) -> None:
    now = int(time.time() * 1000)
    pipe = group.bus.redis.pipeline(transaction=False)
    for n in range(300):
        pipe.xadd("mesh:ev:young", {"p": b"x"}, id=f"{now - 60_000 + n}-0")
        pipe.xadd("mesh:ev:old", {"p": b"x"}, id=f"{now - KEEP_MS - 60_000 + n}-0")
    await pipe.execute()
    one = group.member("one")
    while entries := await read(one, count=1000):
        await one.acknowledge(entries)
    await one.trim(groups=["planner", "observer"])
    assert int(await group.bus.call("XLEN", "mesh:ev:old")) == 300
    await one.trim(groups=["planner"])
    assert int(await group.bus.call("XLEN", "mesh:ev:old")) <= 100
    assert int(await group.bus.call("XLEN", "mesh:ev:young")) == 300


async def test_a_read_brings_bytes_not_entries_however_large_they_are_and_cuts_what_no_record_is(group: Group) -> None:
    """200 entries of 1 MB were 200 MB in one reply, and with 20 streams of them 4 GB."""
    pipe = group.bus.redis.pipeline(transaction=False)
    for n in range(1, 61):
        pipe.xadd("mesh:ev:pi4", {"p": b"x" * 60_000}, id=f"{n}-0")
        pipe.xadd("mesh:ev:web", {"p": b"y" * 1_000_000 if n % 6 == 1 else b"small"}, id=f"{n}-0")
    pipe.xadd("mesh:ev:odd", {"p": b"{}", "q": b"z" * 900_000}, id="1-0")
    pipe.xadd("mesh:ev:odd", {"q": b"z", "p": b"{}"}, id="2-0")
    await pipe.execute()
    one = group.member("one")
    found: list[Entry] = []
    for life in ("one", "one", "two"):  # new, then again from our own list, then taken over from the dead
        found, reads = [], 0
        one = group.member(life, reclaim_idle_ms=0)
        while entries := await read(one, count=500):
            assert sum(len(entry.raw) for entry in entries) <= READ_BYTES + 16 * LONGEST_PAYLOAD
            found += entries
            reads += 1
        assert reads >= 2
    by_stream = {stream: [e.raw for e in found if e.stream == stream] for stream in one.streams}
    assert ids([e for e in found if e.stream == "mesh:ev:pi4"]) == [f"{n}-0" for n in range(1, 61)]
    assert set(map(len, by_stream["mesh:ev:pi4"])) == {60_000}
    assert by_stream["mesh:ev:web"] == [b"y" * LONGEST_PAYLOAD, *[b"small"] * 5] * 10
    assert [len(raw) for raw in by_stream["mesh:ev:odd"]] == [LONGEST_PAYLOAD, 2]


async def test_an_entry_that_wakes_a_reader_is_cut_as_well(group: Group) -> None:
    one = group.member("one")
    one.hint("mesh:ev:pi4")
    assert await read(one) == []
    waiting = asyncio.create_task(one.read(block_ms=2000))
    await asyncio.sleep(0)
    await group.bus.call("XADD", "mesh:ev:pi4", "1-0", "p", b"x" * 900_000)
    await group.bus.call("XADD", "mesh:ev:pi4", "2-0", "q", b"y" * 900_000, "p", "{}")
    found = await waiting
    while len(found) < 2:
        found += await read(one)
    assert {len(entry.raw) for entry in found} == {LONGEST_PAYLOAD}
    assert [entry.raw[:3] for entry in found] == [b"xxx", b"q y"]


async def test_pages_of_a_stream_hold_so_many_bytes_and_say_when_it_ends(group: Group) -> None:
    for n in range(1, 101):
        await group.bus.call("XADD", "mesh:ev:pi4", f"{n}-0", "p", b"x" * 100_000)
    found, first, ended = [], "-", False
    while not ended:
        rows, ended = await group.bus.page("mesh:ev:pi4", first)
        assert sum(len(raw) for _, raw in rows) <= READ_BYTES + LONGEST_PAYLOAD
        found += rows
        first = f"({rows[-1][0]}"
    assert [entry_id for entry_id, _ in found] == [f"{n}-0" for n in range(1, 101)]
    assert await group.bus.page("mesh:ev:nobody", "-") == ((), True)


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


async def waits_at_the_server(group: Group, reading: asyncio.Task[list[Entry]]) -> None:
    """It is blocked, or has found something."""

    async def waits() -> bool:
        return reading.done() or b"cmd=xreadgroup" in await group.bus.call("CLIENT", "LIST")

    await wait_for(waits, 30, "a read that waits")
