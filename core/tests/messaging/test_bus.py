"""The bus on real servers: everything arrives once, whatever is lost, killed, wiped, full or out of time."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from mesh_core.messaging.bus import Bus, BusDown, client_for, masked
from mesh_core.messaging.consumer import Consumer
from mesh_core.messaging.redis_settings import check_server, server_version
from mesh_core.messaging.scripts.planning import FREE_GATE, GATE
from mesh_core.models.events import DeadLetter, Decision, HealthEvent, Trust, WorldUpdate
from mesh_core.models.streams import FOREIGN_STREAM, LAST_MS, MESH_STREAM, entered_ms, stream_of, trust_of
from mesh_core.runtime.metrics import DEAD_LETTERS
from mesh_core.testing import RedisServer, wait_for, within

Lossy = Callable[[RedisServer], Awaitable[Any]]
NOW = "2026-05-05T12:00:00.000Z"
HOT_GATE, HOT_TOLD = "mesh:gate:{pi4/web}", "mesh:told:{pi4/web}"


def event(node: str = "pi4", **more: object) -> HealthEvent:
    return HealthEvent.model_validate({"type": "oom", "node": node, "service": "web", "timestamp": NOW} | more)


@pytest.fixture
async def bus(redis_each: RedisServer) -> AsyncIterator[Bus]:
    made = Bus.connect(redis_each.url, "test")
    yield made
    await made.close()


@pytest.fixture
async def line(redis_each: RedisServer, lossy: Lossy) -> Any:
    return await lossy(redis_each)


@pytest.fixture
async def shaky(line: Any) -> AsyncIterator[Bus]:
    """A bus behind the lossy line, its scripts already known to the server."""
    made = Bus.connect(line.url, "test")
    await made.enter(event("warmup"), Trust.MESH)
    await made.publish(Decision(ts=NOW, event_id="warmup/1-1", verdict="ignored"))
    yield made
    await made.close()


async def calls(bus: Bus, command: str) -> int:
    """How often the server has executed it."""
    stats = await bus.redis.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


async def entries(bus: Bus, stream: str) -> list[tuple[str, dict[str, Any]]]:
    rows = await bus.call("XRANGE", stream, "-", "+")
    return [(entry.decode(), json.loads(fields[b"p"])) for entry, fields in rows]


# ---- lost replies --------------------------------------------------------------------------------------------------


async def test_a_lost_reply_to_xadd_is_not_retried_by_the_client_and_repeating_adds_nothing(
    bus: Bus, shaky: Bus, line: Any
) -> None:
    raw = event(id="pi4/7-0").wire()
    before, published = await calls(bus, "xadd"), await calls(bus, "publish")
    line.lose = b"XADD"
    with pytest.raises(BusDown):
        await shaky.append("pi4", "7-0", raw)
    assert line.lost == 1
    assert await calls(bus, "xadd") == before + 1
    await shaky.append("pi4", "7-0", raw)
    assert [entry for entry, _ in await entries(bus, "mesh:ev:pi4")] == ["7-0"]
    assert await calls(bus, "publish") == published + 1  # only the attempt that knew that the entry is there


async def test_a_lost_reply_to_publish_is_not_retried_by_the_client(bus: Bus, shaky: Bus, line: Any) -> None:
    before = await calls(bus, "publish")
    line.lose = b"PUBLISH"
    with pytest.raises(BusDown):
        await shaky.announce("executor_output", b"one line")
    assert line.lost == 1
    assert await calls(bus, "publish") == before + 1


async def test_a_lost_reply_to_enter_leaves_one_event_and_the_repetition_knows_it(
    bus: Bus, shaky: Bus, line: Any
) -> None:
    line.lose = b"EVALSHA"
    with pytest.raises(BusDown):
        await shaky.enter(event(), Trust.MESH, idempotency_key="silence-1")
    assert line.lost == 1
    assert await shaky.enter(event(), Trust.MESH, idempotency_key="silence-1") is None
    assert len([one for _, one in await entries(bus, MESH_STREAM) if one["node"] == "pi4"]) == 1


async def test_a_lost_reply_to_a_record_leaves_one_record_and_the_repetition_knows_it(
    bus: Bus, shaky: Bus, line: Any
) -> None:
    update = WorldUpdate(ts=NOW, node="pi4", from_state="healthy", to_state="sick")
    line.lose = b"EVALSHA"
    with pytest.raises(BusDown):
        await shaky.publish(update, idempotency_key="u1")
    assert await shaky.publish(update, idempotency_key="u1") is False
    assert len(await entries(bus, WorldUpdate.stream)) == 1


async def test_an_answer_that_never_comes_is_bus_down_within_the_time_that_a_person_chose(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_for(redis_server.url, "test", reply_seconds=0.3)
    holder = Bus.connect(redis_server.url, "holder")
    await holder.call("CLIENT", "PAUSE", 60_000)
    patient = Bus.connect(redis_server.url, "test")
    monkeypatch.setattr(patient, "redis", client)
    with within(20, "the end of 0.3 s"), pytest.raises(BusDown):
        await patient.call("XADD", "s", "*", "p", "x")
    await patient.close()
    await holder.close()


async def test_nobody_listening_is_down_at_once_and_not_an_error_of_the_client() -> None:
    dead = Bus.connect("redis://127.0.0.1:1/0", "test")
    assert await dead.is_up() is False
    with pytest.raises(BusDown):
        await dead.publish(Decision(ts=NOW, event_id="a/1-1", verdict="ignored"))
    await dead.close()


# ---- ids and trust -------------------------------------------------------------------------------------------------


async def test_an_entered_event_has_one_name_everywhere(bus: Bus) -> None:
    listener = bus.redis.pubsub()
    await listener.subscribe("health_events")
    await listener.get_message(timeout=60)
    entered = await bus.enter(event(payload={"empty": [], "big": 10**30, "f": 0.1}, extra="kept"), Trust.FOREIGN)
    assert entered is not None
    ((entry, stored),) = await entries(bus, FOREIGN_STREAM)
    heard = await listener.get_message(timeout=60)
    assert heard is not None
    assert json.loads(heard["data"]) == stored == json.loads(entered.wire())
    assert entered.id == stored["id"] == f"pi4/{entry}"
    assert stored["payload"] == {"empty": [], "big": 10**30, "f": 0.1}
    assert stored["trust"] == "foreign"
    await listener.aclose()  # type: ignore[no-untyped-call]


async def test_ids_are_unique_over_the_whole_mesh_and_never_look_like_a_node_s_own(bus: Bus) -> None:
    for first in range(0, 100, 10):  # at once, but no more connections than a busy machine makes in two seconds
        await asyncio.gather(
            *(bus.enter(event("pi4"), Trust.FOREIGN if n % 2 else Trust.MESH) for n in range(first, first + 6)),
            *(bus.adopt(event("pi4"), f"{n:064x}") for n in range(first, first + 4)),
        )
    ids = [one["id"] for stream in (FOREIGN_STREAM, MESH_STREAM) for _, one in await entries(bus, stream)]
    assert len(ids) == len(set(ids)) == 100
    assert all(re.fullmatch(r"pi4/\d{13}-[1-9]\d*", one) for one in ids)


async def test_ids_go_forwards_when_the_clock_of_redis_went_back(bus: Bus) -> None:
    future = int(time.time() * 1000) + 3_600_000
    await bus.call("XADD", FOREIGN_STREAM, f"{future}-5000", "p", "{}")
    await bus.call("SET", "mesh:ev:seq", 5000)
    entered = await bus.enter(event(), Trust.FOREIGN)
    assert entered is not None
    assert entered.id == f"pi4/{future}-5001"


async def test_a_wiped_server_loses_the_scripts_too_and_nobody_notices(bus: Bus) -> None:
    await bus.enter(event(), Trust.FOREIGN)
    await bus.call("FLUSHALL")
    await bus.call("SCRIPT", "FLUSH")
    assert await bus.enter(event(), Trust.FOREIGN) is not None


@pytest.mark.parametrize(
    ("event_id", "stream"),
    [("pi4/5-0", "mesh:ev:pi4"), ("pi4/5-1", FOREIGN_STREAM), ("pi4/5-10", FOREIGN_STREAM), ("x", FOREIGN_STREAM)],
)
def test_an_id_says_where_its_event_lies(event_id: str, stream: str) -> None:
    assert stream_of(event_id)[0] == stream


def test_trust_follows_from_the_stream_alone() -> None:
    assert [trust_of(s) for s in (FOREIGN_STREAM, MESH_STREAM, "mesh:ev:pi4")] == [
        Trust.FOREIGN,
        Trust.MESH,
        Trust.NODE,
    ]


async def test_last_id_of_a_stream_is_known_even_when_it_was_trimmed_empty(bus: Bus) -> None:
    assert await bus.last_id("mesh:ev:pi4") == "0-0"
    await bus.append("pi4", "9-0", event(id="pi4/9-0").wire())
    await bus.call("XTRIM", "mesh:ev:pi4", "MAXLEN", 0)
    assert await bus.last_id("mesh:ev:pi4") == "9-0"


# ---- dead letters --------------------------------------------------------------------------------------------------


async def test_after_the_last_id_that_there_is_a_page_is_empty_and_the_stream_at_its_end(bus: Bus) -> None:
    last = f"{2**64 - 1}-{2**64 - 1}"
    await bus.call("XADD", "mesh:ev:pi4", last, "p", "x")
    assert await bus.page("mesh:ev:pi4", "-", count=5) == (((last, b"x"),), True)
    assert await bus.page("mesh:ev:pi4", f"({last}") == ((), True)
    assert entered_ms(f"pi4/{last}") == LAST_MS


async def test_a_dead_letter_keeps_the_first_4_kib_whatever_the_bytes_and_is_written_once_per_entry(bus: Bus) -> None:
    raw = b"\xff\x00{" + b"x" * 100_000
    for _ in range(3):
        await bus.refuse(raw, source="mesh:ev:pi4", reason="r" * 900, actor="planner", entry_id="7-0")
    ((_, letter),) = await entries(bus, DeadLetter.stream)
    assert letter["raw"] == "\\xff\x00{" + "x" * 4093
    assert len(letter["reason"]) == 500
    assert (letter["source"], letter["entry_id"], letter["by"]) == ("mesh:ev:pi4", "7-0", "planner")


async def test_a_flood_of_rubbish_from_one_source_is_counted_and_does_not_fill_redis(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each letter leaves a key for a week: a million of them would be 100 MB that nobody may trim."""
    monkeypatch.setattr("mesh_core.messaging.bus.LETTERS_AN_HOUR", 3)
    before = DEAD_LETTERS.value()
    for n in range(10):
        await bus.refuse(b"x", source="mesh:ev:pi4", reason="not JSON", actor="planner", entry_id=f"{n}-0")
    await bus.refuse(b"x", source="mesh:ev:web01", reason="not JSON", actor="planner", entry_id="1-0")
    letters = [letter for _, letter in await entries(bus, DeadLetter.stream)]
    assert [letter["entry_id"] for letter in letters] == ["0-0", "1-0", "2-0", "1-0"]
    assert letters[-1]["source"] == "mesh:ev:web01"
    assert DEAD_LETTERS.value() == before + 11


# ---- gates ---------------------------------------------------------------------------------------------------------


async def test_a_gate_is_its_owner_s_even_when_the_reply_was_lost(bus: Bus, shaky: Bus, line: Any) -> None:
    assert await shaky.script(GATE, [HOT_GATE, HOT_TOLD], ["pi4/1-0", 300_000, NOW]) == [b"", b""]
    await bus.call("DEL", HOT_GATE)
    line.lose = b"EVALSHA"
    with pytest.raises(BusDown):
        await shaky.script(GATE, [HOT_GATE, HOT_TOLD], ["pi4/1-0", 300_000, NOW])
    assert line.lost == 1
    assert await shaky.script(GATE, [HOT_GATE, HOT_TOLD], ["pi4/1-0", 300_000, NOW]) == [b"", b""]
    assert await shaky.script(GATE, [HOT_GATE, HOT_TOLD], ["pi4/2-0", 300_000, NOW]) == [b"pi4/1-0", b""]


@pytest.mark.parametrize("life", [("PX", 3_900_000), ()])
async def test_a_gate_never_stays_shut_longer_than_the_cooldown(bus: Bus, life: tuple[str | int, ...]) -> None:
    await bus.call("SET", HOT_GATE, "pi4/1-0", *life)  # a clock that jumped back, or a hand that set it
    assert await bus.script(GATE, [HOT_GATE, HOT_TOLD], ["pi4/2-0", 300_000, NOW]) == [b"pi4/1-0", b""]
    assert 0 < await bus.call("PTTL", HOT_GATE) <= 300_000


async def test_a_gate_is_freed_only_by_the_event_that_holds_it(bus: Bus) -> None:
    await bus.call("SET", HOT_GATE, "pi4/1-0")
    assert await bus.script(FREE_GATE, [HOT_GATE], ["pi4/2-0"]) == 0
    assert await bus.script(FREE_GATE, [HOT_GATE], ["pi4/1-0"]) == 1


# ---- servers that misbehave ----------------------------------------------------------------------------------------


async def test_a_killed_server_keeps_what_was_acknowledged_and_the_bus_finds_it_again(redis_each: RedisServer) -> None:
    bus = Bus.connect(redis_each.url, "test")
    await bus.call("CONFIG", "SET", "appendfsync", "always")
    for n in range(1, 21):
        await bus.append("pi4", f"{n}-0", event(id=f"pi4/{n}-0").wire())
    redis_each.kill()
    with pytest.raises(BusDown):
        await bus.append("pi4", "21-0", event(id="pi4/21-0").wire())
    redis_each.start()
    await wait_for(bus.is_up, 10, "a connection")
    await bus.append("pi4", "21-0", event(id="pi4/21-0").wire())
    assert [entry for entry, _ in await entries(bus, "mesh:ev:pi4")] == [f"{n}-0" for n in range(1, 22)]
    await bus.close()


async def test_what_the_server_closed_while_nobody_used_it_costs_no_command(redis_each: RedisServer) -> None:
    idle, other = Bus.connect(redis_each.url, "idle"), Bus.connect(redis_each.url, "other")
    await asyncio.gather(*(idle.call("BLPOP", f"nothing{number}", 0.1) for number in range(3)))  # a connection each
    await other.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    async def closed() -> bool:
        return all(client["name"] != "idle" for client in await other.redis.client_list())

    await wait_for(closed, 10, "the server closed what was idle")
    for _ in range(3):
        assert await idle.call("PING")
    await idle.close()
    await other.close()


async def test_a_server_without_memory_is_a_server_that_is_down_for_now(bus: Bus) -> None:
    await bus.enter(event(), Trust.MESH)
    await bus.call("CONFIG", "SET", "maxmemory", 1)
    for attempt in (
        bus.append("pi4", "1-0", event(id="pi4/1-0").wire()),
        bus.enter(event(), Trust.MESH),
        bus.publish(Decision(ts=NOW, event_id="a/1-1", verdict="ignored")),
    ):
        with pytest.raises(BusDown, match="maxmemory"):
            await attempt
    await bus.call("CONFIG", "SET", "maxmemory", 0)
    await bus.append("pi4", "1-0", event(id="pi4/1-0").wire())


async def test_a_read_only_replica_is_down_for_now_too(bus: Bus) -> None:
    await bus.call("REPLICAOF", "127.0.0.1", 1)
    with pytest.raises(BusDown, match="read only"):
        await bus.append("pi4", "1-0", event(id="pi4/1-0").wire())


async def test_a_server_whose_disk_is_gone_is_down_for_now_too(redis_each: RedisServer) -> None:
    bus = Bus.connect(redis_each.url, "test")
    await bus.append("pi4", "1-0", event(id="pi4/1-0").wire())
    consumer = Consumer(bus, "planner", "one", pattern="mesh:ev:*")
    entries_read = await consumer.read(block_ms=1)
    shutil.rmtree(redis_each.folder)
    await bus.call("CONFIG", "SET", "save", "3600 1")
    await bus.call("BGSAVE", "SCHEDULE")

    async def refuses() -> bool:
        return bool((await bus.redis.info("persistence"))["rdb_last_bgsave_status"] == "err")

    await wait_for(refuses, 10, "the snapshot to fail")
    for attempt in (
        bus.append("pi4", "2-0", event(id="pi4/2-0").wire()),
        bus.enter(event(), Trust.MESH),
        consumer.read(block_ms=1),
        consumer.acknowledge(entries_read),
        consumer.renew(),
    ):
        with pytest.raises(BusDown, match="MISCONF"):
            await attempt
    await consumer.close()
    await bus.close()


async def test_a_mistake_of_ours_is_no_outage(bus: Bus) -> None:
    await bus.call("SET", "mesh:ev:pi4", "a string")
    with pytest.raises(Exception, match="WRONGTYPE") as caught:
        await bus.append("pi4", "1-0", b"{}")
    assert not isinstance(caught.value, BusDown)


async def test_the_check_says_what_is_unsafe_and_nothing_else(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await check_server(bus) == []
    await bus.call("CONFIG", "SET", "appendonly", "no")
    await bus.call("CONFIG", "SET", "maxmemory", 10**8, "maxmemory-policy", "allkeys-lru")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    warnings = await check_server(bus)
    assert [word for word, text in zip(("appendonly", "noeviction", "3600 s"), warnings, strict=True) if word in text]
    assert len(warnings) == 3


async def test_a_user_with_few_rights_can_still_append(redis_each: RedisServer) -> None:
    admin = Bus.connect(redis_each.url, "admin")
    rights = ["~mesh:ev:pi4", "&health_events", "+xadd", "+publish", "+ping", "+client|setname"]
    await admin.call("ACL", "SETUSER", "pi4", "on", ">secret", "resetkeys", "resetchannels", "-@all", *rights)
    agent = Bus.connect(redis_each.url.replace("//", "//pi4:secret@"), "agent")
    await agent.append("pi4", "1-0", event(id="pi4/1-0").wire())
    with pytest.raises(Exception, match=r"(?i)permissions"):
        await agent.append("other", "1-0", event("other").wire())
    assert await check_server(admin) == []
    await agent.close()
    await admin.close()


async def test_the_version_is_told(bus: Bus) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", await server_version(bus))


def test_a_password_is_never_printed() -> None:
    assert masked("redis://me:s3cret@host:1/0") == "redis://me:***@host:1/0"
    assert masked("redis://host:1/0") == "redis://host:1/0"
