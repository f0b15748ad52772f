"""Real containers that die, run out of memory, fall ill, loop, are stopped by a person, are made anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from docker_rig import CHECKED, Box, seen_running

from mesh_core.incidents.sighting import read_note
from mesh_core.models.sightings import SeenState, Sighting
from mesh_core.testing import free_port, wait_for
from node_agent.incidents.flapping import FlapOptions
from node_agent.incidents.incident_tracker import IncidentTracker
from node_agent.probes.docker import DockerProbe
from node_agent.sightings import Sightings

pytestmark = pytest.mark.docker

HUNGRY = "sleep 1; exec perl -e 'my @a; while (1) { push @a, \"x\" x 1000000 }'"


async def test_a_death_is_an_event_with_its_evidence_and_a_start_is_recovery(box: Box, watching: Any) -> None:
    async with watching(box.probe()) as watched:
        name = box.run("printf '\\033[31mhello\\033[0m\\n'; echo broken >&2; sleep 1; exit 7")
        event = await watched.see(name, "container_died")
        died = box.engine.inspect(name)["State"]["FinishedAt"]
        payload = event.payload
        assert payload["runtime"] == "docker"
        assert (payload["exit_code"], payload["oom_killed"], payload["restart_count"]) == (7, False, 0)
        assert (payload["container"], payload["image"]) == (name, box.image)
        assert sorted(payload["logs"]) == ["broken", "hello"]
        assert payload["finished_at"] == died
        assert event.incident
        box.engine.docker("rm", name)
        box.run("sleep 60")
        back = await watched.see(name, "container_died", "service_recovered", seconds=15)
        assert back.incident == event.incident
        assert back.payload["was"] == "container_died"


async def test_a_death_is_known_long_before_the_next_round(box: Box, watching: Any) -> None:
    async with watching(box.probe(resync_seconds=7200)) as watched:
        name = box.run("trap 'exit 3' USR1; while :; do sleep 0.05; done")
        await box.serving(name)
        box.engine.docker("kill", "-s", "USR1", name)
        await watched.see(name, "container_died", seconds=30)


async def test_an_oom_kill_says_so(box: Box, watching: Any) -> None:
    async with watching(box.probe()) as watched:
        name = box.run(HUNGRY, "--memory", "24m", "--memory-swap", "24m")
        event = await watched.see(name, "container_oom", seconds=20)
        assert event.payload["oom_killed"] is True
        assert event.payload["exit_code"] == 137


async def test_oom_kills_that_the_engine_answers_with_restarts_are_an_event_at_the_second(
    box: Box, watching: Any
) -> None:
    async with watching(box.probe()) as watched:
        name = box.run(HUNGRY, "--memory", "24m", "--memory-swap", "24m", "--restart", "always")
        event = await watched.see(name, "container_oom", seconds=30)
        assert event.payload["recent_deaths"] >= 2
        assert event.severity == "critical"


async def test_a_container_that_the_engine_gave_up_has_died(box: Box, watching: Any) -> None:
    async with watching(box.probe()) as watched:
        name = box.run("sleep 0.3; exit 6", "--restart", "on-failure:1")
        event = await watched.see(name, "container_died", seconds=15)
        assert (event.payload["exit_code"], event.payload["restart_count"]) == (6, 1)


async def test_a_restart_by_a_person_whose_start_fails_is_an_incident(box: Box, watching: Any, tmp_path: Path) -> None:
    (needed := tmp_path / "needed").mkdir()
    probe = box.probe()
    async with watching(probe) as watched:
        name = box.run("sleep 600", "--mount", f"type=bind,source={needed},target=/needed")
        await seen_running(probe, box, name)
        needed.rmdir()
        box.engine.docker("restart", "-t", "0", name, check=False)
        event = await watched.see(name, "container_died", seconds=30)
        assert "needed" in event.payload["error"]


async def test_a_container_that_the_engine_cannot_start_is_an_incident_however_it_came_to_be(
    box: Box, watching: Any, tmp_path: Path
) -> None:
    """An updater leaves it `created`, a person's restart leaves it `exited`; the engine tells nobody of either."""
    port = free_port()
    published = ("--publish", f"127.0.0.1:{port}:80")
    old = box.run("sleep 600", *published, "--restart", "unless-stopped", name="old")
    await asyncio.sleep(0.5)
    box.engine.docker("stop", "-t", "0", old)
    box.run("sleep 600", *published, name="owner")
    new, late = f"{box.prefix}-new", f"{box.prefix}-late"
    box.names += [new, late]

    def start_in_vain(name: str) -> None:
        with pytest.raises(AssertionError, match="exit 1"):
            box.engine.docker("start", name)

    box.engine.docker("create", "--name", late, *published, box.image, "sleep", "600")
    start_in_vain(late)
    since = time.time()
    async with watching(box.probe(resync_seconds=1, since=since)) as watched:
        await watched.see(late, "container_died")  # it failed before this agent was there
        box.engine.docker("create", "--name", new, *published, "--restart", "always", box.image, "sleep", "600")
        start_in_vain(new)
        event = await watched.see(new, "container_died")
        assert (event.payload["status"], event.payload["exit_code"]) == ("created", 128)
        assert str(port) in event.payload["error"]
        assert watched.types(old) == [], "a person stopped it"
        start_in_vain(old)
        event = await watched.see(old, "container_died")
        assert str(port) in event.payload["error"]
        assert event.payload["stopped_by_person"] is False
        box.engine.rm(f"{box.prefix}-owner")
        box.engine.docker("start", old)
        await watched.see(old, "container_died", "service_recovered")


async def test_unhealthy_and_healthy_again(box: Box, watching: Any) -> None:
    async with watching(box.probe()) as watched:
        name = box.run("sleep 600", *CHECKED, "echo checking; ! test -e /sick")
        await wait_for(lambda: box.engine.health(name) == "healthy", 15, "a healthy container")
        box.engine.exec(name, "touch", "/sick")
        event = await watched.see(name, "container_unhealthy", seconds=15)
        assert event.payload["health"] == "unhealthy"
        assert event.payload["health_output"] == "checking"
        box.engine.exec(name, "rm", "/sick")
        await watched.see(name, "container_unhealthy", "service_recovered", seconds=20)


async def test_one_restart_by_the_engine_is_a_blip(box: Box, watching: Any) -> None:
    async with watching(box.probe()) as watched:
        name = box.run("test -e /once || { touch /once; sleep 1; exit 1; }; sleep 600", "--restart", "always")
        await wait_for(lambda: box.engine.inspect(name)["RestartCount"] == 1, 10, "the engine's restart")
        await asyncio.sleep(2)
        assert watched.types(name) == []


async def test_a_restart_loop_is_one_event_and_ends_when_it_stays_up(box: Box, watching: Any) -> None:
    async with watching(box.probe(stable_seconds=4)) as watched:
        script = "echo x >> /count; test $(wc -l < /count) -gt 5 || exit 1; sleep 600"
        name = box.run(script, "--restart", "always")
        event = await watched.see(name, "container_restart_loop", seconds=20)
        assert event.payload["recent_deaths"] >= 3
        assert event.severity == "critical"
        await watched.see(name, "container_restart_loop", "service_recovered", seconds=40)


async def test_what_a_person_stops_is_no_incident(box: Box, watching: Any) -> None:
    probe = box.probe()
    async with watching(probe) as watched:
        stopped = box.run("trap 'exit 143' TERM; while :; do sleep 0.05; done", name="stopped")
        killed = box.run("sleep 600", "--restart", "always", name="killed")
        restarted = box.run("sleep 600", name="restarted")
        for name in (stopped, killed, restarted):
            await seen_running(probe, box, name)
        box.engine.docker("stop", "-t", "1", stopped)
        box.engine.docker("kill", killed)
        box.engine.docker("restart", "-t", "0", restarted)
        box.engine.docker("pause", restarted)
        await asyncio.sleep(3)
        box.engine.docker("unpause", restarted)
        assert watched.events[1:] == []


async def test_what_is_seen_of_a_container_follows_it(box: Box, watching: Any) -> None:
    sightings = Sightings("n1", time.time, lambda: None)

    def seen(name: str) -> Sighting | None:
        return next((row for row in read_note(sightings.note(), "n1").rows if row.service == name), None)

    async def becomes(name: str, state: SeenState, *, healthy: bool | None = None) -> None:
        def is_so() -> bool:
            now = seen(name)
            return now is not None and (now.state, now.healthy) == (state, healthy)

        await wait_for(is_so, 30, f"{name}: {state}, healthy: {healthy}")

    async with watching(box.probe(), sightings=sightings):
        well = box.run("sleep 600", *CHECKED, "true", name="well")
        await becomes(well, SeenState.RUNNING, healthy=True)
        plain = box.run("sleep 600", name="plain")
        await becomes(plain, SeenState.RUNNING)
        box.engine.docker("kill", plain)
        await becomes(plain, SeenState.STOPPED)
        dying = box.run("sleep 2; exit 3", name="dying")
        await becomes(dying, SeenState.FAILED)
        failed = seen(dying)
        assert failed is not None
        assert (failed.type, failed.facts["exit_code"], failed.facts["status"]) == ("container_died", 3, "exited")


async def test_stopping_a_sick_container_ends_its_incident_and_says_who(box: Box, watching: Any) -> None:
    async with watching(box.probe()) as watched:
        name = box.run("sleep 600", *CHECKED, "false")
        await watched.see(name, "container_unhealthy", seconds=15)
        box.engine.docker("stop", "-t", "0", name)
        event = await watched.see(name, "container_unhealthy", "service_recovered")
        assert event.payload["ended"] == "stopped_by_person"


async def test_a_one_shot_that_ends_well_is_no_incident(box: Box, watching: Any) -> None:
    async with watching(box.probe(resync_seconds=1)) as watched:
        name = box.run("sleep 0.5; exit 0")
        await wait_for(lambda: box.engine.inspect(name)["State"]["Status"] == "exited", 10, "its end")
        await asyncio.sleep(3)
        assert watched.types(name) == []


async def test_a_death_while_the_stream_is_broken_is_found_after_it(box: Box, watching: Any, tmp_path: Path) -> None:
    proxy = SocketProxy(tmp_path / "engine.sock", box.engine.host.removeprefix("unix://"))
    await proxy.open()
    probe = box.probe(f"unix://{proxy.path}")
    async with watching(probe) as watched:
        name = box.run("trap 'exit 9' USR1; while :; do sleep 0.05; done")
        stopped = box.run("sleep 600", name="stopped")
        await box.serving(name)
        for one in (name, stopped):
            await seen_running(probe, box, one)
        await proxy.close()
        box.engine.docker("kill", "-s", "USR1", name)
        box.engine.docker("stop", "-t", "0", stopped)
        await asyncio.sleep(0.5)
        assert watched.types(name) == []
        await proxy.open()
        event = await watched.see(name, "container_died", seconds=20)
        assert event.payload["exit_code"] == 9
        await asyncio.sleep(1)
        assert watched.types(stopped) == []
    await proxy.close()


async def test_an_agent_that_was_away_keeps_the_incident_and_sees_the_recovery(box: Box, watching: Any) -> None:
    name = box.run("sleep 600", *CHECKED, "! test -e /sick")
    box.engine.exec(name, "touch", "/sick")

    def probe(tracker: IncidentTracker) -> DockerProbe:
        return box.probe(open_keys=tracker.known_keys("docker:"))

    async with watching(probe) as watched:
        first = await watched.see(name, "container_unhealthy", seconds=15)
    async with watching(probe, announce_seconds=0.3) as again:
        await wait_for(lambda: [e for e in again.events if e.service == name], 10, "a repeated announcement")
        repeated = next(e for e in again.events if e.service == name)
        assert (repeated.type, repeated.incident) == ("container_unhealthy", first.incident)
        assert repeated.payload["announced_again"] is True
        box.engine.exec(name, "rm", "/sick")
        back = await again.see(name, "service_recovered", seconds=15)
        assert back.incident == first.incident


async def test_a_container_that_keeps_dying_and_coming_back_is_flapping(box: Box, watching: Any) -> None:
    async with watching(box.probe(), flapping=FlapOptions(opens=2, window_seconds=600, quiet_seconds=600)) as watched:
        name = box.run("trap 'exit 4' USR1; while :; do sleep 0.05; done")
        for expected in (["container_died"], ["container_died", "service_recovered", "service_flapping"]):
            await box.serving(name)
            box.engine.docker("kill", "-s", "USR1", name)
            await watched.see(name, *expected)
            box.engine.docker("start", name)
            if len(expected) == 1:
                await watched.see(name, "container_died", "service_recovered")
        await asyncio.sleep(5)
        assert watched.types(name)[-1] == "service_flapping"


class SocketProxy:
    """A unix socket before the engine's, that can go away and take its connections with it."""

    def __init__(self, path: Path, target: str):
        self.path = path
        self.target = target
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.transport.abort()
            self._writers.clear()
            await self._server.wait_closed()
            self._server = None
            self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        engine_reader, engine_writer = await asyncio.open_unix_connection(self.target)
        self._writers += [writer, engine_writer]
        self.connections += 1

        @asynccontextmanager
        async def closing() -> AsyncIterator[None]:
            try:
                yield
            finally:
                writer.transport.abort()
                engine_writer.transport.abort()

        async with closing():
            await asyncio.gather(_pipe(reader, engine_writer), _pipe(engine_reader, writer), return_exceptions=True)


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(65536):
        target.write(piece)
        await target.drain()
    raise EOFError
