"""Redis that takes no writes is not ready, whatever it says to PING: full, without a disk, a replica, or not there."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis

from mesh_core.messaging.bus import Bus, BusDown, BusLoginRefused
from mesh_core.messaging.redis_limits import LIMITS, limit_lines
from mesh_core.messaging.redis_state import RedisState, away, read_state, takes_writes
from mesh_core.models.streams import FOREIGN_STREAM
from mesh_core.runtime import metrics
from mesh_core.testing import RedisServer, free_port, wait_for


@pytest.fixture
async def bus(redis_each: RedisServer) -> AsyncIterator[Bus]:
    made = Bus.connect(redis_each.url, "test")
    yield made
    await made.close()


async def test_a_dead_redis_is_not_ready_and_a_living_one_is(bus: Bus, redis_each: RedisServer) -> None:
    check = takes_writes(bus)
    assert (await check()).ready
    failures = metrics.REDIS_FAILURES.value()
    redis_each.kill()
    ready = await check()
    assert (ready.ready, ready.detail) == (False, f"Redis at {redis_each.url} does not answer")
    assert metrics.REDIS_FAILURES.value() > failures


@pytest.mark.parametrize("login", ["", ":wrong@", "ann:wrong@"])
async def test_a_server_that_lets_nobody_in_is_no_server_that_is_not_there(
    bus: Bus, redis_each: RedisServer, login: str
) -> None:
    await bus.call("CONFIG", "SET", "requirepass", "s3cret")
    stranger = Bus.connect(redis_each.url.replace("redis://", f"redis://{login}"), "test")
    with pytest.raises(BusLoginRefused) as refused:
        await stranger.call("PING")
    await stranger.close()
    found, fix = away(stranger.url, refused.value)
    assert "answers and lets nobody in" in found
    assert "REDIS_PASSWORD" in fix
    assert "wrong" not in found.replace("wrong number", "")
    redis_each.kill()
    with pytest.raises(BusDown) as gone:
        await bus.call("PING")
    assert "no answer from Redis" in away(bus.url, gone.value)[0]


async def test_a_full_redis_is_an_outage_for_writers_and_not_ready_until_there_is_room(bus: Bus) -> None:
    check = takes_writes(bus)
    await bus.call("CONFIG", "SET", "maxmemory", "16mb")
    with pytest.raises(BusDown, match="maxmemory"):
        await fill(bus, 900_000)

    async def full() -> bool:
        with contextlib.suppress(BusDown):  # what large commands took on their way is given back by and by
            await bus.call("XADD", "mesh:ev:pi4", "*", "p", b"x" * 60_000)
        return "refuses writes" in (await check()).detail

    await wait_for(full, 20, "Redis to be full")
    # What makes room goes on.
    assert len((await bus.page("mesh:ev:pi4", "-")).entries) > 10
    await bus.call("XTRIM", "mesh:ev:pi4", "MAXLEN", 1)

    async def has_room() -> bool:
        return (await check()).ready

    await wait_for(has_room, 20, "room again")


async def test_a_replica_takes_no_writes_and_says_where_to_go(bus: Bus) -> None:
    await bus.call("REPLICAOF", "127.0.0.1", free_port())
    assert "replica" in (await takes_writes(bus)()).detail
    await bus.call("REPLICAOF", "NO", "ONE")
    assert (await takes_writes(bus)()).ready


async def test_a_redis_whose_disk_is_full_is_not_ready_until_it_has_room_again(small_disk: Path) -> None:
    server = RedisServer(small_disk / "redis", kind="debian").start()
    bus = Bus.connect(server.url, "test")
    try:
        with pytest.raises(BusDown):
            await fill(bus, 100_000)
        await wait_for(lambda: refused(bus), 10, "the failed write to be known")
        assert "full disk" in (await takes_writes(bus)()).detail
    finally:
        await bus.close()
        server.kill()


async def test_a_redis_that_cannot_save_is_not_ready_though_its_log_is_well(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis").start()
    bus = Bus.connect(server.url, "test")
    try:
        await bus.call("CONFIG", "SET", "save", "3600 1")
        shutil.rmtree(tmp_path / "redis")  # as good as a disk that takes no new file
        await bus.call("BGSAVE")
        await wait_for(lambda: refused(bus), 20, "the failed save to be known")
        assert "could not save its data" in (await takes_writes(bus)()).detail
        with pytest.raises(BusDown):
            await bus.call("XADD", "mesh:ev:pi4", "*", "p", b"x")
    finally:
        await bus.close()
        server.kill()


async def test_a_redis_that_misses_a_replica_is_not_ready_and_says_how_many(bus: Bus) -> None:
    await bus.call("CONFIG", "SET", "min-replicas-to-write", 1)
    assert "wants 1 replica(s)" in (await takes_writes(bus)()).detail
    await bus.call("CONFIG", "SET", "min-replicas-to-write", 0)
    assert (await takes_writes(bus)()).ready


ALL_KEYS = ("~*", "&*")


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        ((*ALL_KEYS, "+@all"), None),
        ((*ALL_KEYS, "+@all", "-info"), None),
        ((*ALL_KEYS, "+@read", "+@connection", "+info"), "no permissions to run the 'xadd' command"),
        (("~other:*", "&*", "+@all"), "permissions to access"),
    ],
)
async def test_a_user_who_may_not_write_is_told_though_the_server_answers_everything_else(
    redis_each: RedisServer, rights: tuple[str, ...], words: str | None
) -> None:
    bus = Bus.connect(redis_each.url, "test")
    await bus.call("ACL", "SETUSER", "guest", "reset", "on", ">x", *rights)
    guest = Bus.connect(redis_each.url.replace("redis://", "redis://guest:x@"), "guest")
    ready = await takes_writes(guest)()
    assert (ready.ready, (words or "") in ready.detail) == (words is None, True), ready
    assert await bus.call("XLEN", FOREIGN_STREAM) == 0, "finding it out writes nothing"
    await bus.call("XGROUP", "CREATE", FOREIGN_STREAM, "g", "$", "MKSTREAM")
    await takes_writes(bus)()
    assert await bus.call("XLEN", FOREIGN_STREAM) == 0
    await guest.close()
    await bus.call("ACL", "DELUSER", "guest")
    await bus.close()


async def test_a_database_that_is_not_there_is_told(redis_each: RedisServer) -> None:
    bus = Bus.connect(f"{redis_each.url.removesuffix('/0')}/99", "test")
    assert "out of range" in (await takes_writes(bus)()).detail
    await bus.close()


async def fill(bus: Bus, size: int) -> None:
    for _ in range(200):
        await bus.call("XADD", "mesh:ev:pi4", "*", "p", b"x" * size)


async def refused(bus: Bus) -> bool:
    return (await read_state(bus)).refusal is not None


async def test_no_word_above_a_megabyte_comes_in_and_no_command_of_many_of_them(bus: Bus) -> None:
    """14 entries of 45 MB once filled a container of 512 MiB, and its log could not be read again within it."""
    large = [["p", b"x" * 45_000_000], ["p", b"x" * 1_100_000]]
    many = [word for n in range(45) for word in (f"p{n}", b"x" * 1_000_000)]
    for words in (*large, many):
        with pytest.raises((BusDown, redis.ResponseError)):
            await bus.call("XADD", "mesh:ev:pi4", "*", *words)
    assert await bus.call("XLEN", "mesh:ev:pi4") == 0
    state = await read_state(bus)
    assert (state.most_bytes, state.refusal) == (192 * 1024 * 1024, None)
    assert state.used_bytes < 40_000_000


def test_the_limits_are_the_same_in_a_file_and_as_words() -> None:
    assert limit_lines()[0] == "maxmemory 192mb"
    assert {line.split()[0] for line in limit_lines()} == set(LIMITS)
    assert RedisState(used_bytes=95, most_bytes=100).refusal
    assert not RedisState(used_bytes=94, most_bytes=100).refusal
