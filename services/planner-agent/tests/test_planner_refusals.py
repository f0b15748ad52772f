"""What a planner does not hear: it goes to the dead letters with a reason, and the planner goes on."""

from __future__ import annotations

import pytest
from planner_rig import Mesh

from mesh_core.models.events import HealthEvent, Trust
from mesh_core.testing import wait_for


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"not json at all", "not JSON"),
        (b"[1,2]", "not an object"),
        (b'{"type":"x","node":"n","type":"y"}', "duplicate key"),
        (b'{"type":"x","node":"n","payload":{"a":NaN}}', "NaN"),
        (b'{"type":"x","node":"n","payload":{"a":1e999}}', "out of range"),
        (b'{"type":"x","node":"\xff"}', "not UTF-8"),
        (b'{"type":"X","node":"n"}', "type"),
        (b'{"type":"x"}', "node"),
        (b'{"type":"x","node":"-rm"}', "node"),
        (b'{"type":"x","node":"n\\n"}', "node"),
        (b'{"type":"x","node":"n","service":"a b"}', "service"),
        (b'{"type":"x","node":"n","severity":"loud"}', "severity"),
        (b'{"type":"x","node":"n","payload":[]}', "payload"),
        (b'{"type":"x","node":"n","timestamp":"yesterday"}', "timestamp"),
        (b'{"type":"x","node":"n","payload":{"a":"\\ud800"}}', "surrogate"),
        (b'{"type":"x","node":"n","payload":' + b"[" * 5000 + b"]" * 5000 + b"}", "nested"),
        (b'{"type":"x","node":"n","payload":{"a":' + b"9" * 5000 + b"}}", "digits"),
        (b'{"type":"x","node":"n","payload":{"a":"' + b"x" * 70000 + b'"}}', "too large"),
        (b"", "not JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "x",
)
async def test_bad_messages_go_to_the_dead_letters_by_both_ways_in(mesh: Mesh, raw: bytes, reason: str) -> None:
    await mesh.start()
    await mesh.bus.announce("health_events", raw)
    await mesh.bus.call("XADD", "mesh:ev:_foreign", "*", "p", raw)

    async def refused() -> bool:
        return await mesh.bus.redis.xlen("mesh:dead_letters") == 2

    await wait_for(refused, 10, "both are in the dead letters")
    letters = await mesh.stream("mesh:dead_letters")
    assert all(reason in letter["reason"] for letter in letters), letters
    assert all(len(letter["raw"]) <= 4 * 4096 for letter in letters)
    await mesh.happens(service="after")
    assert len(await mesh.proposed()) == 1


async def test_a_node_cannot_speak_for_another_node(mesh: Mesh) -> None:
    raw = HealthEvent(type="container_died", node="db01", service="postgres").wire()
    await mesh.bus.call("XADD", "mesh:ev:web01", "1-0", "p", raw)
    await mesh.start()

    async def refused() -> bool:
        return await mesh.bus.redis.xlen("mesh:dead_letters") == 1

    await wait_for(refused, 10, "it is refused")
    assert "cannot speak for" in (await mesh.stream("mesh:dead_letters"))[0]["reason"]
    assert mesh.proposals() == []


async def test_nobody_but_a_planner_says_that_a_person_asked_for_something(mesh: Mesh) -> None:
    """Its reason would be told as a person's, and a later one would never take its place."""
    await mesh.start()
    asked = {"request": "req-0123456789ab", "text": "paint it blue", "by": "anna"}
    await mesh.bus.enter(HealthEvent(type="playbook_requested", node="web01", payload=asked), Trust.FOREIGN)
    await wait_for(lambda: mesh.bus.redis.xlen("mesh:dead_letters"), 10, "it is refused")
    assert "planner's own" in (await mesh.stream("mesh:dead_letters"))[0]["reason"]
    assert mesh.proposals() == []
