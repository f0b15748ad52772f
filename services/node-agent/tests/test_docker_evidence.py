"""What a container's event says beside its type: what it depends on, what lives in its network, what Docker knows."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from docker_rig import CHECKED, Box

from mesh_core.models.events import Runtime
from mesh_core.policy.event_facts.facts import Fact, facts_for
from mesh_core.testing import free_port, wait_for
from node_agent.containers.engine import Engine as Api
from node_agent.host.mounts import mount_of, read_mounts
from node_agent.investigation import docker, memory
from node_agent.investigation.question import Question
from node_agent.probe_base.probe import Backing
from node_agent.probes.tcp import TcpOptions, TcpProbe

pytestmark = pytest.mark.docker


async def test_what_it_depends_on_stands_in_the_event_with_its_state(box: Box, watching: Any) -> None:
    db = box.run("exit 4", name="db")
    await wait_for(lambda: box.engine.inspect(db)["State"]["Status"] == "exited", 10, "its end")
    async with watching(box.probe()) as watched:
        await watched.see(db, "container_died")
        name = box.run("exit 5", "--label", f"mendmesh.depends-on={db}, nowhere", "--label", "mendmesh.restart=false")
        event = await watched.see(name, "container_died")
        assert event.payload["depends_on"] == {db: "exited with 4", "nowhere": "missing"}
        assert event.payload["labels"]["mendmesh.restart"] == "false"


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


async def test_whoever_lives_in_the_network_of_a_stopped_one_depends_on_it(box: Box, watching: Any) -> None:
    host = box.run("trap 'exit 0' TERM; while :; do sleep 0.05; done", name="host")
    has_network = "test -e /sys/class/net/eth0"
    guest = box.run("sleep 600", "--init", "--network", f"container:{host}", *CHECKED, has_network, name="guest")
    await wait_for(lambda: box.engine.health(guest) == "healthy", 15, "a healthy guest")
    async with watching(box.probe(resync_seconds=1)) as watched:
        box.engine.docker("stop", "-t", "5", host)
        event = await watched.see(guest, "container_unhealthy")
        assert event.payload["depends_on"] == {host: "stopped"}
        assert Fact.DEPENDENCY_DOWN in facts_for(event)
        assert Fact.NETWORK_GONE not in facts_for(event)


async def test_whoever_lived_in_the_network_of_one_that_was_made_anew_has_none(box: Box, watching: Any) -> None:
    host = box.run("sleep 600", "--init", name="host")
    has_network = "! test -e /sick && grep -q eth0 /proc/net/dev"
    guest = box.run("sleep 600", "--init", "--network", f"container:{host}", *CHECKED, has_network, name="guest")
    await wait_for(lambda: box.engine.health(guest) == "healthy", 15, "a healthy guest")
    unchecked = box.run("sleep 600", "--init", "--network", f"container:{host}", name="unchecked")
    async with watching(box.probe(resync_seconds=1)) as watched:
        box.engine.rm(host)
        box.run("sleep 600", "--init", name="host")
        for name in (guest, unchecked):
            event = await watched.see(name, "container_unhealthy")
            assert event.payload["network_mode"].startswith("container:")
            assert Fact.NETWORK_GONE in facts_for(event)
        box.engine.rm(unchecked)
        box.run("sleep 600", "--init", "--network", f"container:{host}", name="unchecked")
        await watched.see(unchecked, "container_unhealthy", "service_recovered")


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
