"""The agent as it is started: one process, real Redis, killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from parts.forked import Forked, run_forked

from mesh_core.models.events import HealthEvent, Runtime
from mesh_core.testing import RedisServer, free_port, wait_for
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.delivery.redis_client import RedisClient
from node_agent.delivery.sender import EventSender
from node_agent.delivery.spool import Spool
from node_agent.incidents.incident_store import IncidentStore
from node_agent.incidents.incident_tracker import IncidentTracker
from node_agent.probe_base.probe import Backing
from node_agent.probes.tcp import TcpOptions, TcpProbe

HEALTHCHECK = Path(__file__).parents[1] / "healthcheck.sh"
WATCH = """
docker: {{enabled: false}}
systemd: {{enabled: false}}
disk: {{enabled: false}}
memory: {{enabled: false}}
load: {{enabled: false}}
temperature: {{enabled: false}}
mounts: {{enabled: false}}
clock: {{enabled: false}}
tcp: [{{name: shop, host: 127.0.0.1, port: {port}, every_seconds: 0.2}}]
"""


class Process:
    def __init__(self, runtime: Path, url: str):
        self.runtime = runtime
        self.environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME")},
            "REDIS_URL": url,
            "NODE_NAME": "n1",
            "RUNTIME_PATH": str(runtime),
            "DOCKER_HOST": "unix:///nowhere.sock",
        }
        self.process: Forked | None = None
        (runtime / "config").mkdir(parents=True)

    def watch(self, text: str) -> None:
        (self.runtime / "config" / "node.yml").write_text(text)

    def start(self) -> None:
        self.process = Forked("node_agent", environ=self.environment, log=self.runtime / "log")

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(300)
        self.process = None
        return code

    def log(self) -> str:
        return (self.runtime / "log").read_text()

    def spooled(self) -> int:
        return len(list((self.runtime / "spool" / "n1").glob("0*.json")))


@pytest.fixture
def agent(tmp_path: Path, redis_server: RedisServer) -> Iterator[Process]:
    process = Process(tmp_path / "runtime", redis_server.url)
    yield process
    if process.process is not None:
        process.process.kill()
        process.process.wait()


def events(server: RedisServer) -> list[HealthEvent]:
    with redis.Redis(port=server.port) as client:
        return [HealthEvent.model_validate_json(row[1][b"p"]) for row in client.xrange("mesh:ev:n1")]


def types(server: RedisServer) -> list[str]:
    return [event.type for event in events(server) if not event.payload.get("announced_again")]


async def test_killed_with_a_spool_while_redis_is_away_loses_nothing_and_doubles_nothing(
    agent: Process, redis_server: RedisServer
) -> None:
    agent.watch(WATCH.format(port=(port := free_port())))
    agent.start()
    await wait_for(lambda: types(redis_server) == ["node_online", "tcp_probe_failed"], 10, "the red probe")
    incident = events(redis_server)[-1].incident
    await wait_for(lambda: agent.spooled() == 0, 10, "the agent to know that both arrived")
    redis_server.kill()
    with socket.create_server(("127.0.0.1", port)):
        await wait_for(lambda: agent.spooled() == 1, 10, "the recovery in the spool")
    await wait_for(lambda: agent.spooled() == 2, 10, "the next incident in the spool")
    assert agent.end(signal.SIGKILL) == -9
    agent.start()
    await wait_for(lambda: agent.spooled() == 3, 10, "node_online in the spool")
    redis_server.start()
    await wait_for(lambda: len(types(redis_server)) >= 5, 10, "everything")
    assert types(redis_server) == [
        *("node_online", "tcp_probe_failed", "service_recovered", "tcp_probe_failed", "node_online"),
    ]
    seen = events(redis_server)
    assert seen[2].incident == incident != seen[3].incident
    assert len({event.id for event in seen}) == 5
    # What was open stayed open over the kill: its recovery names the same incident.
    with socket.create_server(("127.0.0.1", port)):
        await wait_for(lambda: types(redis_server)[-1] == "service_recovered", 10, "the last recovery")
    assert events(redis_server)[-1].incident == seen[3].incident
    assert agent.end(signal.SIGTERM) == 0


async def test_a_wiped_redis_is_healed_by_announcing_what_is_open(
    redis_server: RedisServer, tmp_path: Path, watching: Any
) -> None:
    spool = Spool(tmp_path / "spool", "n1")
    sender = EventSender("n1", spool, RedisClient(redis_server.url, "test"), lambda: time.time_ns() // 1_000_000)
    stop = asyncio.Event()
    task = asyncio.create_task(sender.run(stop))
    probe = TcpProbe(TcpOptions(name="shop", host="127.0.0.1", port=free_port(), every_seconds=0.1))
    async with watching(probe, announce_seconds=0.3) as watched:

        def deliver(event: HealthEvent) -> None:
            spool.accept(event, time.time_ns() // 1_000_000)
            sender.wake()

        watched.deliver = deliver
        await wait_for(lambda: "tcp_probe_failed" in [e.type for e in events(redis_server)], 10, "the red probe")
        first = next(e for e in events(redis_server) if e.type == "tcp_probe_failed")
        with redis.Redis(port=redis_server.port) as client:
            client.flushall()
        await wait_for(lambda: [e.incident for e in events(redis_server)][:1] == [first.incident], 10, "it again")
    stop.set()
    await asyncio.wait_for(task, 60)


async def test_an_incident_is_kept_before_it_is_told_and_forgotten_after_its_recovery_was(
    tmp_path: Path, watching: Any
) -> None:
    """Killed between the two, an agent would open it a second time under another name, or never close it."""
    told: list[tuple[str, bool]] = []

    def kept() -> str:
        return (tmp_path / "open.json").read_text()

    def deliver(event: HealthEvent) -> None:
        if event.incident:
            told.append((event.type, f'"{event.incident}"' in kept()))

    port, backing = free_port(), Backing(runtime=Runtime.SYSTEMD, name="shop.service")
    probes = [  # two of one service: it has recovered when both have, and both say so
        TcpProbe(TcpOptions(name=name, host="127.0.0.1", port=port, every_seconds=0.1, backed_by=backing))
        for name in ("one", "two")
    ]
    async with watching(*probes) as watched:
        watched.deliver = deliver
        await wait_for(lambda: len(told) == 2, 10, "both red probes")
        with socket.create_server(("127.0.0.1", port)):
            await wait_for(lambda: len(told) == 4, 10, "their recoveries")
            assert told == [("tcp_probe_failed", True)] * 2 + [("service_recovered", True)] * 2
            await wait_for(lambda: "n1/shop.service" not in kept(), 10, "both to be forgotten")


async def test_nothing_is_announced_again_while_redis_is_away(watching: Any) -> None:
    arrived = False
    probe = TcpProbe(TcpOptions(name="shop", host="127.0.0.1", port=free_port(), every_seconds=0.1))
    async with watching(probe, announce_seconds=0.1, caught_up=lambda: arrived) as watched:
        await watched.see("shop", "tcp_probe_failed")
        await asyncio.sleep(0.5)
        assert watched.announced == []
        arrived = True
        await wait_for(lambda: watched.announced, 10, "an announcement")


class SickTwin:
    """A probe of one thing that is sick, needs a database, and says how that is."""

    name, every_seconds = "twin", 0.1

    def __init__(self) -> None:
        self.database = "exited (1)"
        self.asked = 0

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        rule = ConfirmationRule(unhealthy_checks=1, healthy_checks=1)
        return [CheckResult("twin:shop", "shop", Condition.UNHEALTHY, rule, "container_unhealthy")]

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        self.asked += 1
        return {"logs": [f"line {self.asked}"], "depends_on": {"db": self.database}}


class SlowlyExplained:
    """Two sick things; what is found of the second one takes until it is let out."""

    name, every_seconds = "twin", 0.1

    def __init__(self) -> None:
        self.found = asyncio.Event()

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        rule = ConfirmationRule(unhealthy_checks=1, healthy_checks=1)
        return [
            CheckResult(f"twin:{name}", name, Condition.UNHEALTHY, rule, "container_unhealthy") for name in ("a", "b")
        ]

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        if result.service == "b":
            await self.found.wait()
        return {"logs": [f"of {result.service}"]}


async def test_nothing_is_announced_again_before_what_was_found_of_it_was_sent_once(watching: Any) -> None:
    probe = SlowlyExplained()
    async with watching(probe, announce_seconds=0.05) as watched:
        await wait_for(lambda: len(watched.announced) > 3, 10, "the first one, again and again")
        assert {e.service for e in watched.announced} == {"a"}
        probe.found.set()
        await wait_for(lambda: any(e.service == "b" for e in watched.announced), 10, "the second one")
        assert {tuple(e.payload["logs"]) for e in watched.events if e.service == "b"} == {("of b",)}


async def test_what_is_announced_again_tells_how_that_which_it_needs_is_by_now(watching: Any) -> None:
    probe = SickTwin()
    async with watching(probe, announce_seconds=0.1) as watched:
        first = await watched.see("shop", "container_unhealthy")
        assert first.payload["depends_on"] == {"db": "exited (1)"}
        probe.database = "running"
        await wait_for(
            lambda: any(e.payload["depends_on"] == {"db": "running"} for e in watched.announced),
            10,
            "the present state",
        )
        assert {tuple(e.payload["logs"]) for e in watched.announced} == {("line 1",)}, "what was found is kept"


async def test_a_host_without_docker_is_an_ordinary_host(agent: Process, redis_server: RedisServer) -> None:
    agent.start()
    await wait_for(lambda: types(redis_server)[:1] == ["node_online"], 10, "node_online")
    watching = events(redis_server)[0].payload["watching"]
    assert {"disk", "memory", "load"} <= set(watching)
    heartbeat = agent.runtime / "state" / "node-agent.heartbeat"
    await wait_for(heartbeat.exists, 10, "a heartbeat")
    assert healthcheck(agent.runtime) == 0
    assert agent.end(signal.SIGTERM) == 0
    assert agent.log().count("docker.no_engine_yet") == 1
    assert agent.log().count("agent.check_failed") == 1
    old = time.time() - 400
    os.utime(heartbeat, (old, old))
    assert healthcheck(agent.runtime) == 1
    heartbeat.unlink()
    assert healthcheck(agent.runtime) == 1


FAREWELL = ["service_recovered", "node_retired"]


async def test_what_was_open_under_a_former_name_of_the_node_ends(agent: Process, redis_server: RedisServer) -> None:
    agent.watch(WATCH.format(port=free_port()))
    agent.start()
    await wait_for(lambda: types(redis_server) == ["node_online", "tcp_probe_failed"], 10, "the red probe")
    opened = events(redis_server)[-1]
    assert agent.end(signal.SIGTERM) == 0
    for name in ("renamed", "again"):
        agent.environment["NODE_NAME"] = name
        agent.start()
        with redis.Redis(port=redis_server.port) as client:
            await wait_for(partial(client.xlen, f"mesh:ev:{name}"), 10, "its first word under its new name")
        await wait_for(lambda: types(redis_server)[2:] == FAREWELL, 10, "the end of what was open, once")
        with redis.Redis(port=redis_server.port) as client:
            await wait_for(lambda: not client.exists("mesh:alive:n1"), 10, "its last sign of life to end")
        over = [event for event in events(redis_server) if event.type == "service_recovered"][-1]
        assert (over.incident, over.payload["ended"]) == (opened.incident, "this node is called renamed now")
        assert agent.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("variables", "config", "words"),
    [
        ({"REDIS_URL": "http://x"}, "", "REDIS_URL"),
        ({"NODE_NAME": "a b"}, "", "NODE_NAME"),
        ({"DOCKER_HOST": "ssh://x"}, "", "DOCKER_HOST"),
        ({"DOCKER_HOST": "tcp://a..b:2375"}, "", "DOCKER_HOST"),
        ({}, "version: 1\ntcp:\n- {name: db, host: db..lan, port: 5432}", "node.yml:3: tcp.0.host"),
        ({}, "dokcer: {}", "dokcer: no such key"),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_starts(
    agent: Process, variables: dict[str, str], config: str, words: str
) -> None:
    agent.watch(config)
    done = ran_once({**agent.environment, **variables})
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_second_agent_of_the_same_node_does_not_start(agent: Process, redis_server: RedisServer) -> None:
    agent.watch(WATCH.format(port=free_port()))
    agent.start()
    await wait_for(lambda: types(redis_server), 10, "the first agent")
    second = run_forked("node_agent", environ=agent.environment)
    assert second.returncode == 1
    assert "another node agent uses" in second.stderr


def test_a_folder_that_cannot_be_used_is_named(agent: Process) -> None:
    (agent.runtime / "spool").write_text("a file where the folder should be")
    done = run_forked("node_agent", environ=agent.environment)
    assert done.returncode == 1
    assert "RUNTIME_PATH" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_remembered_badly_is_no_reason_not_to_start(tmp_path: Path) -> None:
    memory = tmp_path / "open.json"
    for text in ("", "[]", '{"open": [{}], "seen_ms": 1}', '{"open": [], "seen_ms": "x"}'):
        memory.write_text(text)
        assert IncidentStore(memory).load(IncidentTracker("n1")) is None
    memory.write_text('{"open": [], "seen_ms": 5000}')
    assert IncidentStore(memory).load(IncidentTracker("n1")) == 5.0


def healthcheck(runtime: Path) -> int:
    environment = {"PATH": "/usr/bin:/bin", "RUNTIME_PATH": str(runtime)}
    return subprocess.run(["sh", str(HEALTHCHECK)], env=environment, check=False, capture_output=True).returncode


def ran_once(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node_agent"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
