"""A real engine that is restarted, as an upgrade does it: what ran and does not come back was stopped by no person."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from parts.dockerd import OwnEngine  # type: ignore[import-not-found]  # on the path of pytest only
from parts.engine import engine_at  # type: ignore[import-not-found]

from mesh_core.testing import wait_for
from node_agent.containers import container_check
from node_agent.containers.container_history import AT_ONCE_SECONDS
from node_agent.containers.engine import Engine as Api
from node_agent.probes.docker import DockerOptions, DockerProbe

pytestmark = pytest.mark.docker
STAYS = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


@pytest.fixture
def own(request: pytest.FixtureRequest, engine: Any, base_image: str) -> Iterator[Any]:
    """(the engine that may be restarted, docker commands on it), with an image to run. A parameter: its containers
    outlive it."""
    own = OwnEngine(live_restore=getattr(request, "param", False))
    own.start()
    try:
        found = engine_at(own.host)
        save = [engine.client, "save", base_image]
        with subprocess.Popen(save, env=engine.env, stdout=subprocess.PIPE) as saved:
            subprocess.run([found.client, "load", "--quiet"], env=found.env, stdin=saved.stdout, check=True)
        found.base_image = base_image
        yield own, found
        found.rm(*found.docker("ps", "-aq", check=False).split())
    finally:
        own.stop()


def probe(host: str, **more: Any) -> DockerProbe:
    return DockerProbe(Api(host), DockerOptions(resync_seconds=1), since=more.pop("since", time.time() - 5), **more)


async def test_what_ended_with_its_engine_is_told_and_what_a_person_stopped_is_not(
    own: Any, watching: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_check, "RETURN_SECONDS", 1.0)
    dockerd, docker = own
    for name, options in (("meant", ()), ("job", ()), ("comes-back", ("--restart", "unless-stopped"))):
        docker.run(docker.base_image, "sh", "-c", STAYS, name=name, options=options)
    first = probe(dockerd.host)
    async with watching(first) as watched:
        await wait_for(lambda: first.history.record(_id(docker, "job")).running, 10, "a first look")
        docker.docker("stop", "-t", "5", "meant")
        await wait_for(lambda: first.history.record(_id(docker, "meant")).stopped_by_person, 10, "the stop")
        # A person's stop in the very moment in which the engine ends could not be told from its own.
        await asyncio.sleep(AT_ONCE_SECONDS + 0.5)
        await asyncio.to_thread(dockerd.restart)
        event = await watched.see("job", "container_died", seconds=40)
        assert (event.payload["exit_code"], event.payload["ended"]) == (0, "with its engine")
        assert event.payload["stopped_by_person"] is False
        assert watched.types("meant") == watched.types("comes-back") == []
        docker.docker("start", "job")
        await watched.see("job", "container_died", "service_recovered")
        memory = first.memory()

    # The agent itself may be a container of that engine, or its host may have been restarted: then it comes up later.
    ended_at = time.time()
    await asyncio.to_thread(dockerd.restart)
    later = probe(dockerd.host, since=ended_at, memory=memory)
    async with watching(later) as watched:
        event = await watched.see("job", "container_died", seconds=40)
        assert event.payload["ended"] == "with its engine"
        assert watched.types("meant") == watched.types("comes-back") == []


@pytest.mark.parametrize("own", [True], indirect=True)
async def test_what_outlives_its_engine_is_left_in_peace_and_watched_as_before(own: Any, watching: Any) -> None:
    dockerd, docker = own
    lives = "trap 'exit 0' TERM; until test -e /die; do sleep 0.05; done; exit 3"
    names = [f"job{number}" for number in range(5)]
    for name in (*names, "meant"):
        docker.run(docker.base_image, "sh", "-c", lives, name=name)
    first = probe(dockerd.host)
    async with watching(first) as watched:
        await wait_for(lambda: all(first.history.record(_id(docker, name)).running for name in names), 10, "a look")
        docker.docker("stop", "-t", "5", "meant")
        await wait_for(lambda: first.history.record(_id(docker, "meant")).stopped_by_person, 10, "the stop")
        await asyncio.to_thread(dockerd.restart)
        assert [docker.inspect(name)["State"]["Running"] for name in names] == [True] * 5
        docker.exec("job0", "touch", "/die")
        event = await watched.see("job0", "container_died", seconds=40)
        assert (event.payload["exit_code"], event.payload["stopped_by_person"]) == (3, False)
        assert all(watched.types(name) == [] for name in (*names[1:], "meant"))


def _id(docker: Any, name: str) -> str:
    return str(docker.inspect(name)["Id"])
