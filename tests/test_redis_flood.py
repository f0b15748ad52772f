"""One node's own key against the whole mesh: Redis within its memory, real planner and observer, a flood."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
import redis
from parts.redis_acl import NODES, USERS, AclRedis
from parts.require import missing

from mesh_core.messaging.redis_limits import CONTAINER_BYTES, MOST_BYTES
from mesh_core.security.redis_users import acl_text
from mesh_core.testing import AllFolders, RedisServer, free_port, redis_binary, wait_for

MIB = 1024 * 1024
MOST = 64 * MIB  # a third of what is shipped, so that filling it takes a third of the time; the proportion is the same
BOUND = CONTAINER_BYTES * MOST // MOST_BYTES + 64 * MIB  # what the server's own code and threads map beside it


@dataclass
class Mesh:
    redis: AclRedis
    runtime: Path
    ports: dict[str, int]
    processes: dict[str, subprocess.Popen[bytes]]

    def resident(self, name: str) -> int:
        return int(psutil.Process(self.processes[name].pid).memory_info().rss)

    async def ready(self, name: str) -> bool:
        async with httpx.AsyncClient() as http:
            try:
                return (await http.get(f"http://127.0.0.1:{self.ports[name]}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

    def status(self) -> tuple[int, str]:
        """`mend status` as the operator: exit code, what it says of Redis."""
        environment = {**os.environ, "REDIS_URL": self.redis.url("operator"), "RUNTIME_PATH": str(self.runtime)}
        words = [sys.executable, "-m", "mend", "status", "--json"]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
        return done.returncode, str(json.loads(done.stdout)["redis_problem"])


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    """Redis may have what its container has; a process that asks for more ends, as the kernel would end it."""
    if redis_binary("debian") is None:
        missing("a debian Redis server", "apt-get install redis-server")
    file = tmp_path / "users.acl"
    file.write_text(acl_text({user: f"secret-of-{user}" for user in USERS}, NODES))
    server = RedisServer(tmp_path / "redis", kind="debian", extra=("--aclfile", str(file), "--maxmemory", str(MOST)))
    bounded = tmp_path / "bounded-redis"
    bounded.write_text(f'#!/bin/sh\nulimit -v {BOUND // 1024}\nexec {server.binary} "$@"\n')
    bounded.chmod(0o755)
    server.binary = str(bounded)
    acl_redis = AclRedis(server.start())
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "inventory.yml").write_text("all: {hosts: {pi4: {ansible_connection: local}}}\n")
    made = Mesh(acl_redis, tmp_path, {}, {})
    try:
        for service, user in (("planner_agent", "planner"), ("observer", "observer")):
            port = made.ports[service] = free_port()
            environment = {
                **os.environ,
                "REDIS_URL": acl_redis.url(user),
                "RUNTIME_PATH": str(tmp_path),
                "NODE_NAME": "home",
                "LLM_CHAIN": "floor",
                "METRICS_LISTEN": f"127.0.0.1:{port}",
                "OBSERVER_LISTEN": f"127.0.0.1:{port}",
            }
            with (tmp_path / f"{service}.log").open("wb") as log:
                words = [sys.executable, "-m", service]
                made.processes[service] = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
        yield made
    finally:
        for process in made.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in made.processes.values():
            process.wait(300)
        server.kill()


async def test_a_node_that_floods_redis_stops_neither_it_nor_the_others(mesh: Mesh) -> None:
    await wait_for(lambda: mesh.ready("observer"), 60, "the observer")
    await wait_for(lambda: mesh.ready("planner_agent"), 60, "the planner")
    observer = psutil.Process(mesh.processes["observer"].pid)
    first = mesh.redis.server.process
    assert first is not None

    def flood(entries: int, size: int) -> int:
        """How many came in."""
        taken = 0
        with mesh.redis.client("node-web01") as node:
            for _ in range(entries):
                try:
                    node.execute_command("XADD", "mesh:ev:web01", "*", "p", b"x" * size)
                    taken += 1
                except redis.RedisError:
                    continue
        return taken

    def other(number: int) -> bool:
        """Another node's agent: its event stays in its spool until it is taken."""
        event = {"type": "container_died", "node": "pi4", "service": f"web{number}", "payload": {"runtime": "docker"}}
        with mesh.redis.client("node-pi4") as node:
            try:
                node.execute_command("XADD", "mesh:ev:pi4", f"{number}-0", "p", json.dumps(event))
            except redis.OutOfMemoryError:
                return False
            return True

    # What took all down: 14 of 45 MB, 3 of 60 MB.
    assert await asyncio.to_thread(flood, 14, 45_000_000) == await asyncio.to_thread(flood, 3, 60_000_000) == 0
    # Nobody makes room: Redis fills up, refuses, and says so everywhere. As long as an event may be: what is longer the
    # observer deletes as it reads, and with luck before it has to cut anything.
    observer.suspend()
    await asyncio.to_thread(flood, 1500, 60_000)

    async def is_full() -> bool:
        await asyncio.to_thread(flood, 100, 60_000)  # what an answer on its way held there is free by now
        code, problem = await asyncio.to_thread(mesh.status)
        return (code, "refuses writes" in problem, await mesh.ready("planner_agent")) == (1, True, False)

    await wait_for(is_full, 60, "status and planner to say that Redis is full")
    observer.resume()
    await wait_for(lambda: mesh.ready("planner_agent"), 60, "room again")
    # And while it goes on, another node's events get through.
    flooding = asyncio.create_task(asyncio.to_thread(flood, 120, 1_000_000))
    for number in range(1, 4):
        await wait_for(lambda number=number: other(number), 60, "the other node's event to be taken")  # type: ignore[misc]
    await flooding
    await wait_for(lambda: len(AllFolders(mesh.runtime).pending()) >= 4, 60, "its proposals, and one about the flood")
    told = {filed.proposal.event.type for filed in AllFolders(mesh.runtime).pending()}
    assert told == {"container_died", "stream_overflow"}

    async def is_well() -> bool:
        """The last of the flood may fill it once more, after somebody found it well."""
        return (await asyncio.to_thread(mesh.status))[1] == "None" and await mesh.ready("planner_agent")

    await wait_for(is_well, 60, "status and planner to say that there is room")
    assert mesh.redis.server.process is first
    assert first.poll() is None
    assert all(process.poll() is None for process in mesh.processes.values())
    assert mesh.resident("observer") < 160 * MIB
    assert mesh.resident("planner_agent") < 200 * MIB
    # The log can be read again within the same memory.
    mesh.redis.server.kill()
    mesh.redis.server.start()
    await wait_for(lambda: mesh.ready("observer"), 60, "the mesh after a restart of Redis")
