"""How many events a second the observer archives, with the index beside it and without. Usage: [--events 4000]

Each event has a decision that comes after it, so every file is written twice, as in life. One process, a real Redis.
"""

from __future__ import annotations

from mesh_core.runtime.log import setup

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from mesh_core.messaging.bus import Bus
from mesh_core.messaging.consumer import Consumer
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import Decision, HealthEvent, Severity, Trust
from mesh_core.models.proposals import ActionUpdate
from mesh_core.testing import AllFolders, RedisServer, wait_for
from observer.archive.events import EventArchive
from observer.index.events import EventFilter, read_events
from observer.index.indexer import Indexer
from observer.pipeline.observer import GROUP, Observer

NODES = 20
BASE_MS = 1_780_000_000_000


async def heap_up(bus: Bus, events: int) -> None:
    """All of it in the streams before the observer starts."""
    for start in range(0, events, 500):
        pipe = bus.redis.pipeline(transaction=False)
        for number in range(start, min(start + 500, events)):
            node, ms = f"node{number % NODES:02d}", BASE_MS + number
            event = HealthEvent(
                id=f"{node}/{ms}-0",
                type="container_died",
                node=node,
                service=f"service{number % 7}",
                severity=Severity.ERROR,
                payload={"reason": "killed by the kernel", "log": "y" * 400},
                incident=f"{node}/x/{number // 10}",
                trust=Trust.NODE,
            )
            decision = Decision(ts=event.timestamp, event_id=event.id or "", verdict="ignored", reason="no")
            pipe.xadd(f"mesh:ev:{node}", {"p": event.wire()}, id=f"{ms}-0")
            pipe.xadd(Decision.stream, {"p": decision.wire()})
        await pipe.execute()


async def measure(runtime: Path, events: int, *, indexed: bool) -> tuple[float, float, float]:
    """(seconds until all is archived, seconds until all is in the index as well, processor seconds for it)."""
    redis = RedisServer(runtime / "redis").start()
    bus = Bus.connect(redis.url, "observer")
    await heap_up(bus, events)
    streams = (Decision.stream, ModelAttempt.stream, ActionUpdate.stream)
    consumer = Consumer(bus, GROUP, "observer-bench", pattern="mesh:ev:*", streams=streams)
    actions = AllFolders(runtime)
    actions.prepare()
    indexer = Indexer(runtime, actions)
    kept = indexer.files_written if indexed else lambda paths, before: None
    observer = Observer(bus, consumer, EventArchive(runtime / "events"), runtime / "world.json", on_kept=kept)
    stop = asyncio.Event()
    began, cpu = time.perf_counter(), time.process_time()
    tasks = [asyncio.create_task(observer.run(stop))]
    if indexed:
        tasks.append(asyncio.create_task(indexer.run(stop)))

    async def archived() -> bool:
        info = await bus.call("XINFO", "GROUPS", Decision.stream)
        fields = info[0] if info else {}
        pairs = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
        value = {k.decode() if isinstance(k, bytes) else k: v for k, v in pairs.items()}
        return bool(value.get("lag") == 0 and value.get("pending") == 0)

    await wait_for(archived, 300, "the archive")
    first = time.perf_counter() - began

    def in_index() -> bool:
        with indexer.store.read() as connection:
            page = read_events(connection, EventFilter(), limit=1)
        return bool(page.items and page.items[0].verdict and page.items[0].id.endswith(f"{BASE_MS + events - 1}-0"))

    if indexed:
        await wait_for(lambda: indexer.complete, 60, "a first index")
        await wait_for(in_index, 60, "the index")
    second, cpu = time.perf_counter() - began, time.process_time() - cpu
    stop.set()
    await asyncio.gather(*tasks)
    await consumer.close()
    await bus.close()
    redis.stop()
    return first, second, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    setup("benchmark", level="error")
    print(f"{given.events} events and as many decisions, best of {given.rounds}")
    print(f"{'':18} {'archived/s':>12} {'searchable/s':>12} {'ms of processor an event':>26}")
    for indexed in (False, True):
        took = []
        for _ in range(given.rounds):
            with tempfile.TemporaryDirectory() as folder:
                took.append(asyncio.run(measure(Path(folder), given.events, indexed=indexed)))
        first, second, cpu = (min(column) for column in zip(*took, strict=True))
        name = "with the index" if indexed else "without"
        print(f"{name:18} {given.events / first:12.0f} {given.events / second:12.0f} {cpu / given.events * 1000:26.2f}")


if __name__ == "__main__":
    main()
