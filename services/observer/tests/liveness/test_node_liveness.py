"""Silent nodes on a real Redis: noticed once, their return noticed too, and nobody blamed for our own deafness."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.consumer import Consumer
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.streams import OBSERVER_STREAM
from mesh_core.policy.names.known_names import KnownNames
from mesh_core.testing import RedisServer, wait_for
from observer.archive.events import EventArchive
from observer.liveness.node_liveness import ALIVE_PREFIX, NodeLiveness
from observer.pipeline.observer import GROUP, Observer
from observer.world import HealthState


class Scene:
    """An observer and its watch whose clock we hold."""

    def __init__(self, url: str, runtime: Path):
        self.now = 1000.0
        self.bus = Bus.connect(url, "observer")
        self.consumer = Consumer(self.bus, GROUP, "observer-test", pattern="mesh:ev:*", clock=lambda: self.now)
        self.observer = Observer(
            self.bus,
            self.consumer,
            EventArchive(runtime / "events"),
            runtime / "world.json",
            on_sign=lambda node: self.silence.sign(node),
            on_retired=lambda node: self.silence.retired(node),
        )
        self.hosts: dict[str, str] = {}
        self.silence = NodeLiveness(
            self.bus,
            lambda: self.observer.world,
            self.observer.heard,
            limit_seconds=180,
            clock=lambda: self.now,
            names=lambda: KnownNames(hosts=self.hosts),
        )

    async def beat(self, node: str, ago_seconds: float = 0) -> None:
        await self.bus.call("SET", f"{ALIVE_PREFIX}{node}", "1", "PX", int((120 - ago_seconds) * 1000))

    async def hush(self, node: str) -> None:
        await self.bus.call("DEL", f"{ALIVE_PREFIX}{node}")

    async def pass_time(self, seconds: float) -> None:
        """Looks every five seconds, and what they enter is folded, as in the service."""
        for _ in range(int(seconds / 5)):
            self.now += 5
            before = await self.bus.call("XLEN", OBSERVER_STREAM)
            await self.silence.look()
            if await self.bus.call("XLEN", OBSERVER_STREAM) != before:  # an empty read takes a server 100 ms
                await self.fold_all()

    async def fold_all(self) -> None:
        while entries := await self.consumer.read(block_ms=1):
            await self.observer.work(entries)

    async def said(self) -> list[dict[str, object]]:
        rows = await self.bus.call("XRANGE", OBSERVER_STREAM, "-", "+")
        return [json.loads(fields[b"p"]) for _, fields in rows]

    def state(self, node: str) -> HealthState:
        return self.observer.world.places[f"{node}/"].state


@pytest.fixture
async def scene(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(redis_server.url, tmp_path)
    yield made
    await made.consumer.close()
    await made.bus.close()


async def test_a_node_that_falls_silent_is_offline_once_and_only_after_the_limit(scene: Scene) -> None:
    await scene.beat("pi4")
    await scene.pass_time(5)
    assert scene.state("pi4") is HealthState.HEALTHY
    await scene.hush("pi4")
    await scene.pass_time(170)
    assert scene.state("pi4") is HealthState.HEALTHY
    await scene.pass_time(400)
    assert scene.state("pi4") is HealthState.OFFLINE
    (event,) = await scene.said()
    assert (event["type"], event["node"], event["severity"]) == ("node_offline", "pi4", "error")
    assert event["trust"] == "observer"
    assert isinstance(event["payload"], dict)
    assert 180 <= event["payload"]["silent_seconds"] <= 190


async def test_a_node_that_beats_again_is_online_again_once_and_may_fall_silent_again(scene: Scene) -> None:
    await scene.beat("pi4")
    await scene.pass_time(5)
    for turn in range(2):
        await scene.hush("pi4")
        await scene.pass_time(200)
        assert scene.state("pi4") is HealthState.OFFLINE
        await scene.beat("pi4")
        await scene.pass_time(20)
        assert scene.state("pi4") is HealthState.HEALTHY
        assert [event["type"] for event in await scene.said()] == ["node_offline", "node_online"] * (turn + 1)


async def test_events_in_its_own_stream_are_signs_of_life_too(scene: Scene) -> None:
    await scene.beat("pi4")
    await scene.pass_time(5)
    await scene.hush("pi4")
    for n in range(1, 5):
        await scene.pass_time(100)
        await scene.bus.append("pi4", f"{n}-0", HealthEvent(type="oom", node="pi4", service="web").wire())
        await scene.fold_all()
    assert await scene.said() == []


async def test_an_agent_that_says_itself_that_it_is_back_needs_no_second_word(scene: Scene) -> None:
    await scene.beat("pi4")
    await scene.pass_time(5)
    await scene.hush("pi4")
    await scene.pass_time(200)
    await scene.bus.append("pi4", "1-0", HealthEvent(type="node_online", node="pi4").wire())
    scene.consumer.hint("mesh:ev:pi4")
    await scene.beat("pi4")
    await scene.fold_all()
    await scene.pass_time(20)
    assert [event["type"] for event in await scene.said()] == ["node_offline"]
    assert scene.state("pi4") is HealthState.HEALTHY


async def test_a_node_that_never_beat_is_not_accused_of_silence(scene: Scene) -> None:
    await scene.bus.append("old", "1-0", HealthEvent(type="node_online", node="old").wire())
    await scene.bus.enter(HealthEvent(type="oom", node="typed", service="x"), Trust.FOREIGN)
    await scene.fold_all()
    await scene.pass_time(600)
    assert await scene.said() == []
    assert scene.state("old") is HealthState.HEALTHY


async def test_time_without_redis_counts_for_nobody(redis_server: RedisServer, tmp_path: Path) -> None:
    scene = Scene(redis_server.url, tmp_path)
    await scene.beat("pi4")
    await scene.pass_time(5)
    await scene.hush("pi4")  # as after a restart of Redis that lost the key
    redis_server.kill()
    with pytest.raises(BusDown):
        await scene.silence.look()
    redis_server.start()
    await wait_for(scene.bus.is_up, 10, "a connection again")
    scene.now += 3600
    await scene.pass_time(170)
    assert await scene.said() == []
    await scene.consumer.close()
    await scene.bus.close()


async def test_a_new_observer_gives_everybody_the_whole_limit_and_then_notices(scene: Scene, tmp_path: Path) -> None:
    await scene.beat("pi4")
    await scene.pass_time(5)
    await scene.observer.save()
    await scene.hush("pi4")
    later = Scene(scene.bus.url, tmp_path)
    later.now = 50.0  # another boot, another clock
    await later.pass_time(175)
    assert await later.said() == []
    await later.pass_time(20)
    assert [event["type"] for event in await later.said()] == ["node_offline"]
    await later.consumer.close()
    await later.bus.close()


async def offline_in_the_inventory(scene: Scene, host: str = "pi4") -> None:
    """pi4 was in the inventory (maybe written otherwise), ailed, and fell silent."""
    scene.hosts = {host: "", "nas": ""}
    await scene.beat("pi4")
    await scene.pass_time(5)
    await scene.bus.append(
        "pi4", "1-0", HealthEvent(type="oom", node="pi4", service="web", incident="pi4/web/1").wire()
    )
    scene.consumer.hint("mesh:ev:pi4")
    await scene.fold_all()
    await scene.hush("pi4")
    await scene.pass_time(200)
    assert scene.state("pi4") is HealthState.OFFLINE


async def test_a_silent_node_that_was_taken_out_of_the_inventory_is_retired_and_nothing_of_it_stays(
    scene: Scene,
) -> None:
    await offline_in_the_inventory(scene, "PI4")
    del scene.hosts["PI4"]
    await scene.pass_time(250)
    assert scene.state("pi4") is HealthState.OFFLINE, "it may be a mistake that is being put right"
    await scene.pass_time(60)
    assert "pi4/" not in scene.observer.world.places
    assert "pi4/web" not in scene.observer.world.places
    said = await scene.said()
    assert [event["type"] for event in said] == ["node_offline", "node_retired"]
    assert said[1]["payload"]["ended"] == "the node was taken out of the inventory"  # type: ignore[index]
    await scene.pass_time(600)
    assert len(await scene.said()) == 2


@pytest.mark.parametrize("hosts", [{}, {"pi4": "", "nas": ""}, {"here": "", "pi4.lan": ""}])
async def test_an_inventory_that_says_nothing_or_still_has_it_retires_nobody(
    scene: Scene, hosts: dict[str, str]
) -> None:
    await offline_in_the_inventory(scene)
    scene.hosts = hosts
    await scene.pass_time(900)
    assert scene.state("pi4") is HealthState.OFFLINE


async def test_a_node_that_never_was_in_the_inventory_is_missed(scene: Scene) -> None:
    scene.hosts = {"nas": ""}
    await scene.beat("pi4")
    await scene.pass_time(5)
    await scene.hush("pi4")
    await scene.pass_time(900)
    assert [event["type"] for event in await scene.said()] == ["node_offline"]


async def test_a_node_that_says_that_it_is_retired_is_not_missed_and_comes_back_if_it_speaks(scene: Scene) -> None:
    await scene.beat("pi4")
    await scene.pass_time(5)
    await scene.bus.append("pi4", "1-0", HealthEvent(type="node_retired", node="pi4").wire())
    scene.consumer.hint("mesh:ev:pi4")
    await scene.fold_all()
    await scene.beat("pi4", ago_seconds=60)  # its last one still lies in Redis
    await scene.pass_time(30)
    assert "pi4/" not in scene.observer.world.places
    await scene.hush("pi4")
    await scene.pass_time(600)
    assert await scene.said() == []
    await scene.beat("pi4")
    await scene.pass_time(5)
    assert scene.state("pi4") is HealthState.HEALTHY


async def test_a_key_with_a_strange_name_or_no_end_does_no_harm(scene: Scene) -> None:
    await scene.bus.call("SET", f"{ALIVE_PREFIX}../../etc", "1")
    await scene.bus.call("SET", f"{ALIVE_PREFIX}".encode() + b"\xff\xfe", "1")
    await scene.bus.call("SET", f"{ALIVE_PREFIX}pi4", "1")
    await scene.pass_time(10)
    assert list(scene.observer.world.places) == ["pi4/"]


async def test_the_age_of_a_beat_is_read_from_its_time_to_live(scene: Scene) -> None:
    began = time.monotonic()
    await scene.beat("pi4", ago_seconds=100)
    await scene.silence.look()
    lasted = time.monotonic() - began  # meanwhile the key ages in Redis, and our clock stands
    assert scene.silence._signs["pi4"] == pytest.approx(scene.now - 100, abs=1 + lasted)
