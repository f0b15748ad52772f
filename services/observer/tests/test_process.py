"""The observer as a process: killed with -9 at any moment, stopped politely, started with bad settings."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from parts.archive import lines_in, read_archive

from mesh_core.bus import Bus
from mesh_core.records import Decision, HealthEvent, WorldUpdate
from mesh_core.testing import RedisServer, wait_for

SERVICE = Path(__file__).parents[1]


def start(url: str, runtime: Path, **more: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "REDIS_URL": url, "RUNTIME_PATH": str(runtime), "NODE_NAME": "here", **more}
    with (runtime / "observer.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "observer"], env=environment, stderr=log, stdout=log)


def kept(runtime: Path) -> dict[str, dict[str, Any]]:
    return read_archive(runtime / "events")


def written(runtime: Path) -> int:
    """Events in it so far, cheap enough to ask a hundred times a second."""
    files = (runtime / "events").glob("*/[!_.]*.jsonl")
    return sum(path.read_bytes().count(b',"event":{') for path in files)


async def test_killed_again_and_again_while_events_stream_in_it_misses_none_and_doubles_none(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    bus = Bus.connect(redis_server.url, "test")
    total = 1200
    ids: list[str] = []
    dice = random.Random(7)

    async def stream_in() -> None:
        for n in range(total):
            if n % 300 == 0:  # on a slow machine it starts slowly: the stream must not be over before it was killed
                await wait_for(lambda wanted=n // 300: kills >= wanted, 60, "it to be killed")  # type: ignore[misc]
            ids.append(await say(bus, f"n{n % 3}", n))
            if n % 2:
                await bus.publish(Decision(ts="2026-01-01T00:00:00.000Z", event_id=ids[-1], verdict="ignored"))
            await asyncio.sleep(0.003)  # a stream, not a heap: the kills fall between

    kills = 0
    process = start(redis_server.url, tmp_path)
    streaming = asyncio.create_task(stream_in())
    try:
        while not streaming.done():
            before = written(tmp_path)
            await wait_for(lambda b=before: written(tmp_path) > b or streaming.done(), 30, "it at work")  # type: ignore[misc]
            await asyncio.sleep(dice.random() * 0.3)  # anywhere in its work
            process.kill()
            process.wait()
            kills += 1
            process = start(redis_server.url, tmp_path)
        await streaming
        assert kills >= 3
        await wait_for(lambda: written(tmp_path) >= total, 60, "every event under events/")

        def decided() -> bool:
            found = kept(tmp_path).values()
            return all(k["event"] for k in found) and sum(bool(k["decision"]) for k in found) >= total // 2

        await wait_for(decided, 60, "every decision beside its event")
        found = [line["id"] for line in lines_in(tmp_path / "events") if "event" in line]
        assert sorted(found) == sorted(ids)
        world_file = tmp_path / "state" / "world.json"
        last = {f"mesh:ev:n{k}": [i for i in ids if i.startswith(f"n{k}/")][-1].partition("/")[2] for k in range(3)}

        def folded() -> bool:
            return world_file.exists() and json.loads(world_file.read_bytes())["positions"] == last

        await wait_for(folded, 20, "the world up to the last event")
        rows = await bus.call("XRANGE", WorldUpdate.stream, "-", "+")
        updates = [WorldUpdate.model_validate_json(fields[b"p"]) for _, fields in rows]
        causes = [(u.event_id, u.node, u.service) for u in updates]
        assert len(causes) == len(set(causes)), "an update was told twice"
        for pair in {(u.node, u.service) for u in updates}:
            states = [(u.from_state, u.to_state) for u in updates if (u.node, u.service) == pair]
            assert all(a[1] == b[0] for a, b in pairwise(states)), "an update is missing"
    finally:
        streaming.cancel()
        process.kill()
        process.wait()
        await bus.close()


async def test_redis_killed_three_times_under_it_costs_no_event_and_not_the_process(
    redis_each: RedisServer, tmp_path: Path
) -> None:
    bus = Bus.connect(redis_each.url, "test")
    await bus.call("CONFIG", "SET", "appendfsync", "always")
    process = start(redis_each.url, tmp_path)
    ids: list[str] = []
    try:
        for n in range(300):
            if n % 100 == 50:
                await wait_for(lambda: written(tmp_path), 20, "it at work")
                redis_each.kill()
                redis_each.start()
                await wait_for(bus.is_up, 5, "a connection")
                await bus.call("CONFIG", "SET", "appendfsync", "always")
            ids.append(await say(bus, "pi4", n))
        await wait_for(lambda: written(tmp_path) >= len(ids), 30, "every event under events/")
        found = [line["id"] for line in lines_in(tmp_path / "events") if "event" in line]
        assert sorted(found) == sorted(ids)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        await bus.close()


async def say(bus: Bus, node: str, n: int) -> str:
    """One event as a node agent sends it, its id inside."""
    entry = f"{time.time_ns() // 1_000_000 + n}-0"
    kind = "service_recovered" if n % 4 == 3 else "container_unhealthy"
    event = HealthEvent(id=f"{node}/{entry}", type=kind, node=node, service=f"s{n % 8}")
    await bus.append(node, entry, event.wire())
    return event.id or ""


async def test_it_stops_politely_with_its_world_on_disk_and_its_heart_beating_until_then(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    bus = Bus.connect(redis_server.url, "test")
    process = start(redis_server.url, tmp_path)
    try:
        await wait_for(lambda: (tmp_path / "state" / "observer.heartbeat").exists(), 20, "a heartbeat")
        assert await health(tmp_path) == 0
        await bus.append("pi4", "5-0", HealthEvent(id="pi4/5-0", type="oom", node="pi4", service="web").wire())

        async def hears() -> bool:
            return int((await bus.call("PUBSUB", "NUMSUB", "health_events"))[1]) >= 2

        await wait_for(hears, 10, "its bridge and its live stream to listen")
        assert await bus.announce("health_events", HealthEvent(type="oom", node="pi5", service="web").wire()) >= 2
        await wait_for(lambda: len(kept(tmp_path)) == 2, 20, "the agent's event and the adopted one")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0
        places = json.loads((tmp_path / "state" / "world.json").read_bytes())["places"]
        assert {"pi4/web", "pi5/web"} <= places.keys()
    finally:
        process.kill()
        process.wait()
        await bus.close()


def test_it_refuses_to_start_with_a_bad_setting_and_names_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "observer"],
        env={**os.environ, "NODE_SILENT_SECONDS": "soon", "RUNTIME_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 2
    assert "NODE_SILENT_SECONDS='soon'" in done.stderr
    assert "Traceback" not in done.stderr


async def test_it_starts_without_redis_and_waits_for_it(redis_server: RedisServer, tmp_path: Path) -> None:
    redis_server.kill()
    process = start(redis_server.url, tmp_path)
    try:
        await wait_for(lambda: b"observer.waiting" in (tmp_path / "observer.log").read_bytes(), 20, "it to wait")
        redis_server.start()
        bus = Bus.connect(redis_server.url, "test")
        await bus.append("pi4", "5-0", HealthEvent(id="pi4/5-0", type="oom", node="pi4", service="web").wire())
        await wait_for(lambda: len(kept(tmp_path)) == 1, 20, "the event")
        assert process.poll() is None
        await bus.close()
    finally:
        process.kill()
        process.wait()


async def test_the_health_check_needs_a_young_heartbeat(tmp_path: Path) -> None:
    assert await health(tmp_path) == 1
    heartbeat = tmp_path / "state" / "observer.heartbeat"
    heartbeat.parent.mkdir()
    heartbeat.touch()
    assert await health(tmp_path) == 0
    old = time.time() - 310
    os.utime(heartbeat, (old, old))
    assert await health(tmp_path) == 1


async def health(runtime: Path) -> int:
    script = SERVICE / "healthcheck.sh"
    environment = {"PATH": "/usr/bin:/bin", "RUNTIME_PATH": str(runtime)}  # no Python of ours in sight
    return await asyncio.to_thread(subprocess.call, ["sh", script], env=environment, timeout=10)
