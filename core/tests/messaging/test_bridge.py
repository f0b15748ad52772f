"""What is published by hand is adopted once, by whoever heard it first, or kept as a dead letter with the reason."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from bridge_rig import Listeners

from mesh_core.messaging.bridge import Bridge, Heard
from mesh_core.messaging.bus import ADOPTION_WINDOW_MS, Bus, Hearing
from mesh_core.models.events import MAX_EVENT_BYTES, DeadLetter, HealthEvent, Trust
from mesh_core.models.parsing import event_in
from mesh_core.models.streams import FOREIGN_STREAM, MESH_STREAM
from mesh_core.models.strict_json import Refusal
from mesh_core.policy.inventory.name_book import NameBook
from mesh_core.testing import RedisServer, wait_for

DEEP = b"[" * 100_000

# One of each kind that must end in the dead letters.
BAD: dict[str, bytes] = {
    "empty": b"",
    "blank": b"   ",
    "not json": b"container down!",
    "half": b'{"type":"oom","node":"pi4"',
    "trailing": b'{"type":"oom","node":"pi4"} x',
    "two": b'{"type":"oom","node":"pi4"}{"type":"oom","node":"pi4"}',
    "list": b'[{"type":"oom","node":"pi4"}]',
    "string": b'"oom"',
    "number": b"7",
    "null": b"null",
    "true": b"true",
    "bytes": b"\xff\xfe\x00",
    "latin": '{"type":"oom","node":"pi4","service":"caf\xe9"}'.encode("latin-1"),
    "bom": b'\xef\xbb\xbf{"type":"oom","node":"pi4"',
    "utf-16": '{"type":"oom","node":"pi4"'.encode("utf-16"),
    "huge": b'{"type":"oom","node":"pi4","payload":{"x":"' + b"y" * 70_000 + b'"}}',
    "deep": b'{"type":"oom","node":"pi4","payload":' + DEEP + b"}",
    "deeper": DEEP,
    "digits": b'{"type":"oom","node":"pi4","payload":{"n":' + b"9" * 5000 + b"}}",
    "nan": b'{"type":"oom","node":"pi4","payload":{"n":NaN}}',
    "infinity": b'{"type":"oom","node":"pi4","payload":{"n":-Infinity}}',
    "1e999": b'{"type":"oom","node":"pi4","payload":{"n":1e999}}',
    "twice a key": b'{"type":"oom","node":"pi4","node":"pi5"}',
    "twice inside": b'{"type":"oom","node":"pi4","payload":{"a":1,"a":2}}',
    "surrogate": b'{"type":"oom","node":"pi4","payload":{"x":"\\ud800"}}',
    "no type": b'{"node":"pi4"}',
    "no node": b'{"type":"oom"}',
    "type in capitals": b'{"type":"OOM","node":"pi4"}',
    "type is a list": b'{"type":["oom"],"node":"pi4"}',
    "node is a path": b'{"type":"oom","node":"../etc"}',
    "node with newline": b'{"type":"oom","node":"pi4\\n"}',
    "node is an option": b'{"type":"oom","node":"pi4","service":"-H root@evil"}',
    "severity unknown": b'{"type":"oom","node":"pi4","severity":"terrible"}',
    "payload is text": b'{"type":"oom","node":"pi4","payload":"text"}',
    "time is a number": b'{"type":"oom","node":"pi4","timestamp":1777982400}',
    "time without zone": b'{"type":"oom","node":"pi4","timestamp":"2026-05-05T12:00:00"}',
    "id is a number": b'{"type":"oom","node":"pi4","id":7}',
}


async def test_a_message_as_large_as_one_may_be_is_an_event_in_its_stream_too(listeners: Listeners) -> None:
    await listeners.start(1)
    large = b'{"type":"oom","node":"' + b"n" * 128 + b'","payload":{"x":""}}'
    large = large.replace(b'""', b'"' + b"y" * (MAX_EVENT_BYTES - len(large)) + b'"')
    await listeners.say(large)
    await wait_for(lambda: listeners.bus.redis.xlen(FOREIGN_STREAM), 10, "it is adopted")
    [(entry_id, raw)], _ = await listeners.bus.page(FOREIGN_STREAM, "-")
    assert len(large) == MAX_EVENT_BYTES < len(raw)
    assert isinstance(event_in(FOREIGN_STREAM, entry_id, raw), HealthEvent)
    assert isinstance(event_in(f"mesh:ev:{'n' * 128}", entry_id, raw), Refusal)


async def test_two_bridges_adopt_each_message_once(listeners: Listeners) -> None:
    await listeners.start(2)
    for n in range(50):
        assert await listeners.say(f'{{"type":"oom","node":"pi4","service":"s{n}","note":"kept"}}') == 2
    await listeners.settled()
    adopted = await listeners.adopted()
    assert sorted(one["service"] for one in adopted) == sorted(f"s{n}" for n in range(50))
    assert {one["trust"] for one in adopted} == {"foreign"}
    assert {one["note"] for one in adopted} == {"kept"}
    assert len({one["id"] for one in adopted}) == 50
    assert sum(bridge.adopted for bridge in listeners.bridges) == 51


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
async def test_a_message_that_begins_with_a_byte_order_mark_is_adopted_as_what_it_says(
    listeners: Listeners, encoding: str
) -> None:
    await listeners.start(1)
    await listeners.say('{"type":"oom","node":"pi4","note":"größer"}'.encode(encoding))
    await listeners.settled()
    assert [(one["node"], one["note"]) for one in await listeners.adopted()] == [("pi4", "größer")]


async def test_our_own_messages_are_known_by_their_bytes_and_never_adopted(listeners: Listeners) -> None:
    await listeners.start(2)
    for n in range(1, 21):
        raw = HealthEvent(id=f"pi4/{n}-0", type="oom", node="pi4", trust=Trust.NODE).wire()
        await listeners.bus.append("pi4", f"{n}-0", raw)
        await listeners.bus.enter(HealthEvent(type="node_offline", node="pi5"), Trust.MESH)
        await listeners.bus.enter(HealthEvent(type="oom", node="pi6"), Trust.FOREIGN)
    await listeners.settled()
    assert len(await listeners.stream("mesh:ev:pi4")) == 20
    assert len(await listeners.stream(MESH_STREAM)) == 20
    assert len(await listeners.adopted()) == 20  # those that were entered there
    assert {"mesh:ev:pi4", MESH_STREAM, FOREIGN_STREAM} <= set(listeners.hints)


async def test_a_copy_with_a_stolen_id_but_other_bytes_is_foreign(listeners: Listeners) -> None:
    await listeners.start(1)
    raw = HealthEvent(id="pi4/1-0", type="oom", node="pi4", trust=Trust.NODE).wire()
    await listeners.bus.append("pi4", "1-0", raw)
    await listeners.say(raw.replace(b'"oom"', b'"disk_full"').replace(b'"node"}', b'"mesh"}'))
    await listeners.settled()
    (forged,) = await listeners.adopted()
    assert (forged["type"], forged["trust"]) == ("disk_full", "foreign")
    assert forged["id"] != "pi4/1-0"


MADE_UP = [
    *("seq/1-0", "x", "", "/", "pi4/", "pi4/abc-0", "pi4/1-0-0", "pi4/(1-0", "pi4/+", "a/b/c/1-1", "pi4/-", "é/1-0"),
    *("pi4/99999999999999999999999-0", "pi4/ 1-0", "x" * 5000),
]


async def test_no_id_that_anybody_makes_up_stops_a_bridge(listeners: Listeners) -> None:
    await listeners.bus.call("SET", "mesh:ev:seq", 3)  # a key of another kind where a stream would be
    await listeners.start(1)
    for n, event_id in enumerate(MADE_UP):
        await listeners.say(json.dumps({"id": event_id, "type": "oom", "node": "pi4", "service": f"s{n}"}))
    await listeners.settled()
    adopted = await listeners.adopted()
    assert [one["service"] for one in adopted] == [f"s{n}" for n in range(len(MADE_UP))]
    assert all(one["id"].startswith("pi4/1") for one in adopted)


async def test_thirty_seven_bad_messages_are_thirty_seven_dead_letters_and_the_good_one_gets_through(
    listeners: Listeners,
) -> None:
    assert len(BAD) == 37
    await listeners.start(2)
    for raw in BAD.values():
        await listeners.say(raw)
    await listeners.settled()

    async def all_there() -> bool:
        return int(await listeners.bus.call("XLEN", DeadLetter.stream)) >= len(BAD)

    await wait_for(all_there, 10, "the dead letters")
    letters = [DeadLetter.model_validate(one) for one in await listeners.stream(DeadLetter.stream)]
    assert len(letters) == len(BAD)
    assert sorted(letter.raw for letter in letters) == sorted(
        raw[:4096].decode("utf-8", "backslashreplace") for raw in BAD.values()
    )
    assert all(letter.reason and letter.source == "health_events" and letter.by == "planner" for letter in letters)
    assert await listeners.adopted() == []


async def test_the_same_rubbish_an_hour_later_is_a_letter_again(listeners: Listeners) -> None:
    await listeners.start(2)
    for _ in range(3):
        await listeners.say("rubbish")
        await listeners.settled()
        for key in await listeners.bus.call("KEYS", "mesh:heard:*"):
            await listeners.bus.call("DEL", key)  # two seconds pass
    assert len(await listeners.stream(DeadLetter.stream)) == 3


async def test_a_message_typed_twice_counts_once_within_two_seconds_and_again_after_that(
    listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh_core.messaging.bus.ADOPTION_WINDOW_MS", 600_000)  # however long this machine stands still
    await listeners.start(2)
    raw = '{"type":"oom","node":"pi4"}'
    for _ in range(3):
        await listeners.say(raw)
    await listeners.settled()
    assert len(await listeners.adopted()) == 1
    for key in await listeners.bus.call("KEYS", "mesh:heard:*"):
        await listeners.bus.call("DEL", key)
    await listeners.say(raw)
    await listeners.settled()
    assert len(await listeners.adopted()) == 2


async def test_a_message_counts_when_it_was_heard_however_late_it_gets_through(redis_each: RedisServer) -> None:
    """Redis was away in between, or the reply was lost, or the listener itself was stopped for a while."""
    bus, now = Bus.connect(redis_each.url, "test"), time.monotonic()
    one, other = Bridge(bus, "planner"), Bridge(bus, "observer")
    raw = b'{"type":"oom","node":"pi4"}'
    await one.hear(Heard(raw, Hearing(now - 60, now - 60)))
    await one.hear(Heard(raw, Hearing(now - 60, now - 60)))
    await other.hear(Heard(raw, Hearing(now - 59.5, now - 59.6)))
    await other.hear(Heard(raw, Hearing(now - 50, now - 70)))
    assert (one.adopted, other.adopted) == (1, 0)
    await other.hear(Heard(raw, Hearing(now - 57, now - 57.5)))
    await one.hear(Heard(raw, Hearing(now, now - 0.5)))
    assert (one.adopted, other.adopted) == (2, 1), "the same bytes later on are another message"
    for bridge, ago in ((one, 60), (other, 59.5), (other, 57)):
        await bridge.hear(Heard(b"rubbish", Hearing(now - ago, now - ago)))
    assert int(await bus.call("XLEN", DeadLetter.stream)) == 2
    await bus.close()


@pytest.mark.parametrize("raw", [b'{"type":"oom","node":"pi4"}', b"rubbish"])
async def test_whoever_looked_late_and_says_it_first_heard_no_other_message(
    redis_each: RedisServer, raw: bytes
) -> None:
    bus, now = Bus.connect(redis_each.url, "test"), time.monotonic()
    late, prompt = Bridge(bus, "planner"), Bridge(bus, "observer")
    await late.hear(Heard(raw, Hearing(now - 20, now - 24)))
    await prompt.hear(Heard(raw, Hearing(now - 23.5, now - 23.6)))
    stream = FOREIGN_STREAM if raw != b"rubbish" else DeadLetter.stream
    assert int(await bus.call("XLEN", stream)) == 1
    await prompt.hear(Heard(raw, Hearing(now - 17, now - 17.5)))
    assert int(await bus.call("XLEN", stream)) == 2
    await bus.close()


async def test_a_message_is_as_old_as_it_was_heard_though_its_script_waits_on_the_way(
    redis_each: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, script = Bus.connect(redis_each.url, "test"), Bus.script

    async def slow(self: Bus, *words: Any) -> Any:
        await asyncio.sleep(ADOPTION_WINDOW_MS / 1000 + 0.5)  # a new connection to a busy server
        return await script(self, *words)

    heard = Heard(b'{"type":"oom","node":"pi4"}', Hearing(time.monotonic(), time.monotonic()))
    one, other = Bridge(bus, "planner"), Bridge(bus, "observer")
    await one.hear(heard)
    monkeypatch.setattr(Bus, "script", slow)
    await other.hear(heard)
    assert (one.adopted, other.adopted) == (1, 0)
    await bus.close()


async def test_what_somebody_types_is_adopted_under_the_name_that_the_inventory_writes(
    redis_each: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "inventory.yml").write_text("all: {hosts: {NAS01: , pi4: {ansible_host: 10.0.0.5}}}")
    bus, now = Bus.connect(redis_each.url, "test"), time.monotonic()
    bridge = Bridge(bus, "planner", named=NameBook(tmp_path / "inventory.yml").named)
    for typed in ("nas01", "10.0.0.5", "elsewhere"):
        await bridge.hear(Heard(b'{"type":"oom","node":"%b"}' % typed.encode(), Hearing(now, now)))
    rows = await bus.call("XRANGE", FOREIGN_STREAM, "-", "+")
    adopted = [json.loads(fields[b"p"]) for _, fields in rows]
    assert [(one["node"], one["id"].partition("/")[0]) for one in adopted] == [
        ("NAS01", "NAS01"),
        ("pi4", "pi4"),
        ("elsewhere", "elsewhere"),
    ]
    await bus.close()


async def test_who_may_not_read_the_inventory_lets_those_come_first_who_may(
    redis_each: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mknod(tmp_path / "closed.yml", stat.S_IFSOCK)  # for root, too, it is there and cannot be read
    (tmp_path / "inventory.yml").write_text("all: {hosts: {NAS01: }}")
    bus = Bus.connect(redis_each.url, "test")
    closed, opened = NameBook(tmp_path / "closed.yml"), NameBook(tmp_path / "inventory.yml")
    planner = Bridge(bus, "planner", named=closed.named, defers=lambda: closed.is_closed)
    observer = Bridge(bus, "observer", named=opened.named, defers=lambda: opened.is_closed)
    now = time.monotonic()
    heard = [Heard(b'{"type":"oom","node":"nas01","service":"s%d"}' % n, Hearing(now, now)) for n in range(2)]
    monkeypatch.setattr("mesh_core.messaging.bridge.DEFER_SECONDS", 600.0)
    deferring = asyncio.create_task(planner.hear(heard[0]))
    await wait_for(lambda: closed.is_closed, 10, "the planner's look into the inventory")
    await observer.hear(heard[0])
    assert not deferring.done()
    deferring.cancel()
    monkeypatch.setattr("mesh_core.messaging.bridge.DEFER_SECONDS", 0.0)
    for one in heard:  # the first is adopted by now, the second nobody else has heard
        await planner.hear(one)
    rows = await bus.call("XRANGE", FOREIGN_STREAM, "-", "+")
    adopted = [json.loads(fields[b"p"]) for _, fields in rows]
    assert [(one["service"], one["node"]) for one in adopted] == [("s0", "NAS01"), ("s1", "nas01")]
    await bus.close()
