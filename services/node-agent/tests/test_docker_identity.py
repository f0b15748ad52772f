"""Which real containers are watched, and under which name: labels, compose, swarm, what is expected or ignored."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from docker_rig import Box
from structlog.testing import capture_logs

from node_agent.containers import deployed_anew
from node_agent.containers.container_identity import identity_for

pytestmark = pytest.mark.docker


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
        died = await watched.see(blue, "container_died", seconds=30)
        green = box.run(serve, name="shop-green")
        over = await watched.see(blue, "container_died", "service_recovered", seconds=20)
        assert over.incident == died.incident
        assert (over.payload["ended"], over.payload["replaced_by"]) == (f"replaced by {green}", green)
        box.engine.rm(blue)
        await probe.check(None)
        assert [r.condition for r in await probe.check(None) if r.key.startswith("docker:expect/")] == ["healthy"]
        assert await probe.describe(blue) == {"replaced_by": green}


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


def test_identity_is_compose_or_name() -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    assert identity_for(["/shop-web-1"], labels).service == "shop.web"
    assert identity_for(["/shop-web-1"], labels).container == "shop-web-1"
    second = identity_for(["/shop-web-2"], labels | {"com.docker.compose.container-number": "2"})
    assert (second.service, second.key) == ("shop.web", "docker:shop.web#2")
    assert identity_for(["/alias/web", "/web"], {}).service == "web"
    assert identity_for([], {}).service == ""
