"""What is known to be on the disk of a real Redis, and what is not."""

from __future__ import annotations

import time

import pytest
from redis.exceptions import ResponseError

from mesh_core.messaging.bus import Bus
from mesh_core.messaging.persisted import LONG_ENOUGH_SECONDS, Persisted, PersistedUpTo
from mesh_core.testing import RedisServer, wait_for


@pytest.fixture
async def bus(redis_each: RedisServer) -> Bus:
    return Bus.connect(redis_each.url, "test")


async def test_what_was_written_is_known_to_be_on_disk_soon_after(bus: Bus) -> None:
    await bus.call("CONFIG", "SET", "appendfsync", "everysec")
    persisted = Persisted(bus, "marker")
    await bus.call("SET", "k", "v")
    written = time.monotonic()
    assert (await persisted.look()).until < time.monotonic()

    async def known() -> bool:
        return (await persisted.look()).until >= written

    await wait_for(known, 15, "it is on the disk")
    await bus.close()


async def test_nothing_is_known_of_a_log_that_is_not_written_or_never_synced(bus: Bus) -> None:
    await bus.call("CONFIG", "SET", "appendonly", "no")
    persisted = Persisted(bus, "marker")
    for _ in range(5):
        began = time.monotonic()
        until = (await persisted.look()).until
        assert began <= until + LONG_ENOUGH_SECONDS <= time.monotonic()
    await bus.close()


async def test_what_no_fsync_can_have_reached_yet_is_not_known(bus: Bus) -> None:
    """With everysec an fsync begins every second, whatever WAITAOF says."""
    await bus.call("CONFIG", "SET", "appendfsync", "everysec")
    persisted = Persisted(bus, "marker")
    for number in range(5):
        await bus.call("SET", "k", number)
        written = time.monotonic()
        assert (await persisted.look()).until < written
    await bus.close()


@pytest.mark.slow
async def test_of_a_log_that_is_never_synced_nothing_is_known(bus: Bus) -> None:
    await bus.call("CONFIG", "SET", "appendfsync", "no")
    persisted = Persisted(bus, "marker")
    written = time.monotonic()

    async def looked_four_times() -> bool:
        assert (await persisted.look()).until < written
        return time.monotonic() > written + 5

    if await knows_waitaof(bus):  # Redis 7.0 does not, and says nothing of its setting to a service
        await wait_for(looked_four_times, 30, "looks enough")
    await bus.close()


async def knows_waitaof(bus: Bus) -> bool:
    try:
        await bus.redis.execute_command("WAITAOF", 0, 0, 1)
    except ResponseError:
        return False
    return True


@pytest.mark.parametrize("trouble", ["aof_buffer_length", "aof_pending_bio_fsync", "aof_rewrite_in_progress"])
async def test_three_looks_in_a_row_must_find_the_log_at_rest(trouble: str) -> None:
    """A twin of INFO as Redis 7.0 says it, and of the clock: the rule itself."""
    now = 100.0
    said: dict[str, object] = {
        "run_id": "one",
        "aof_enabled": 1,
        "aof_last_write_status": "ok",
        "aof_buffer_length": 0,
        "aof_pending_bio_fsync": 0,
        "aof_rewrite_in_progress": 0,
    }
    bus = Bus.connect("redis://127.0.0.1:1/0", "test")
    persisted = Persisted(bus, "marker", clock=lambda: now)

    async def ask() -> tuple[dict[str, object], bool]:
        return said, False

    persisted._ask = ask  # type: ignore[method-assign]
    unknown = PersistedUpTo("one", now - LONG_ENOUGH_SECONDS)
    assert await persisted.look() == unknown
    for _ in range(20):  # as often as one likes: the disk needs its time
        assert await persisted.look() == unknown
    now = 102.0
    assert (await persisted.look()).until < 100
    now, said[trouble] = 104.0, 1
    assert (await persisted.look()).until < 100, "something waits: it begins anew"
    said[trouble] = 0
    now = 106.0
    assert (await persisted.look()).until < 100
    now = 108.0
    assert (await persisted.look()).until < 100
    now = 110.0
    assert (await persisted.look()).until == 106.0
    now, said["run_id"] = 112.0, "two"
    assert await persisted.look() == PersistedUpTo("two", 112.0 - LONG_ENOUGH_SECONDS)
    await bus.close()


async def test_a_server_that_was_restarted_has_another_life(redis_each: RedisServer, bus: Bus) -> None:
    persisted = Persisted(bus, "marker")
    first = (await persisted.look()).life
    assert first
    redis_each.kill()
    redis_each.start()
    await wait_for(bus.is_up, 10, "a connection")
    assert (await persisted.look()).life not in ("", first)
    await bus.close()
