"""The observer as a process: killed with -9 at any moment, stopped politely, started with bad settings."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from parts.archive import lines_in, read_archive
from parts.forked import Forked

from mesh_core.messaging.bus import Bus
from mesh_core.models.events import Decision, HealthEvent, WorldUpdate
from mesh_core.runtime.heartbeats import what_is_stuck
from mesh_core.runtime.service import HEARTBEAT_SECONDS
from mesh_core.storage.file_lock import FileLock
from mesh_core.testing import RedisServer, free_port, wait_for

SERVICE = Path(__file__).parents[1]


def start(url: str, runtime: Path, **more: str) -> Forked:
    return Forked("observer", environ=_environ(url, runtime, more), log=runtime / "observer.log")


def start_alone(url: str, runtime: Path, *how: str, **more: str) -> subprocess.Popen[bytes]:
    """A child of ours, as we ask the system for it."""
    with (runtime / "observer.log").open("ab") as log:
        words = [sys.executable, *(how or ("-m", "observer"))]
        return subprocess.Popen(words, env=_environ(url, runtime, more), stderr=log, stdout=log)


def _environ(url: str, runtime: Path, more: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "REDIS_URL": url, "RUNTIME_PATH": str(runtime), "NODE_NAME": "here", **more}


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

        await wait_for(lambda: _decided(tmp_path, total // 2), 60, "every decision beside its event")
        found = [line["id"] for line in lines_in(tmp_path / "events") if "event" in line]
        assert sorted(found) == sorted(ids)
        last = {f"mesh:ev:n{k}": [i for i in ids if i.startswith(f"n{k}/")][-1].partition("/")[2] for k in range(3)}
        await wait_for(lambda: _positions(tmp_path) == last, 20, "the world up to the last event")
        rows = await bus.call("XRANGE", WorldUpdate.stream, "-", "+")
        _told_once([WorldUpdate.model_validate_json(fields[b"p"]) for _, fields in rows])
    finally:
        streaming.cancel()
        process.kill()
        process.wait()
        await bus.close()


def _decided(runtime: Path, least: int) -> bool:
    found = kept(runtime).values()
    return all(k["event"] for k in found) and sum(bool(k["decision"]) for k in found) >= least


def _positions(runtime: Path) -> object:
    """Up to where the world is folded."""
    world_file = runtime / "state" / "world.json"
    return json.loads(world_file.read_bytes())["positions"] if world_file.exists() else None


def _told_once(updates: list[WorldUpdate]) -> None:
    causes = [(u.event_id, u.node, u.service) for u in updates]
    assert len(causes) == len(set(causes)), "an update was told twice"
    for pair in {(u.node, u.service) for u in updates}:
        states = [(u.from_state, u.to_state) for u in updates if (u.node, u.service) == pair]
        assert all(a[1] == b[0] for a, b in pairwise(states)), "an update is missing"


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
                await wait_for(bus.is_up, 10, "a connection")
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


async def test_of_two_on_one_folder_one_works_and_the_other_goes_on_where_it_was_killed(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    bus = Bus.connect(redis_server.url, "test")
    lock, heartbeat, log = (
        tmp_path / name for name in ("state/observer.lock", "state/observer.heartbeat", "observer.log")
    )
    both = [start_alone(redis_server.url, tmp_path, OBSERVER_LISTEN=f"127.0.0.1:{free_port()}") for _ in range(2)]
    try:
        await wait_for(lambda: b"observer.standing_by" in log.read_bytes(), 30, "one of them stands by")
        await wait_for(lambda: heartbeat.exists() and any(_works(lock, one) for one in both), 20, "the other works")
        first, second = sorted(both, key=lambda one: not _works(lock, one))
        ids = [await say(bus, "pi4", n) for n in range(50)]
        await wait_for(lambda: written(tmp_path) == 50, 20, "the first archives them all")
        assert not _connections(second), "who stands by asks nobody and listens nowhere"
        first.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(os.waitid, os.P_PID, first.pid, os.WSTOPPED)
        ids += [await say(bus, "pi4", n) for n in range(50, 100)]
        before = _as_it_is(tmp_path)
        await asyncio.sleep(HEARTBEAT_SECONDS + 0.5)  # it could have beaten, read and written
        assert _as_it_is(tmp_path) == before
        first.send_signal(signal.SIGCONT)
        await wait_for(lambda: written(tmp_path) > 50, 20, "the first goes on")
        ids += [await say(bus, "pi4", n) for n in range(100, 400)]
        first.kill()
        ids += [await say(bus, "pi4", n) for n in range(400, 450)]
        await wait_for(lambda: _works(lock, second), 10, "the second takes over")
        await wait_for(lambda: written(tmp_path) >= len(ids), 20, "what was left and what came")
        assert await asyncio.to_thread(heartbeat.read_bytes) == b""
        found = [line["id"] for line in lines_in(tmp_path / "events") if "event" in line]
        assert sorted(found) == sorted(ids)
        assert log.read_bytes().count(b"observer.standing_by") == 1
    finally:
        for process in both:
            process.kill()
            process.wait()
        await bus.close()


def _works(lock: Path, process: subprocess.Popen[bytes]) -> bool:
    return lock.exists() and f"pid {process.pid} " in lock.read_text()


def _connections(process: subprocess.Popen[bytes]) -> set[str]:
    """Its TCP sockets, listening ones too."""
    tcp = {line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
    found = set()
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed by now
            found.add(str(descriptor.readlink()).removeprefix("socket:[").rstrip("]"))
    return tcp & found


def _as_it_is(runtime: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in runtime.rglob("*")}


HASTY = """
import mesh_core.runtime.leader_lock as leader_lock
leader_lock.IDLE_SECONDS, leader_lock.INSPECT_SECONDS = 0.5, 0.1
from observer.__main__ import main
main()
"""


async def test_one_that_stands_by_while_nobody_works_says_so_and_stops_when_it_is_told(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    heartbeat, holder = tmp_path / "state" / "observer.heartbeat", FileLock(tmp_path / "state" / "observer.lock")
    holder.path.parent.mkdir()
    assert holder.take()
    holder.note("somebody who does nothing\n")
    process = start_alone(redis_server.url, tmp_path, "-c", HASTY)
    try:
        await wait_for(lambda: "no observer works" in what_is_stuck(heartbeat), 20, "it is named in the heartbeat")
        assert what_is_stuck(heartbeat).endswith("is held by somebody who does nothing")
        log = tmp_path / "observer.log"
        await wait_for(lambda: b"service.stuck" in log.read_bytes(), 20, "it is said in the log")
        assert await health(tmp_path) == 1
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 300) == 0
        assert not (tmp_path / "events").exists()
    finally:
        holder.release()
        process.kill()
        process.wait()


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
        assert await asyncio.to_thread(process.wait, 300) == 0
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
        timeout=300,
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
    return await asyncio.to_thread(subprocess.call, ["sh", script], env=environment, timeout=300)
