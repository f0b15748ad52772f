"""What others told of a silent node, on a real Redis: once more when it is back, and only what is open there still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.streams import FOREIGN_STREAM
from mesh_core.storage.event_files import event_line
from mesh_core.testing import RedisServer
from observer.liveness.told_again import SETTLE_SECONDS, ToldAgain, last_told
from observer.world import World, fold

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)


class Scene:
    """A world that hears what is archived, and the clock in our hand."""

    def __init__(self, url: str, folder: Path):
        self.now = 1000.0
        self.bus = Bus.connect(url, "observer")
        self.events = folder / "events"
        self.world = World()
        self.again = ToldAgain(self.bus, lambda: self.world, self.events, clock=lambda: self.now)

    def hears(self, kind: str, entry: str, trust: Trust, service: str | None = None, incident: str = "") -> None:
        said = {"type": kind, "node": "barn", "service": service, "severity": "error", "incident": incident or None}
        came = {"id": f"barn/{entry}", "trust": trust, "timestamp": NOW.isoformat()}
        event = HealthEvent.model_validate(said | came)
        day = self.events / "2026-05-05"
        day.mkdir(parents=True, exist_ok=True)
        with (day / "barn.jsonl").open("ab") as file:
            file.write(event_line(event, None))
        self.world, _ = fold(self.world, event, NOW)

    async def passes(self, seconds: float) -> list[tuple[str, str | None, object]]:
        """What lies in the stream of strangers afterwards."""
        await self.again.look()
        self.now += seconds
        await self.again.look()
        rows = await self.bus.call("XRANGE", FOREIGN_STREAM, "-", "+")
        told = [HealthEvent.model_validate_json(fields[b"p"]) for _, fields in rows]
        return [(event.type, event.incident, event.payload.get("announced_again")) for event in told]


@pytest.fixture
async def scene(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(redis_server.url, tmp_path)
    yield made
    await made.bus.close()


def goes_silent(scene: Scene) -> None:
    scene.hears("pump_is_dry", "1-1", Trust.FOREIGN, "pump", "kuma/1/a")
    scene.hears("pump_is_dry", "2-2", Trust.FOREIGN, "pump", "kuma/1/a")  # said twice: its last words count
    scene.hears("gate_is_open", "3-3", Trust.FOREIGN, None, "kuma/2/a")
    scene.hears("radio_is_down", "4-4", Trust.FOREIGN, "radio", "kuma/3/a")
    scene.hears("container_died", "5-0", Trust.NODE, "shop", "barn/shop/1")
    scene.hears("node_offline", "6-6", Trust.OBSERVER)


async def test_what_is_open_there_still_is_told_once_more_and_once(scene: Scene) -> None:
    goes_silent(scene)
    assert await scene.passes(SETTLE_SECONDS) == [], "it is away"
    scene.hears("node_online", "7-7", Trust.OBSERVER)
    assert await scene.passes(SETTLE_SECONDS - 1) == [], "it has only just come back"
    scene.hears("service_recovered", "8-8", Trust.FOREIGN, "radio", "kuma/3/a")
    again = [("gate_is_open", "kuma/2/a", True), ("pump_is_dry", "kuma/1/a", True)]
    assert sorted(await scene.passes(1), key=str) == again
    assert sorted(await scene.passes(SETTLE_SECONDS), key=str) == again


async def test_a_node_that_falls_silent_again_has_its_time_anew(scene: Scene) -> None:
    goes_silent(scene)
    await scene.again.look()
    scene.hears("node_online", "7-7", Trust.OBSERVER)
    await scene.again.look()
    scene.hears("node_offline", "8-8", Trust.OBSERVER)
    assert await scene.passes(SETTLE_SECONDS) == []
    scene.hears("node_online", "9-9", Trust.OBSERVER)
    assert len(await scene.passes(SETTLE_SECONDS)) == 3


def test_lines_that_nobody_can_read_and_days_long_ago_say_nothing(tmp_path: Path) -> None:
    for number in range(1, 12):
        folder = tmp_path / f"2026-05-{number:02}"
        folder.mkdir()
        (folder / "barn.jsonl").write_bytes(b'{"id":"barn/1-1","event":"kuma/1/a"}\n"kuma/1/a"\nkuma/1/a\n')
    event = HealthEvent(type="x", node="barn", incident="kuma/1/a", id="barn/1-1", trust=Trust.FOREIGN)
    (tmp_path / "2026-05-01" / "barn.jsonl").write_bytes(event_line(event, None))
    assert last_told(tmp_path, "barn", {"kuma/1/a"}) == []
    (tmp_path / "2026-05-04" / "barn.jsonl").write_bytes(event_line(event, None))
    assert [one.id for one in last_told(tmp_path, "barn", {"kuma/1/a"})] == ["barn/1-1"]
