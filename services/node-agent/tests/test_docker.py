"""Real containers that die, run out of memory, fall ill, loop, are stopped by a person, are made anew."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mesh_core.models.events import Runtime
from mesh_core.testing import free_port, wait_for
from node_agent import deployed_anew
from node_agent.container_identity import identity_for
from node_agent.engine import Engine as Api
from node_agent.flapping import FlapOptions
from node_agent.incidents import IncidentTracker
from node_agent.investigation import docker, memory
from node_agent.investigation.question import Question
from node_agent.mounts import mount_of, read_mounts
from node_agent.probe import Backing
from node_agent.probes.docker import DockerOptions, DockerProbe
from node_agent.probes.tcp import TcpOptions, TcpProbe

pytestmark = pytest.mark.docker

HUNGRY = "sleep 1; exec perl -e 'my @a; while (1) { push @a, \"x\" x 1000000 }'"
CHECKED = ["--health-interval", "1s", "--health-retries", "1", "--health-cmd"]


class Box:
    """Containers with a name prefix of this test, on the session's engine."""

    def __init__(self, engine: Any, image: str):
        self.engine = engine
        self.image = image
        self.prefix = f"na-{secrets.token_hex(3)}"
        self.names: list[str] = []

    def run(self, script: str, *options: str, name: str = "web") -> str:
        full = f"{self.prefix}-{name}"
        self.names.append(full)
        self.engine.run(self.image, "sh", "-c", script, name=full, options=options)
        return full

    def probe(self, host: str | None = None, **more: Any) -> DockerProbe:
        """Watches nothing but this test's containers."""
        since = more.pop("since", time.time() - 60)  # what it ran, it ran a moment ago
        open_keys = more.pop("open_keys", frozenset())
        api = OnlyMine(host or self.engine.host, self.prefix)
        return DockerProbe(api, DockerOptions(**more), since=since, open_keys=open_keys)

    async def serving(self, name: str) -> None:
        """It has its trap: a signal that comes earlier is nothing to the first process of a container."""

        def traps() -> bool:
            lines = self.engine.exec(name, "cat", "/proc/1/status", check=False).splitlines()
            caught = next((line.split()[1] for line in lines if line.startswith("SigCgt:")), "0")
            return bool(int(caught, 16) & 1 << (signal.SIGUSR1 - 1))

        await wait_for(traps, 30, f"the trap of {name}")


async def seen_running(probe: DockerProbe, box: Box, name: str) -> None:
    """The agent knows that it runs, and not only the engine."""
    container_id = box.engine.inspect(name)["Id"]
    await wait_for(lambda: probe.history.record(container_id).running, 30, f"the agent to see {name}")


class OnlyMine(Api):
    """The engine is shared: others' containers are none of this test's business."""

    def __init__(self, host: str, prefix: str):
        super().__init__(host)
        self.prefix = prefix

    async def containers(self) -> list[dict[str, Any]]:
        return [row for row in await super().containers() if self.prefix in str(row.get("Names"))]

    async def events(self, since: float, opened: Callable[[], None]) -> AsyncIterator[dict[str, Any]]:
        async for event in super().events(since, opened):
            if self.prefix in event["Actor"]["Attributes"].get("name", ""):
                yield event


@pytest.fixture
def box(engine: Any, base_image: str) -> Iterator[Box]:
    box = Box(engine, base_image)
    yield box
    engine.rm(*box.names)


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


async def test_what_was_deployed_anew_under_another_name_has_not_died(
    box: Box, watching: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployed_anew, "APART_SECONDS", 1.0)
    serve = "trap 'exit 7' USR1; while :; do sleep 0.05; done"
    probe = box.probe(expect=(f"{box.prefix}-shop-blue",))
    async with watching(probe) as watched:
        blue = box.run(serve, name="shop-blue")
        await box.serving(blue)
        await asyncio.sleep(1.2)  # made at the same moment, they would be two
        box.engine.docker("kill", "-s", "USR1", blue)
        died = await watched.see(blue, "container_died", seconds=10)
        green = box.run(serve, name="shop-green")
        over = await watched.see(blue, "container_died", "service_recovered", seconds=20)
        assert over.incident == died.incident
        assert (over.payload["ended"], over.payload["replaced_by"]) == (f"replaced by {green}", green)
        box.engine.rm(blue)
        await probe.check(None)
        assert [r.condition for r in await probe.check(None) if r.key.startswith("docker:expect/")] == ["healthy"]
        assert await probe.describe(blue) == {"replaced_by": green}


async def test_a_death_is_known_long_before_the_next_round(box: Box, watching: Any) -> None:
    async with watching(box.probe()) as watched:
        name = box.run("trap 'exit 3' USR1; while :; do sleep 0.05; done")
        await box.serving(name)
        box.engine.docker("kill", "-s", "USR1", name)
        await watched.see(name, "container_died", seconds=10)


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
        event = await watched.see(name, "container_died", seconds=10)
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


async def test_what_it_depends_on_stands_in_the_event_with_its_state(box: Box, watching: Any) -> None:
    db = box.run("exit 4", name="db")
    await wait_for(lambda: box.engine.inspect(db)["State"]["Status"] == "exited", 10, "its end")
    async with watching(box.probe()) as watched:
        await watched.see(db, "container_died")
        name = box.run("exit 5", "--label", f"mendmesh.depends-on={db}, nowhere", "--label", "mendmesh.restart=false")
        event = await watched.see(name, "container_died")
        assert event.payload["depends_on"] == {db: "exited with 4", "nowhere": "missing"}
        assert event.payload["labels"]["mendmesh.restart"] == "false"


async def test_labels_that_contradict_each_other_are_said_once(box: Box) -> None:
    labels = ("--label", "mendmesh.restart=true", "--label", "autoheal=false", "--label", "mendmesh.stop-timeout=soon")
    name = box.run("sleep 600", *labels)
    probe = box.probe()
    with capture_logs() as logged:
        for _ in range(3):
            await probe.check(None)
    assert [(line["container"], line["problem"]) for line in logged if line["event"] == "docker.label"] == [
        (name, "mendmesh.stop-timeout is no number of seconds and is passed over"),
        (name, "mendmesh.restart and autoheal contradict each other; mendmesh.restart counts"),
    ]


async def test_what_lives_in_its_network_stands_in_the_event(box: Box, watching: Any) -> None:
    async with watching(box.probe(resync_seconds=1)) as watched:
        host = box.run("sleep 600", *CHECKED, "! test -e /sick", name="host")
        guest, stopped = (
            box.run("sleep 600", "--init", "--network", f"container:{host}", name=name) for name in ("guest", "stopped")
        )
        box.engine.docker("stop", "-t", "0", stopped)
        await wait_for(lambda: box.engine.health(host) == "healthy", 15, "a healthy container")
        box.engine.exec(host, "touch", "/sick")
        event = await watched.see(host, "container_unhealthy")
        assert event.payload["in_its_network"] == [guest]
        assert "dependents" not in event.payload


async def test_a_probe_from_outside_names_the_sick_replica_or_all_that_are_up(box: Box) -> None:
    def replica(number: int) -> str:
        pairs = {"project": box.prefix, "service": "web", "container-number": str(number), "oneoff": "False"}
        labels = [word for key, value in pairs.items() for word in ("--label", f"com.docker.compose.{key}={value}")]
        return box.run("sleep 600", "--init", *CHECKED, "! test -e /sick", *labels, name=f"web-{number}")

    replicas = [replica(number) for number in (1, 2, 3)]
    await wait_for(lambda: {box.engine.health(name) for name in replicas} == {"healthy"}, 30, "healthy replicas")
    box.engine.docker("stop", "-t", "0", replicas[2])
    probe = box.probe(since=time.time() + 5)  # it was stopped before the agent came
    await probe.check(None)
    service = f"{box.prefix}.web"
    found = await probe.describe(service)
    assert (found["containers"], found["replicas"]) == (replicas[:2], replicas)
    assert not found.keys() & {"container", "status", "health"}
    box.engine.exec(replicas[1], "touch", "/sick")
    await wait_for(lambda: box.engine.health(replicas[1]) == "unhealthy", 30, "a sick replica")
    found = await probe.describe(service)
    assert (found["container"], found["health"]) == (replicas[1], "unhealthy")
    assert "containers" not in found


async def test_an_agent_that_opts_in_watches_only_what_is_labelled(box: Box, watching: Any) -> None:
    async with watching(box.probe(only_labelled=True, resync_seconds=1)) as watched:
        box.run("exit 1", name="silent")
        ours = box.run("exit 1", "--label", "mendmesh.watch=true", name="ours")
        healed = box.run("exit 1", "--label", "autoheal=true", name="healed")
        await watched.see(ours, "container_died")
        await watched.see(healed, "container_died")
        assert {event.service for event in watched.events} == {None, ours, healed}


async def test_of_two_containers_of_one_identity_the_one_that_runs_counts(box: Box, watching: Any) -> None:
    """Who replaces a container may leave the old one beside the new one; a swarm does so with each task."""
    labels = ["--label", f"com.docker.swarm.service.name={box.prefix}", "--label"]
    async with watching(box.probe(resync_seconds=1)) as watched:
        first = box.run("sleep 1; exit 5", *labels, f"com.docker.swarm.task.name={box.prefix}.1.aaa", name="t.1.aaa")
        event = await watched.see(box.prefix, "container_died")
        assert event.payload["container"] == first
        box.run("sleep 600", *labels, f"com.docker.swarm.task.name={box.prefix}.1.bbb", name="t.1.bbb")
        back = await watched.see(box.prefix, "container_died", "service_recovered")
        assert back.payload["container"].endswith("t.1.bbb")


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


async def test_identity_survives_recreation_of_a_compose_service(box: Box, watching: Any) -> None:
    labels = ["--label", f"com.docker.compose.project={box.prefix}", "--label", "com.docker.compose.service=web"]
    service = f"{box.prefix}.web"
    async with watching(box.probe()) as watched:
        box.run("sleep 0.5; exit 5", *labels, name="web-1")
        event = await watched.see(service, "container_died")
        assert event.payload["compose"] == {"project": box.prefix, "service": "web"}
        box.engine.rm(f"{box.prefix}-web-1")
        box.run("sleep 600", *labels, name="web-1")
        back = await watched.see(service, "container_died", "service_recovered")
        assert back.incident == event.incident


async def test_a_removed_container_ends_its_incident(box: Box, watching: Any) -> None:
    async with watching(box.probe(resync_seconds=2)) as watched:
        name = box.run("exit 5")
        await watched.see(name, "container_died")
        box.engine.rm(name)
        assert (await watched.see(name, "container_died", "service_recovered")).payload["ended"] == "removed"


async def test_an_expected_container_that_is_not_there_is_missing(box: Box, watching: Any) -> None:
    name = f"{box.prefix}-wanted"
    async with watching(box.probe(expect=(name,), resync_seconds=1)) as watched:
        await watched.see(name, "container_missing")
        box.run("sleep 60", name="wanted")
        await watched.see(name, "container_missing", "service_recovered")


async def test_ignored_labelled_and_one_off_containers_are_left_alone(box: Box, watching: Any) -> None:
    async with watching(box.probe(ignore=("*-scratch",), resync_seconds=1)) as watched:
        box.run("exit 1", name="scratch")
        box.run("exit 1", "--label", "mendmesh.watch=false", name="labelled")
        box.run("exit 1", "--label", "com.docker.compose.oneoff=True", name="one-off")
        loud = box.run("exit 1", name="loud")
        await watched.see(loud, "container_died")
        await asyncio.sleep(1.5)
        assert len(watched.events) == 2  # node_online and the loud one


async def test_old_corpses_are_not_reported_at_start_and_fresh_ones_are(box: Box, watching: Any) -> None:
    old = box.run("exit 1", name="old")
    box.engine.docker("wait", old)
    await asyncio.sleep(1.2)
    since = time.time()
    fresh = box.run("exit 1", name="fresh")
    async with watching(box.probe(since=since)) as watched:
        await watched.see(fresh, "container_died")
        await asyncio.sleep(1)
        assert watched.types(old) == []


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


async def test_a_red_probe_says_what_it_knows_of_the_container_behind_it(box: Box, watching: Any) -> None:
    labels = ["--label", f"com.docker.compose.project={box.prefix}", "--label", "com.docker.compose.service=web"]
    service = f"{box.prefix}.web"
    box.run("echo listening to nobody; sleep 600", *labels, name="web-1")
    docker = box.probe()
    backing = Backing(runtime=Runtime.DOCKER, name=service)
    options = TcpOptions(name="web", host="127.0.0.1", port=free_port(), every_seconds=0.5, backed_by=backing)
    red = TcpProbe(options, lambda backing: docker.describe(backing.name))
    async with watching(docker, red, announce_seconds=1) as watched:
        event = await watched.see(service, "tcp_probe_failed")
        assert event.payload["compose"] == {"project": box.prefix, "service": "web"}
        assert event.payload["logs"] == ["listening to nobody"]
        assert event.payload["probe"] == {"kind": "tcp", "name": "web"}
        assert event.payload["status"] == "running"
        await wait_for(lambda: watched.announced, 10, "an announcement")
        assert watched.announced[0].payload["compose"] == event.payload["compose"], "a healed log can be acted on too"


def test_identity_is_compose_or_name() -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    assert identity_for(["/shop-web-1"], labels).service == "shop.web"
    assert identity_for(["/shop-web-1"], labels).container == "shop-web-1"
    second = identity_for(["/shop-web-2"], labels | {"com.docker.compose.container-number": "2"})
    assert (second.service, second.key) == ("shop.web", "docker:shop.web#2")
    assert identity_for(["/alias/web", "/web"], {}).service == "web"
    assert identity_for([], {}).service == ""


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


async def test_a_full_disk_and_a_full_memory_are_looked_into_with_what_the_engine_knows(box: Box) -> None:
    name = box.run("head -c 2000000 /dev/urandom > /big; seq 200000; exit 0", "--memory", "64m")
    box.engine.docker("wait", name)
    api = Api(box.engine.host)
    root = await api.data_root()
    disk = mount_of(str(Path(root).resolve()), read_mounts())
    assert disk is not None
    question = Question("disk_space_low", {"mount": disk.point}, time.monotonic() + 60)

    def found() -> dict[str, Any]:
        return docker.look(question, api)

    before = await asyncio.to_thread(found)
    image = box.engine.docker("commit", name).strip()
    try:
        after = await asyncio.to_thread(found)
    finally:
        box.engine.docker("rmi", image)
    assert after["dangling_bytes"] >= before["dangling_bytes"] + 2_000_000
    assert (after["mount"], after["build_cache_bytes"] >= 0) == (disk.point, True)
    assert after["exited_containers"] >= 1
    assert {row["container"]: row["bytes"] for row in after["logs"]}.get(name, 0) > 1_000_000
    elsewhere = Question("disk_space_low", {"mount": "/proc"}, question.deadline)
    assert await asyncio.to_thread(docker.look, elsewhere, api) == {}
    hungry = Question("container_oom", {"container": name}, question.deadline)
    assert (await asyncio.to_thread(memory.look, hungry, api))["limit_bytes"] == 64 * 2**20
