"""How many events one planner reads, validates strictly, filters and acknowledges per second; and how soon it decides.

In-run baseline: the same stream read and acknowledged in batches without looking at the bytes. Prints one table.
Usage: planner_throughput.py [--events 120000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import redis

from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.consumer import Consumer
from mesh_core.models.streams import FOREIGN_STREAM, MESH_STREAM
from mesh_core.policy.policy import Policy
from mesh_core.silences.folder import SilenceFolder
from mesh_core.testing import AllFolders, RedisServer
from planner_agent.diagnosis.diagnosis import Diagnostician
from planner_agent.intake.keyed_queue import KeyedQueue
from planner_agent.intake.silence_filter import SilenceFilter
from planner_agent.planner import READ_BATCH, Planner
from planner_agent.proposal_writer import ProposalWriter
from planner_agent.store.planner_store import GROUP, PlannerStore

NODES = 4
BENIGN_SHARE = 0.9


def fill(client: redis.Redis, events: int) -> None:
    """Events as node agents write them: nine in ten benign, the rest trouble of services whose gate is closed."""
    payload = {"runtime": "docker", "image": "nginx:1.27", "exit_code": 137, "logs": ["line of a log " * 3] * 3}
    pipe = client.pipeline(transaction=False)
    for number in range(events):
        node = f"node{number % NODES}"
        sick = number % 10 >= BENIGN_SHARE * 10
        event = {
            "id": f"{node}/{number + 1}-0",
            "type": "container_died" if sick else "service_healthy",
            "node": node,
            "service": f"svc{number % 50}",
            "severity": "error" if sick else "info",
            "payload": payload,
            "timestamp": "2026-11-21T04:00:00Z",
        }
        pipe.execute_command("XADD", f"mesh:ev:{node}", f"{number + 1}-0", "p", json.dumps(event))
        if number % 1000 == 999:
            pipe.execute()
    pipe.execute()


def planner_on(url: str, folder: Path) -> tuple[Planner, Bus, Consumer]:
    """A whole planner without models, as `python -m planner_agent` wires it."""
    actions = AllFolders(folder)
    actions.prepare()
    bus = Bus.connect(url, "bench")
    consumer = Consumer(bus, GROUP, "bench-1", pattern="mesh:ev:*", streams=(FOREIGN_STREAM, MESH_STREAM))
    store = PlannerStore(bus, cooldown_ms=3_600_000, keep_seconds=3600)
    policy = Policy.load(None)
    diagnostician = Diagnostician(bus, store, lambda: policy, (), Breakers())
    silences = SilenceFilter(SilenceFolder(folder), store)
    writer = ProposalWriter(bus, store, actions, diagnostician, silences, ttl_seconds=3600, hold_seconds=1800)
    return Planner(bus, consumer, store, actions, writer, KeyedQueue(8), silences), bus, consumer


async def planner_rate(url: str, events: int, folder: Path) -> tuple[float, float]:
    """(events/s by the wall clock, events per second of the planner's own CPU time)."""
    planner, bus, consumer = planner_on(url, folder)
    seen, wall, cpu = 0, time.perf_counter(), time.process_time()
    while seen < events:
        seen += await planner.round()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    await planner.stop_queue()
    await consumer.close()
    await bus.close()
    return events / wall, events / cpu


async def bare_rate(url: str, events: int) -> float:
    """Read in the same batches and acknowledge; nothing is parsed."""
    bus = Bus.connect(url, "bare")
    consumer = Consumer(bus, "bare", "bare-1", pattern="mesh:ev:*")
    seen, wall = 0, time.perf_counter()
    while seen < events:
        entries = await consumer.read(count=READ_BATCH)
        await consumer.acknowledge(entries)
        seen += len(entries)
    wall = time.perf_counter() - wall
    await consumer.close()
    await bus.close()
    return events / wall


async def decision_latencies(url: str, folder: Path, count: int) -> list[float]:
    """Milliseconds from just before XADD to the decision in mesh:decisions, for gated trouble, one at a time."""
    planner, bus, consumer = planner_on(url, folder)
    await bus.call("XADD", "mesh:ev:lat", "1-0", "p", _event(1))
    stop = asyncio.Event()
    running = asyncio.create_task(planner.run(stop))
    await asyncio.sleep(1.5)
    reader = Bus.connect(url, "latency").redis
    took = []
    for number in range(2, count + 2):
        before = await bus.last_id("mesh:decisions")
        start = time.perf_counter()
        waiting = asyncio.create_task(reader.xread({"mesh:decisions": before}, block=2000))
        await bus.call("XADD", "mesh:ev:lat", f"{number}-0", "p", _event(number))
        await waiting
        took.append((time.perf_counter() - start) * 1000)
        await asyncio.sleep(0.005)
    stop.set()
    await running
    await reader.aclose()
    await consumer.close()
    await bus.close()
    return took


def _event(number: int) -> bytes:
    return json.dumps(
        {"id": f"lat/{number}-0", "type": "container_died", "node": "lat", "service": "x", "payload": {"exit_code": 1}}
    ).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=120_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rates, cpu_rates, bare = [], [], []
    latencies: list[float] = []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            server = RedisServer(Path(folder) / "redis").start()
            try:
                with redis.Redis(port=server.port) as client:
                    fill(client, arguments.events)
                bare.append(asyncio.run(bare_rate(server.url, arguments.events)))
                wall, cpu = asyncio.run(planner_rate(server.url, arguments.events, Path(folder)))
                rates.append(wall)
                cpu_rates.append(cpu)
                latencies += asyncio.run(decision_latencies(server.url, Path(folder) / "latency", 200))
            finally:
                server.stop()
    quantiles = statistics.quantiles(latencies, n=100)
    print(f"| {'figure':52} | {'median':>10} |\n|{'-' * 54}|{'-' * 12}|")
    for name, value in (
        ("planner: events/s, wall", statistics.median(rates)),
        ("planner: events/s of its own CPU time", statistics.median(cpu_rates)),
        ("read + acknowledge only: events/s, wall", statistics.median(bare)),
        ("ratio planner / read + acknowledge only", statistics.median(rates) / statistics.median(bare)),
        ("event -> decision p50, ms", quantiles[49]),
        ("event -> decision p95, ms", quantiles[94]),
    ):
        print(f"| {name:52} | {value:10,.2f} |")


if __name__ == "__main__":
    main()
