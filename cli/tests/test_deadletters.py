"""mend deadletters: what was refused is listed with its reason, and sent again when it is good now."""

from __future__ import annotations

import asyncio
import json

import redis
from mend_rig import Mend

from mesh_core.messaging.bus import Bus


async def test_deadletters_lists_the_reason_and_replays_what_is_good_now(mend_online: Mend) -> None:
    url = mend_online.environ["REDIS_URL"]
    bus = Bus.connect(url, "test")
    await bus.refuse(
        b'{"type":"a","node":"pi4"}', source="health_events", reason="a bug of yesterday", actor="planner-agent"
    )
    await bus.refuse(b"\xff{nonsense", source="health_events", reason="not JSON", actor="planner-agent")
    await bus.refuse(
        b'{"type":"a","node":"pi4","payload":{"x":"' + b"y" * 5000, source="x", reason="too long", actor="observer"
    )
    await bus.close()
    cut, bad, good = json.loads((await asyncio.to_thread(mend_online, "deadletters", "--json")).stdout)
    assert good["reason"] == "a bug of yesterday"
    assert "not JSON" in (await asyncio.to_thread(mend_online, "deadletters")).stdout

    replayed = await asyncio.to_thread(mend_online, "deadletters", "replay", good["id"])
    assert replayed.exit_code == 0, replayed.output
    with redis.Redis.from_url(url) as client:
        [(entry, _)] = client.xrange("mesh:ev:_foreign")
    assert replayed.stdout.strip().endswith(entry.decode())

    bus = Bus.connect(url, "test")
    await bus.refuse(b'{"text":"install x","hosts":["pi4"]}', source="requests", reason="yesterday", actor="planner")
    await bus.refuse(b'{"text":"install x"}', source="mesh:requests", reason="no hosts", actor="planner")
    await bus.close()
    hostless, asked, *_ = json.loads((await asyncio.to_thread(mend_online, "deadletters", "--json")).stdout)
    replayed = await asyncio.to_thread(mend_online, "deadletters", "replay", asked["id"])
    assert replayed.stdout.startswith("replayed as req-"), replayed.output
    refused = await asyncio.to_thread(mend_online, "deadletters", "replay", hostless["id"])
    assert (refused.exit_code, "send it with `mend request`" in refused.output) == (1, True)

    refused = await asyncio.to_thread(mend_online, "deadletters", "replay", bad["id"])
    assert (refused.exit_code, "not JSON" in refused.output) == (1, True)
    refused = await asyncio.to_thread(mend_online, "deadletters", "replay", cut["id"])
    assert (refused.exit_code, "first 4096 bytes" in refused.output) == (1, True)
    assert (await asyncio.to_thread(mend_online, "deadletters", "replay", "1-1")).exit_code == 3
    assert (await asyncio.to_thread(mend_online, "deadletters", "replay", "x y")).exit_code == 2
    assert (await asyncio.to_thread(mend_online, "deadletters", "burn")).exit_code == 2
