"""The observer's loop on a real Redis: archived, folded, told, acknowledged, in that order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from parts.archive import read_archive

from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.consumer import Consumer
from mesh_core.models.events import Decision, HealthEvent, Severity, Trust, WorldUpdate
from mesh_core.models.proposals import ActionUpdate
from mesh_core.testing import RedisServer, wait_for
from observer.archive.events import EventArchive
from observer.pipeline.observer import GROUP, Observer
from observer.world import HealthState

NOW = "2026-05-05T12:00:00.000Z"


@dataclass
class Running:
    bus: Bus
    consumer: Consumer
    observer: Observer
    runtime: Path

    def kept(self) -> list[dict[str, object]]:
        return list(read_archive(self.runtime / "events").values())

    async def told(self) -> list[WorldUpdate]:
        rows = await self.bus.call("XRANGE", WorldUpdate.stream, "-", "+")
        return [WorldUpdate.model_validate_json(fields[b"p"]) for _, fields in rows]

    async def open_entries(self) -> int:
        total = 0
        for stream in self.consumer.streams:
            total += (await self.bus.redis.xpending(stream, GROUP))["pending"]
        return total


def make(url: str, runtime: Path) -> Running:
    bus = Bus.connect(url, "observer")
    consumer = Consumer(bus, GROUP, "observer-test", pattern="mesh:ev:*", streams=(Decision.stream,))
    return Running(
        bus, consumer, Observer(bus, consumer, EventArchive(runtime / "events"), runtime / "world.json"), runtime
    )


@pytest.fixture
async def running(redis_each: RedisServer, tmp_path: Path) -> AsyncIterator[Running]:
    made = make(redis_each.url, tmp_path)
    stop = asyncio.Event()
    tasks = [asyncio.create_task(made.observer.run(stop)), asyncio.create_task(made.observer.keep_world(stop))]
    yield made
    stop.set()
    await asyncio.gather(*tasks)
    await made.consumer.close()
    await made.bus.close()


def sick(service: str = "web", **more: object) -> HealthEvent:
    return HealthEvent.model_validate(
        {"type": "container_unhealthy", "node": "pi4", "service": service, "severity": "error", "timestamp": NOW} | more
    )


async def test_an_event_is_archived_folded_told_and_acknowledged(running: Running) -> None:
    event = await running.bus.enter(sick(color="green"), Trust.FOREIGN)
    assert event is not None
    await wait_for(lambda: running.kept(), 10, "a line under events/")
    (kept,) = running.kept()
    assert kept == {"event": json.loads(event.wire()), "decision": None}
    await wait_for(lambda: running.observer.world.places, 10, "the world")
    assert running.observer.world.places["pi4/web"].state is HealthState.UNHEALTHY
    await wait_for(running.told, 10, "the change is told")
    (update,) = await running.told()
    assert (update.from_state, update.to_state, update.severity) == ("unknown", "sick", Severity.ERROR)
    assert update.event_id == event.id
    await wait_for(lambda: running.consumer.handed_out == 0, 10, "the acknowledgement")
    assert await running.open_entries() == 0
    await wait_for(lambda: (running.runtime / "world.json").exists(), 10, "world.json")
    assert "pi4/web" in json.loads((running.runtime / "world.json").read_bytes())["places"]


async def test_a_decision_meets_its_event_in_one_file_whichever_comes_first(running: Running) -> None:
    later = f"pi4/{4102444800000}-0"  # decided before we see it
    await running.bus.publish(Decision(ts=NOW, event_id=later, verdict="proposed", action_id="plan-x", reason="why"))
    await wait_for(lambda: running.kept(), 10, "a line for the decision alone")
    assert running.kept()[0]["event"] is None
    await running.bus.append("pi4", later.removeprefix("pi4/"), sick().wire())
    running.consumer.hint("mesh:ev:pi4")
    await wait_for(lambda: running.kept()[0]["event"], 10, "the event in the same file")
    decision = running.kept()[0]["decision"]
    assert decision == {"verdict": "proposed", "action_id": "plan-x", "reason": "why", "ts": NOW}

    event = await running.bus.enter(sick("db"), Trust.MESH)
    assert event is not None
    running.consumer.hint("mesh:ev:_mesh")
    await wait_for(lambda: len(running.kept()) == 2, 10, "the second event's file")
    await running.bus.publish(Decision(ts=NOW, event_id=event.id or "", verdict="ignored", reason="no"))
    await wait_for(
        lambda: [k for k in running.kept() if k["event"] == json.loads(event.wire()) and k["decision"]],
        10,
        "the decision beside the event",
    )
    assert len(running.kept()) == 2


async def test_a_benign_event_is_decided_by_itself(running: Running) -> None:
    await running.bus.enter(HealthEvent(type="deployment_started", node="pi4"), Trust.FOREIGN)
    await wait_for(lambda: running.kept(), 10, "a file")
    decision = running.kept()[0]["decision"]
    assert isinstance(decision, dict)
    assert decision["verdict"] == "benign"


async def test_what_is_no_event_goes_to_the_dead_letters_and_does_not_hold_up_the_rest(running: Running) -> None:
    await running.bus.call("XADD", "mesh:ev:pi4", "5-0", "p", b"\xff\xfe not text")
    await running.bus.call("XADD", "mesh:ev:pi4", "6-0", "p", sick().model_copy(update={"node": "other"}).wire())
    await running.bus.call("XADD", "mesh:ev:pi4", "7-0", "q", "no payload")
    await running.bus.call("XADD", "mesh:ev:pi4", "8-0", "p", b"x" * 900_000)
    await running.bus.call(
        "XADD", Decision.stream, "8-0", "p", f'{{"ts":"{NOW}","event_id":"../x","verdict":"ignored"}}'
    )
    await running.bus.call("XADD", Decision.stream, "9-0", "p", "[]")
    await running.bus.call("XADD", Decision.stream, "10-0", "p", '{"event_id":"pi4/1-0"}')
    await running.bus.append("pi4", "9-0", sick().wire())
    await wait_for(lambda: running.kept(), 10, "the good event")
    await wait_for(lambda: running.consumer.handed_out == 0, 10, "all acknowledged")

    async def letters() -> int:
        return int(await running.bus.call("XLEN", "mesh:dead_letters"))

    await wait_for(lambda: _is(letters, 7), 10, "seven dead letters")

    # What is larger than any event is gone at once: nobody else has to carry it.
    async def left() -> list[str]:
        rows, _ = await running.bus.page("mesh:ev:pi4", "-")
        return [entry_id for entry_id, _ in rows]

    await wait_for(lambda: _is(left, ["5-0", "6-0", "7-0", "9-0"]), 10, "only it is gone")
    assert len(running.kept()) == 1
    assert not list(running.runtime.rglob("x*"))


async def test_what_a_node_may_write_on_purpose_into_its_stream_ends_no_observer(
    redis_each: RedisServer, tmp_path: Path
) -> None:
    first = make(redis_each.url, tmp_path)
    last = f"{2**64 - 1}-{2**64 - 1}"
    await first.bus.call("XADD", "mesh:ev:oak", last, "p", sick().model_copy(update={"node": "oak"}).wire())
    await first.bus.call("XADD", b"mesh:ev:\xff", "1-0", "p", "x")
    await first.bus.append("pi4", "10-0", sick().wire())
    await first.observer.work(await first.consumer.read(block_ms=100))
    second = make(redis_each.url, tmp_path)
    await second.observer.catch_up()
    assert sorted(second.observer.world.places) == ["oak/", "oak/web", "pi4/", "pi4/web"]
    for one in (first, second):
        await one.consumer.close()
        await one.bus.close()


async def test_what_the_entry_says_of_its_own_id_and_trust_is_not_believed(running: Running) -> None:
    raw = sick().model_copy(update={"id": "pi4/1-0", "trust": Trust.MESH}).wire()
    await running.bus.append("pi4", "77-0", raw)
    await wait_for(lambda: running.kept(), 10, "a file")
    event = running.kept()[0]["event"]
    assert isinstance(event, dict)
    assert (event["id"], event["trust"]) == ("pi4/77-0", "node")
    assert list(read_archive(running.runtime / "events")) == ["pi4/77-0"]


async def test_a_restart_without_its_last_second_of_world_folds_it_again_and_says_nothing_twice(
    redis_each: RedisServer, tmp_path: Path
) -> None:
    first = make(redis_each.url, tmp_path)
    await first.bus.append("pi4", "10-0", sick().wire())
    entries = await first.consumer.read(block_ms=100)
    await first.observer.work(entries)  # acknowledged, archived, told; world.json was never saved
    await first.consumer.close()
    second = make(redis_each.url, tmp_path)
    assert second.observer.world.places == {}
    await second.observer.catch_up()
    assert second.observer.world.places == first.observer.world.places
    assert [update.to_state for update in await second.told()] == ["healthy", "sick"]
    await second.consumer.close()
    await second.bus.close()
    await first.bus.close()


@pytest.mark.parametrize("starts_anew", [True, False])
async def test_what_is_over_in_one_stream_does_not_end_what_began_later_in_another(
    starts_anew: bool, redis_each: RedisServer, tmp_path: Path
) -> None:
    made = make(redis_each.url, tmp_path)
    told = (
        ("mesh:ev:_foreign", "30-3", "disk_full"),
        ("mesh:ev:_observer", "10-1", "node_offline"),
        ("mesh:ev:_observer", "20-2", "node_online"),
    )
    for stream, entry_id, type_ in told:
        event = sick().model_copy(update={"type": type_, "service": None})
        await made.bus.call("XADD", stream, entry_id, "p", event.wire())
    if starts_anew:
        await made.observer.catch_up()
    else:
        await made.observer.work(await made.consumer.read(block_ms=100))
    place = made.observer.world.places["pi4/"]
    assert (place.state, place.event_type) == (HealthState.UNHEALTHY, "disk_full")
    await made.consumer.close()
    await made.bus.close()


async def test_a_batch_is_not_acknowledged_while_the_disk_refuses_it(redis_server: RedisServer, tmp_path: Path) -> None:
    made = make(redis_server.url, tmp_path)
    (tmp_path / "events").write_text("in the way")
    await made.bus.append("pi4", "10-0", sick().wire())
    stop = asyncio.Event()
    task = asyncio.create_task(made.observer.run(stop))
    await wait_for(lambda: made.consumer.handed_out, 10, "the entry in hand")
    assert await made.open_entries() == 1
    (tmp_path / "events").unlink()
    await wait_for(lambda: made.kept(), 10, "the file, once the disk is well")
    await wait_for(lambda: _is(made.open_entries, 0), 10, "the acknowledgement")
    stop.set()
    await task
    await made.consumer.close()
    await made.bus.close()


async def test_redis_may_be_killed_and_come_back_and_nothing_is_missing(
    redis_each: RedisServer, tmp_path: Path
) -> None:
    made = make(redis_each.url, tmp_path)
    stop = asyncio.Event()
    task = asyncio.create_task(made.observer.run(stop))
    await made.bus.call("CONFIG", "SET", "appendfsync", "always")
    for n in range(1, 51):
        await made.bus.append("pi4", f"{n}-0", sick(f"s{n}").wire())
    redis_each.kill()
    redis_each.start()
    await wait_for(made.bus.is_up, 10, "a connection again")
    for n in range(51, 101):
        await wait_for(partial(_appended, made.bus, f"{n}-0", sick(f"s{n}")), 10, f"event {n} in its stream")
    await wait_for(lambda: len(made.observer.world.places) == 101, 20, "a node and a hundred services in the world")
    # The world may be ahead of the archive: a start folds what the streams hold before it reads its group.
    await wait_for(lambda: len(made.kept()) == 100, 20, "every event under events/")
    assert not task.done()
    stop.set()
    await task
    await made.consumer.close()
    await made.bus.close()


async def _appended(bus: Bus, entry_id: str, event: HealthEvent) -> bool:
    """As whoever sends it does: another of our connections may still be to the Redis that was killed."""
    try:
        await bus.append(event.node, entry_id, event.wire())
    except BusDown:
        return False
    return True


async def _is(ask: object, wanted: object) -> bool:
    return await ask() == wanted  # type: ignore[operator,no-any-return]


def test_action_updates_and_world_updates_have_streams_of_their_own() -> None:
    assert len({ActionUpdate.stream, WorldUpdate.stream, Decision.stream}) == 3
