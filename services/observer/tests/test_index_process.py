"""The archive's index in a real observer: fed while it runs, killed with -9, broken; and what Redis forgets."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from parts.archive import put_old, read_archive
from parts.forked import Forked
from sign_in_rig import sign_in

from mesh_core.messaging.bus import Bus
from mesh_core.messaging.consumer import Consumer
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import Decision, HealthEvent
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.streams import MOVES_STREAM
from mesh_core.testing import RedisServer, free_port, wait_for
from observer.archive.events import EventArchive
from observer.pipeline.observer import GROUP
from observer.streams.erasures import Erasures
from observer.streams.trimming import WEEK_MS, Trimming

MANY = 300  # a stream is trimmed by whole nodes of 100 entries


async def signed_in(url: str, runtime: Path) -> dict[str, str]:
    """As soon as the observer answers; headers for whatever asks from now on."""

    def up() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}/healthz").status_code == 200
        return False

    await wait_for(up, 40, "the observer")
    return sign_in(url, runtime).headers


def start(url: str, runtime: Path, port: int) -> Forked:
    environment = {
        **os.environ,
        **{"REDIS_URL": url, "RUNTIME_PATH": str(runtime), "NODE_NAME": "here", "OBSERVER_LISTEN": f"127.0.0.1:{port}"},
    }
    return Forked("observer", environ=environment, log=runtime / "observer.log")


async def say(bus: Bus, number: int) -> HealthEvent:
    """An event, the model that was asked about it, and what was decided."""
    entry = f"{time.time_ns() // 1_000_000 + number}-0"
    event = HealthEvent(id=f"pi4/{entry}", type="container_died", node="pi4", service="web", payload={"n": number})
    await bus.append("pi4", entry, event.wire())
    asked = {"ts": event.timestamp, "event_id": event.id, "model": "smol", "provider": "llamacpp", "position": 1}
    await bus.publish(ModelAttempt.model_validate({**asked, "outcome": "ok", "latency_ms": 800}))
    await bus.publish(Decision(ts=event.timestamp, event_id=event.id or "", verdict="ignored", reason="by policy"))
    return event


async def test_it_is_whole_again_after_kill_9_and_after_being_broken(redis_server: RedisServer, tmp_path: Path) -> None:
    bus, port = Bus.connect(redis_server.url, "test"), free_port()
    process = start(redis_server.url, tmp_path, port)
    events = []
    url = f"http://127.0.0.1:{port}"

    who = await signed_in(url, tmp_path)
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=60, headers=who) as http:

        async def answered(path: str) -> Any:
            try:
                return (await http.get(path)).json()
            except httpx.HTTPError:
                return {}

        async def all_there() -> bool:
            page = await answered("/events?limit=200&q=died")
            models = await answered("/metrics/models?hours=24")
            decided = [row for row in page.get("items", ()) if row["verdict"] == "ignored"]
            asked = models.get("total", {}).get("attempts", {}).get("ok")
            return bool(page.get("complete") and len(decided) == asked == len(events))

        try:
            for harm in ("none", "kill", "broken", "taken away"):
                events += [await say(bus, len(events) + n) for n in range(5)]
                if harm in ("kill", "broken"):
                    process.kill()
                    process.wait()
                    if harm == "broken":
                        (tmp_path / "index" / "observer.db").write_bytes(b"nonsense" * 4096)
                    process = start(redis_server.url, tmp_path, port)
                elif harm == "taken away":
                    await wait_for(all_there, 30, "everything, before it is taken away")
                    for path in (tmp_path / "index").glob("observer.db*"):
                        path.unlink()
                    await wait_for((tmp_path / "index" / "observer.db").exists, 30, "another database")
                await wait_for(all_there, 40, f"everything in the index after: {harm}")
            incident = await answered(f"/incidents/{events[0].id}")
            # Events of one place without an incident's name are one trouble.
            assert incident.get("announcements") == len(events), incident
            assert {step["kind"] for step in incident["steps"]} == {"symptom", "decision", "attempt"}
        finally:
            process.kill()
            process.wait()
            await bus.close()


def older_form(events: Path) -> dict[str, dict[str, str]]:
    """Nine days of events in the form of before, each with what was decided."""
    now = time.time_ns() // 1_000_000
    old = {
        f"pi{node}/{now - day * 86_400_000}-{n}": {"type": "container_died", "node": f"pi{node}", "service": "web"}
        for day in range(1, 10)
        for node in range(2)
        for n in range(8)
    }
    for event_id, event in old.items():
        decision = {"verdict": "counted", "action_id": None, "reason": "of before", "ts": "2026-01-01T00:00:00Z"}
        put_old(events, event_id, {"id": event_id, "trust": "node", **event}, decision)
    return old


def weeks_of(archive: EventArchive) -> list[HealthEvent]:
    """A month in today's form, old enough to be compressed."""
    now = time.time_ns() // 1_000_000
    weeks = [
        HealthEvent(id=f"pi4/{now - day * 86_400_000}-0", type="container_died", node="pi4") for day in range(8, 38)
    ]
    for path in archive.keep(weeks, []):
        os.utime(path, (now / 1000 - 200_000,) * 2)
    return weeks


@dataclass
class Converted:
    """A real observer over both forms and `mend migrate` beside it."""

    redis_url: str
    runtime: Path
    port: int
    process: Forked

    @property
    def events(self) -> Path:
        return self.runtime / "events"

    def migrate(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "mesh_core.storage.migrations", str(self.runtime)]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def kill_at_work(self, converting: subprocess.Popen[bytes]) -> None:
        """Both, and only the observer comes back."""
        before = len(list(self.events.glob("*/*.gz")))
        await wait_for(
            lambda: len(list(self.events.glob("*/*.gz"))) > before or converting.poll() is not None, 30, "it at work"
        )
        converting.kill()
        self.process.kill()
        self.process.wait()
        self.process = start(self.redis_url, self.runtime, self.port)


async def is_complete(http: httpx.AsyncClient, expected: Iterable[str]) -> bool:
    """Does the page show these events, each once?"""
    try:
        page = (await http.get("/events?limit=200&q=died")).json()
    except httpx.HTTPError:
        return False
    return bool(page.get("complete")) and sorted(row["id"] for row in page.get("items", ())) == sorted(expected)


async def test_an_upgrade_reads_the_older_form_and_converts_it_under_kill_9(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """The form of before, a real observer over it that compresses, `mend migrate` beside it, and both killed."""
    bus, port = Bus.connect(redis_server.url, "test"), free_port()
    old, archive = older_form(tmp_path / "events"), EventArchive(tmp_path / "events")
    weeks = weeks_of(archive)
    expected = [*old, *(str(event.id) for event in weeks)]
    mesh = Converted(redis_server.url, tmp_path, port, start(redis_server.url, tmp_path, port))
    url = f"http://127.0.0.1:{port}"
    who = await signed_in(url, tmp_path)
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=60, headers=who) as http:
        try:
            await wait_for(lambda: is_complete(http, expected), 40, "the older events on the page")
            for killed in (True, False):
                converting = mesh.migrate()
                expected += [str((await say(bus, len(expected) + n)).id) for n in range(4)]
                if killed:
                    await mesh.kill_at_work(converting)
                assert converting.wait(300) in (0, -9)
            await wait_for(lambda: is_complete(http, expected), 40, "everything once on the page")
            assert not list(mesh.events.rglob("evt-*"))
            await wait_for(lambda: not any(archive.path_of(str(e.id)).exists() for e in weeks), 30, "compressed")
            assert not list(mesh.events.glob("*/.*"))
            assert set(read_archive(mesh.events)) == set(expected)
            (tmp_path / "index" / "reindex").touch()
            await wait_for(lambda: not (tmp_path / "index" / "reindex").exists(), 30, "the wish heard")
            await wait_for(lambda: is_complete(http, expected), 40, "everything once in a new index")
            timeline = (await http.get(f"/incidents/{next(iter(old))}")).json()
            assert "of before" in {step["detail"] for step in timeline["steps"] if step["kind"] == "decision"}
        finally:
            mesh.process.kill()
            mesh.process.wait()
            await bus.close()


async def test_attempts_and_updates_stay_in_redis_until_they_are_on_disk(redis_each: RedisServer) -> None:
    bus = Bus.connect(redis_each.url, "test")
    ancient = int(time.time() * 1000) - WEEK_MS - 1_000_000
    streams = (ModelAttempt.stream, ActionUpdate.stream, MOVES_STREAM)
    pipe = bus.redis.pipeline(transaction=False)
    for stream in streams:
        for number in range(MANY):
            pipe.xadd(stream, {"p": b"{}"}, id=f"{ancient + number}-0")
    await pipe.execute()
    consumer = Consumer(bus, GROUP, "observer-test", streams=streams)
    trimming = Trimming(consumer, Erasures(bus, "here"))
    read = await consumer.read(count=MANY, block_ms=1)
    while len(read) < len(streams) * MANY:
        read += await consumer.read(count=MANY, block_ms=1)
    await trimming.trim()
    assert [int(await bus.call("XLEN", stream)) for stream in streams] == [MANY] * len(streams)
    await consumer.acknowledge(read)
    await trimming.trim()
    assert all([int(await bus.call("XLEN", stream)) <= 101 for stream in streams])
    for closing in (consumer, bus):
        await closing.close()
