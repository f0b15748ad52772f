"""What a read brings and what a stream keeps: so many bytes, and all that somebody has not acknowledged."""

from __future__ import annotations

import asyncio
import time

from consumer_rig import Group, ids, read

from mesh_core.messaging.bus import LONGEST_PAYLOAD, READ_BYTES
from mesh_core.messaging.consumer import (
    KEEP_MS,
)
from mesh_core.messaging.group_commands import Entry


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


async def test_a_stream_with_the_last_id_that_there_is_does_not_end_the_trimming_of_those_after_it(
    group: Group,
) -> None:
    one = group.member("one")
    await group.bus.call("XADD", "mesh:ev:alder", f"7-{2**64 - 1}", "p", "x")
    for number in range(1, 501):  # a server drops whole nodes of a hundred
        await group.bus.call("XADD", "mesh:ev:birch", f"{number}-0", "p", "x")
    await one.acknowledge(await read(one, count=600))
    await one.trim()
    assert await group.bus.call("XLEN", "mesh:ev:birch") < 500
    assert await group.bus.call("XLEN", "mesh:ev:alder") == 1


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
