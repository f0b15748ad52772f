"""From the spool to Redis: once, in order, whatever happens to either. Real servers, both kinds."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis

from mesh_core.incidents.rule import is_benign
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.testing import RedisServer, wait_for
from node_agent.delivery.redis_client import EntryIdTooLow, RedisClient, RedisRefused, RedisUnavailable
from node_agent.delivery.sender import ALIVE_MARK_SECONDS, EventSender
from node_agent.delivery.spool import Spool
from node_agent.incidents.events import node_event

NODE = "n1"
STREAM = "mesh:ev:n1"


def an_event(number: int = 0, type_: str = "container_died") -> HealthEvent:
    return HealthEvent(type=type_, node=NODE, service="web", payload={"number": number}, trust=Trust.NODE)


def entries(server: RedisServer) -> list[tuple[str, HealthEvent]]:
    with redis.Redis(port=server.port) as client:
        rows = client.xrange(STREAM)
    return [(row[0].decode(), HealthEvent.model_validate_json(row[1][b"p"])) for row in rows]


def numbers(server: RedisServer) -> list[int]:
    return [event.payload["number"] for _, event in entries(server) if "number" in event.payload]


@asynccontextmanager
async def sending(spool: Spool, url: str) -> AsyncIterator[EventSender]:
    stop = asyncio.Event()
    sender = EventSender(NODE, spool, RedisClient(url, "test"), lambda: 1)
    task = asyncio.create_task(sender.run(stop))
    try:
        yield sender
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


async def test_events_arrive_in_order_with_their_ids_and_are_published(redis_each: RedisServer, tmp_path: Path) -> None:
    spool = Spool(tmp_path, NODE)
    with redis.Redis(port=redis_each.port) as client, client.pubsub() as channel:
        channel.subscribe("health_events")
        assert channel.get_message(timeout=60)
        async with sending(spool, redis_each.url) as sender:
            for number in range(20):
                spool.accept(an_event(number), 1000)
                sender.wake()
            await wait_for(lambda: len(spool) == 0, 10, "the sender to know of all twenty")
        heard = [json.loads(channel.get_message(timeout=60)["data"]) for _ in range(20)]
    assert numbers(redis_each) == list(range(20))
    for (entry, event), live in zip(entries(redis_each), heard, strict=True):
        assert event.id == f"{NODE}/{entry}" == live["id"]
        assert entry.endswith("-0")
    assert len(spool) == 0


async def test_redis_away_for_a_while_costs_nothing(redis_server: RedisServer, tmp_path: Path) -> None:
    spool = Spool(tmp_path, NODE)
    async with sending(spool, redis_server.url) as sender:
        spool.accept(an_event(0), 1000)
        sender.wake()
        await wait_for(lambda: numbers(redis_server) == [0], 10, "the first event")
        for round_ in range(3):
            redis_server.kill()
            for number in range(1, 6):
                spool.accept(an_event(round_ * 5 + number), 1000)
                sender.wake()
                await asyncio.sleep(0.05)
            assert len(spool) > 0
            redis_server.start()
            await wait_for(lambda: len(spool) == 0, 10, "an empty spool")
    assert numbers(redis_server) == list(range(16))


async def test_a_lost_reply_is_no_second_entry(redis_each: RedisServer, tmp_path: Path) -> None:
    """As after a crash between XADD and the reply: the file is still there, the entry too."""
    spool = Spool(tmp_path, NODE)
    event = spool.accept(an_event(1), 1000)
    line = RedisClient(redis_each.url, "test")
    await line.append(NODE, "1000-0", event.wire())
    await line.close()
    async with sending(Spool(tmp_path, NODE), redis_each.url):
        await wait_for(lambda: not list(tmp_path.glob("*.json")), 10, "the file to go")
    assert numbers(redis_each) == [1]


async def test_a_clock_that_jumped_back_over_a_restart_loses_nothing(redis_server: RedisServer, tmp_path: Path) -> None:
    async with sending(spool := Spool(tmp_path / "a", NODE), redis_server.url):
        spool.accept(an_event(1), 9_000_000)
        await wait_for(lambda: len(spool) == 0, 10, "the first")
    # Another disk, an older clock, and Redis cannot be asked when the ids are given.
    blind = Spool(tmp_path / "b", NODE)
    for number in (2, 3, 4):
        blind.accept(an_event(number), 5_000_000 + number)
    async with sending(blind, redis_server.url):
        await wait_for(lambda: len(blind) == 0, 10, "the others")
    assert numbers(redis_server) == [1, 2, 3, 4]
    # An id that was given twice by two lives of one node: another event lies under it.
    twin = Spool(tmp_path / "c", NODE)
    twin.accept(an_event(5), 9_000_000)
    async with sending(twin, redis_server.url):
        await wait_for(lambda: len(twin) == 0, 10, "the twin")
    assert numbers(redis_server) == [1, 2, 3, 4, 5]
    # The same disk with an older clock: the last id is remembered there.
    again = Spool(tmp_path / "b", NODE)
    numbered = again.accept(an_event(5), 1)
    assert numbered.id is not None
    assert int(numbered.id.split("/")[1].split("-")[0]) > 9_000_000


async def test_what_was_trimmed_away_after_a_lost_reply_is_not_sent_again(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    spool = Spool(tmp_path, NODE)
    event = spool.accept(an_event(1), 1000)
    with redis.Redis(port=redis_server.port) as client:
        client.xadd(STREAM, {"p": event.wire()}, id="1000-0")
        client.xadd(STREAM, {"p": an_event(2).wire()}, id="2000-0")
        client.xtrim(STREAM, minid="2000-0", approximate=False)
    async with sending(spool, redis_server.url):
        await wait_for(lambda: len(spool) == 0, 10, "an empty spool")
    assert numbers(redis_server) == [2]


async def test_a_wiped_redis_goes_on_with_new_events(redis_server: RedisServer, tmp_path: Path) -> None:
    spool = Spool(tmp_path, NODE)
    async with sending(spool, redis_server.url) as sender:
        spool.accept(an_event(1), 1000)
        sender.wake()
        await wait_for(lambda: numbers(redis_server) == [1], 10, "the first")
        with redis.Redis(port=redis_server.port) as client:
            client.flushall()
        spool.accept(an_event(2), 1000)
        sender.wake()
        await wait_for(lambda: numbers(redis_server) == [2], 10, "the second")


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_a_redis_lost_in_its_last_seconds_comes_again_in_order(
    redis_each: RedisServer, tmp_path: Path, *, restarted: bool
) -> None:
    """A power cut of its host, or kill -9 while its disk stalls; perhaps it took the agent along."""
    spool = Spool(tmp_path, NODE)
    async with sending(spool, redis_each.url) as sender:
        spool.accept(an_event(0), 1000)
        sender.wake()
        await wait_for(lambda: len(spool) == 0, 10, "the first is sent")
        written = redis_each.written()
        for number in (1, 2, 3):
            spool.accept(an_event(number), 1000)
        sender.wake()
        await wait_for(lambda: len(spool) == 0, 10, "all are sent")
        before = entries(redis_each)
        if not restarted:
            redis_each.lose_what_came_after(written)
            spool.accept(an_event(4), 1000)
            sender.wake()
            await wait_for(lambda: len(spool) == 0 and len(numbers(redis_each)) > 4, 10, "all are there again")
    if restarted:
        redis_each.lose_what_came_after(written)
        spool = Spool(tmp_path, NODE)
        async with sending(spool, redis_each.url) as sender:
            spool.accept(an_event(4), 1000)
            sender.wake()
            await wait_for(lambda: len(spool) == 0 and len(numbers(redis_each)) > 4, 10, "all are there again")
    assert numbers(redis_each) == [0, 1, 2, 3, 4]
    assert entries(redis_each)[:4] == before


async def test_who_has_nothing_more_to_tell_notices_at_once_that_redis_began_anew(
    redis_each: RedisServer, tmp_path: Path
) -> None:
    """Not only by the next sign of life, which may come half a minute later, or never."""
    spool = Spool(tmp_path, NODE)
    async with sending(spool, redis_each.url) as sender:
        spool.accept(an_event(0), 1000)
        sender.wake()
        await wait_for(lambda: len(spool) == 0, 10, "the first is sent")
        written = redis_each.written()
        spool.accept(an_event(1), 1000)
        sender.wake()
        await wait_for(lambda: len(spool) == 0, 10, "the last is sent")
        redis_each.lose_what_came_after(written)
        await wait_for(lambda: numbers(redis_each) == [0, 1], ALIVE_MARK_SECONDS / 2, "the last is there again")


def test_of_what_was_sent_only_the_end_is_kept_and_nothing_old_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr("node_agent.delivery.spool.time.time", lambda: now)
    spool = Spool(tmp_path, NODE)
    for number, later in enumerate((0, 1, 70, 75)):
        monkeypatch.setattr("node_agent.delivery.spool.time.time", lambda later=later: now + later)
        spool.accept(an_event(number), 1000 + number)
        oldest = spool.oldest()
        assert oldest is not None
        spool.mark_sent(oldest[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000000001002.sent", "000000000001003.sent"]
    assert spool.requeue_above("1003-0") == 0
    monkeypatch.setattr("node_agent.delivery.spool.time.time", lambda: now + 7200)
    assert spool.requeue_above("0-0") == 0
    monkeypatch.setattr("node_agent.delivery.spool.time.time", lambda: now + 80)
    assert spool.requeue_above("1002-0") == 1
    assert len(spool) == 1
    assert spool.waiting_bytes > 0


async def test_a_server_that_refuses_is_waited_for(redis_server: RedisServer, tmp_path: Path) -> None:
    spool = Spool(tmp_path, NODE)
    with redis.Redis(port=redis_server.port) as client:
        client.set(STREAM, "not a stream")
        async with sending(spool, redis_server.url) as sender:
            spool.accept(an_event(1), 1000)
            sender.wake()
            await wait_for(lambda: sender.down_since is not None, 10, "the sender to wait")
            client.delete(STREAM)
            await wait_for(lambda: len(spool) == 0, 10, "an empty spool")
    assert numbers(redis_server) == [1]


async def test_a_sign_of_life_fades_by_itself(redis_server: RedisServer, tmp_path: Path) -> None:
    with redis.Redis(port=redis_server.port) as client:
        async with sending(Spool(tmp_path, NODE), redis_server.url):
            await wait_for(lambda: client.ttl(f"mesh:alive:{NODE}") > 60, 10, "the key")


def test_ids_are_never_given_twice(tmp_path: Path) -> None:
    spool = Spool(tmp_path, NODE)
    ids = [spool.accept(an_event(), now).id for now in (1000, 1000, 500, 2000, 1)]
    assert ids == [f"{NODE}/{ms}-0" for ms in (1000, 1001, 1002, 2000, 2001)]
    while (oldest := spool.oldest()) is not None:
        spool.mark_sent(oldest[0])
    assert max(path.name for path in tmp_path.iterdir()) == "000000000002001.sent"
    assert Spool(tmp_path, NODE).accept(an_event(), 5).id == f"{NODE}/2002-0"


def test_a_crash_in_the_middle_of_a_write_leaves_a_usable_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path, NODE)
    spool.accept(an_event(1), 1000)
    (tmp_path / ".000000000001001.json.abcdef.tmp").write_bytes(b'{"half')
    (tmp_path / "000000000001002.json").write_bytes(b'{"half')
    (tmp_path / "000000000001003.json").write_bytes(an_event(3).wire())
    again = Spool(tmp_path, NODE)
    seen = []
    while (oldest := again.oldest()) is not None:
        seen.append(HealthEvent.model_validate_json(oldest[1]).payload["number"])
        again.mark_sent(oldest[0])
    assert seen == [1, 3]
    assert again.take_dropped() == 1
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_full_spool_drops_the_oldest_benign_event_first(tmp_path: Path) -> None:
    size = len(an_event(0).wire()) + 40
    spool = Spool(tmp_path, NODE, max_bytes=5 * size)
    for number in range(4):
        spool.accept(an_event(number, "service_recovered" if number == 2 else "container_died"), 1000 + number)
    for number in range(4, 8):
        spool.accept(an_event(number), 1000 + number)
    left = []
    while (oldest := spool.oldest()) is not None:
        left.append(HealthEvent.model_validate_json(oldest[1]).payload["number"])
        spool.mark_sent(oldest[0])
    assert 2 not in left
    assert left == sorted(left)
    assert left[-1] == 7
    assert spool.take_dropped() == 8 - len(left)


async def test_drops_are_published_once_redis_is_back(redis_server: RedisServer, tmp_path: Path) -> None:
    spool = Spool(tmp_path, NODE, max_bytes=1000)
    for number in range(20):
        spool.accept(an_event(number), 1000)
    assert spool.dropped > 10

    def told() -> list[HealthEvent]:
        return [event for _, event in entries(redis_server) if event.type == "events_dropped"]

    async with sending(spool, redis_server.url):
        await wait_for(lambda: told() and len(spool) == 0, 10, "the count, and all that is left")
    (count,) = told()
    assert count.payload["dropped"] == 20 - len(numbers(redis_server))


async def test_a_full_disk_keeps_events_in_memory_and_in_order(redis_server: RedisServer, tiny_disk: Path) -> None:
    spool = Spool(tiny_disk / "spool", NODE)
    for number in range(100):
        spool.accept(an_event(number).model_copy(update={"payload": {"number": number, "pad": "x" * 4000}}), 1000)
    assert len(list((tiny_disk / "spool").glob("*.json"))) < 100, "the disk should have been full"
    async with sending(spool, redis_server.url):
        await wait_for(lambda: len(spool) == 0, 10, "an empty spool")
    assert numbers(redis_server) == list(range(100))


async def test_the_line_says_what_is_wrong(redis_server: RedisServer, tmp_path: Path) -> None:
    away = RedisClient("redis://127.0.0.1:1/0", "test")
    with pytest.raises(RedisUnavailable, match=r"127\.0\.0\.1:1"):
        await away.last_id(STREAM)
    line = RedisClient(redis_server.url, "test")
    assert await line.last_id(STREAM) == "0-0"
    await line.append(NODE, "5-0", b"{}")
    assert await line.last_id(STREAM) == "5-0"
    with pytest.raises(EntryIdTooLow):
        await line.append(NODE, "5-0", b"{}")
    assert await line.contains(STREAM, "5-0", b"{}")
    assert not await line.contains(STREAM, "5-0", b"another")
    assert not await line.contains(STREAM, "4-0", b"{}")
    with pytest.raises(RedisRefused):
        await line.call("NOSUCHCOMMAND")
    await line.close()


async def test_the_line_logs_in_with_user_password_and_database(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    server = RedisServer(folder).start()
    try:
        with redis.Redis(port=server.port) as client:
            client.acl_setuser(
                "agent", enabled=True, passwords=["+p@ss:wort"], keys=["*"], channels=["*"], commands=["+@all"]
            )
        url = f"redis://agent:p%40ss%3Awort@127.0.0.1:{server.port}/3"
        line = RedisClient(url, "test")
        await line.append(NODE, "5-0", b"{}")
        await line.close()
        with redis.Redis(port=server.port, db=3) as client:
            assert client.xlen(STREAM) == 1
        with pytest.raises(RedisUnavailable, match="refused"):
            await RedisClient(url.replace("wort", "wrong"), "test").last_id(STREAM)
    finally:
        server.stop()


@pytest.mark.parametrize("refused", ["-select", "-client|setname"])
async def test_a_connection_whose_set_up_was_refused_is_never_used(redis_server: RedisServer, refused: str) -> None:
    """After a refused SELECT, the next command would go to database 0."""
    with redis.Redis(port=redis_server.port) as client:
        client.acl_setuser(
            "agent", enabled=True, passwords=["+word"], keys=["*"], channels=["*"], commands=["+@all", refused]
        )
    line = RedisClient(f"redis://agent:word@127.0.0.1:{redis_server.port}/3", "test")
    for _ in range(2):
        with pytest.raises(RedisUnavailable, match="refused"):
            await line.append(NODE, "5-0", b"{}")
    for database in (0, 3):
        with redis.Redis(port=redis_server.port, db=database) as client:
            assert not client.exists(STREAM)
    with redis.Redis(port=redis_server.port) as client:
        await wait_for(lambda: {c["user"] for c in client.client_list()} == {"default"}, 10, "no connection left open")
        client.execute_command("ACL", "SETUSER", "agent", "+" + refused.removeprefix("-"))
    await line.append(NODE, "5-0", b"{}")
    await line.close()
    with redis.Redis(port=redis_server.port, db=3) as client:
        assert client.xlen(STREAM) == 1


@pytest.mark.parametrize("refused", ["publish", "xrange"])
async def test_a_permission_that_is_missing_is_waited_for_and_nothing_is_sent_twice(
    redis_server: RedisServer, tmp_path: Path, refused: str
) -> None:
    """Whatever is refused at whichever step, the sender goes on trying."""
    spool = Spool(tmp_path, NODE)
    event = spool.accept(an_event(1), 1000)
    with redis.Redis(port=redis_server.port) as client:
        client.xadd(STREAM, {"p": event.wire()}, id="1000-0")  # as after a lost reply
        client.acl_setuser(
            "agent", enabled=True, passwords=["+word"], keys=["*"], channels=["*"], commands=["+@all", f"-{refused}"]
        )
        async with sending(spool, f"redis://agent:word@127.0.0.1:{redis_server.port}/0") as sender:
            await wait_for(lambda: sender.down_since is not None, 10, "the sender to wait")
            spool.accept(an_event(2), 1000)
            client.execute_command("ACL", "SETUSER", "agent", f"+{refused}")
            await wait_for(lambda: len(spool) == 0, 10, "an empty spool")
    assert numbers(redis_server) == [1, 2]


async def test_the_line_speaks_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "r.sock"
    server = RedisServer(tmp_path / "redis", extra=("--unixsocket", str(path))).start()
    try:
        line = RedisClient(f"unix://{path}?db=0", "test")
        await line.append(NODE, "5-0", an_event().wire())
        assert await line.last_id(STREAM) == "5-0"
        await line.close()
    finally:
        server.stop()


def test_node_events_are_of_the_node() -> None:
    event = node_event("node_online", NODE, 1000, Severity.INFO, {"a": 1})
    assert is_benign(event)
    assert event.service is None
