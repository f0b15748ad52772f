"""The profile `docker-proxy`: the agent may look, the executor may restart what is there, and neither can do more."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from parts.docker import SickFactory
from parts.engine import Engine
from parts.playing import Prepare, a_proposal
from parts.require import missing, require

from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.stages import APPLY
from mesh_core.testing import free_port, wait_for
from node_agent.containers.engine import Engine as AgentsEngine

CONFIGS = Path(__file__).parents[2] / "scripts" / "deploy" / "docker-proxy"
REFUSED = 403
# Of the engine's API, what would make a host of it: (method, path), X stands for a container that is there.
NEVER = [
    ("POST", "/containers/create"),
    ("POST", "/v1.41/containers/create?name=evil"),
    ("POST", "/containers/X/exec"),
    ("POST", "/exec/1/start"),
    ("POST", "/containers/X/kill"),
    ("POST", "/containers/X/update"),
    ("POST", "/containers/X/rename?name=y"),
    ("POST", "/containers/X/attach?stream=1"),
    ("DELETE", "/containers/X?force=1"),
    ("PUT", "/containers/X/archive?path=/"),
    ("GET", "/containers/X/archive?path=/etc/shadow"),
    ("GET", "/containers/X/export"),
    ("POST", "/images/create?fromImage=evil"),
    ("POST", "/build"),
    ("POST", "/volumes/create"),
    ("POST", "/networks/create"),
    ("POST", "/swarm/init"),
    ("GET", "/secrets"),
    ("POST", "/containers/json/../create"),
    ("POST", "/v1.41/containers/X/restart/../../create"),
    ("POST", "/containers/X%2frestart"),
    ("POST", "//containers/create"),
    ("GET", "/containers/X/json/../archive?path=/etc"),
    ("POST", "/version"),
]


@pytest.fixture
def proxy(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path) -> Iterator[int]:
    """The port of Debian's haproxy with the product's own configuration; only address and socket are other ones."""
    haproxy = require("haproxy", "apt-get install haproxy")
    if not engine.host.startswith("unix://"):
        missing("an engine with a socket on this machine", "unset DOCKER_HOST")
    port = free_port()
    text = (CONFIGS / f"{request.param}.cfg").read_text()
    changed = text.replace("bind :2375", f"bind 127.0.0.1:{port}")
    changed = changed.replace("unix@/var/run/docker.sock", f"unix@{engine.host.removeprefix('unix://')}")
    assert changed.count(str(port)) == 1
    (tmp_path / "proxy.cfg").write_text(changed)
    with (tmp_path / "proxy.log").open("wb") as log:
        process = subprocess.Popen([haproxy, "-db", "-f", str(tmp_path / "proxy.cfg")], stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError):
            if ask(port, "GET", "/_ping") == 200:
                break
        assert time.monotonic() < deadline, (tmp_path / "proxy.log").read_text()
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait(300)


reads = pytest.mark.parametrize("proxy", ["read"], indirect=True)
restarts = pytest.mark.parametrize("proxy", ["restart"], indirect=True)
both = pytest.mark.parametrize("proxy", ["read", "restart"], indirect=True)


def ask(port: int, method: str, path: str) -> int:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        line.request(method, path)
        return line.getresponse().status
    finally:
        line.close()


@both
def test_nothing_that_would_make_a_host_of_it_gets_through(proxy: int, sick_container: SickFactory) -> None:
    name = sick_container().name
    passed = [f"{m} {path}" for m, path in NEVER if ask(proxy, m, path.replace("X", name)) != REFUSED]
    assert passed == []


@reads
def test_the_agents_proxy_restarts_nothing(proxy: int, sick_container: SickFactory) -> None:
    web = sick_container()
    before = web.started_at()
    for verb in ("restart", "stop", "start"):
        assert ask(proxy, "POST", f"/containers/{web.name}/{verb}") == REFUSED
    assert web.started_at() == before


@reads
async def test_the_agent_sees_everything_it_needs(proxy: int, sick_container: SickFactory) -> None:
    seen: list[dict[str, Any]] = []
    agent = AgentsEngine(f"tcp://127.0.0.1:{proxy}")
    opened = asyncio.Event()

    async def listen() -> None:
        async for event in agent.events(time.time(), opened.set):
            seen.append(event)

    listening = asyncio.create_task(listen())
    await asyncio.wait_for(opened.wait(), 60)
    web = await asyncio.to_thread(sick_container)
    try:
        await wait_for(lambda: any(event["Action"] == "start" for event in seen), 10, "the start of a container")
    finally:
        listening.cancel()
    assert web.name in {name.lstrip("/") for row in await agent.containers() for name in row["Names"]}
    found = await agent.container(web.name)
    assert found is not None
    assert found["State"]["Running"]
    await wait_for(lambda: agent.logs(web.name, tty=False), 10, "its log")
    assert "Images" in await agent.space()


@restarts
def test_the_executor_heals_a_container_through_its_proxy(
    proxy: int, engine: Engine, sick_container: SickFactory, prepare: Prepare
) -> None:
    web = sick_container()
    web.make_sick()
    pool = AnsiblePool.start({**engine.env, "DOCKER_HOST": f"tcp://127.0.0.1:{proxy}"})
    try:
        assert pool.wait_ready(60)
        before = web.started_at()
        stage = prepare(pool, a_proposal(web.name, payload={"runtime": "docker"})).play(APPLY)
        assert stage.ok, stage.detail
        assert web.started_at() != before
    finally:
        pool.stop()
