"""How many nodes one Redis carries: its memory and CPU, and how soon a planner decides, with N node agents on it.

    python benchmarks/fleet.py [--nodes 10,100,500] [--rest 10] [--troubles 40]

The agents' client of Redis is the real one (node_agent.delivery.redis_client), one connection each, a sign of life
every 30 s; planner and observer are real processes without a model. Each size has a server of its own and takes half a
minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import redis

sys.path = [folder for folder in sys.path if folder != str(Path(__file__).parent)]  # one is called node_agent

from mesh_core.testing import RedisServer, wait_for  # noqa: E402
from node_agent.delivery.redis_client import RedisClient  # noqa: E402

BEAT_SECONDS = 30.0
STORM_PER_NODE = 20
STORM_AT_MOST = 4000
PATIENCE_SECONDS = 60.0
PAYLOAD = {"runtime": "docker", "image": "nginx:1.27", "exit_code": 137, "logs": ["line of a log " * 3] * 3}
EVENTS_A_DAY = 50  # of one node: 10,000 a day over 200 nodes


@dataclass
class Size:
    """The figures of one size of fleet."""

    nodes: int
    kib_per_node: float = 0
    bytes_per_event: float = 0
    bytes_per_trouble: float = 0
    resting: dict[str, float] = field(default_factory=dict)  # percent of a core
    rss: dict[str, float] = field(default_factory=dict)  # MiB
    latencies: list[float] = field(default_factory=list)  # ms
    storm_rate: float = 0

    @property
    def mib_per_node(self) -> float:
        """Events are kept for an hour, what became of them for a week; one in ten is trouble."""
        kept = EVENTS_A_DAY * (self.bytes_per_event / 24 + 0.1 * 7 * self.bytes_per_trouble)
        return self.kib_per_node / 1024 + kept / 1024**2


class Agent:
    """One node as Redis sees it."""

    def __init__(self, number: int, url: str):
        self.node = f"node{number:04}"
        self.client = RedisClient(url, f"node-agent-{self.node}")
        self.ms = 0

    async def tell(self, kind: str, service: str) -> None:
        self.ms = max(self.ms + 1, time.time_ns() // 1_000_000)
        await self.client.append(self.node, f"{self.ms}-0", told(self.node, self.ms, kind, service))

    async def live(self, rng: random.Random) -> None:
        await asyncio.sleep(rng.random() * BEAT_SECONDS)
        while True:
            await self.client.mark_alive(self.node)
            await asyncio.sleep(BEAT_SECONDS)


def told(node: str, ms: int, kind: str, service: str) -> bytes:
    event = {"id": f"{node}/{ms}-0", "type": kind, "node": node, "service": service}
    return json.dumps({**event, "severity": "error", "payload": PAYLOAD}).encode()


class Clock:
    """CPU of processes since the last look."""

    def __init__(self, pids: dict[str, int]):
        self._pids = pids
        self._since, self._ticks = time.monotonic(), self._now()

    def percent(self) -> dict[str, float]:
        seconds, now = time.monotonic() - self._since, self._now()
        hertz = os.sysconf("SC_CLK_TCK")
        return {name: 100 * (now[name] - self._ticks[name]) / hertz / seconds for name in self._pids}

    def _now(self) -> dict[str, int]:
        found = {}
        for name, pid in self._pids.items():
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[name] = int(words[11]) + int(words[12])
        return found


def rss_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")) / 1024


def memory(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


def weight_of_an_event(client: redis.Redis, count: int = 1000) -> float:
    """Of many in one stream: the first few lie in a block that a new stream has anyway."""
    for number in range(count):
        client.xadd("bench:weight", {"p": told("node0001", number + 1, "container_died", "svc1")})
    weight = client.memory_usage("bench:weight", samples=0) or 0
    client.delete("bench:weight")
    return weight / count


def behind(client: redis.Redis) -> int:
    left = 0
    for key in client.scan_iter(match="mesh:ev:*", count=1000, _type="stream"):
        groups = client.xinfo_groups(key)
        left += 1 if len(groups) < 2 else sum(int(group["pending"]) + int(group["lag"] or 0) for group in groups)
    return left


def start(module: str, runtime: Path, url: str) -> subprocess.Popen[bytes]:
    own = {"REDIS_URL": url, "RUNTIME_PATH": str(runtime), "NODE_NAME": "bench", "LLM_CHAIN": "floor"}
    environment = {**os.environ, **own, "OBSERVER_LISTEN": "off", "LOG_LEVEL": "error", "METRICS_LISTEN": "off"}
    command = [sys.executable, "-m", module]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def measure(nodes: int, rest_seconds: float, troubles: int, folder: Path) -> Size:
    size, rng = Size(nodes), random.Random(1)
    runtime = folder / "var"
    server = RedisServer(folder / "redis", extra=("--maxclients", str(nodes + 100))).start()
    services: dict[str, subprocess.Popen[bytes]] = {}
    beats: list[asyncio.Task[None]] = []
    agents = [Agent(number, server.url) for number in range(nodes)]
    try:
        with redis.Redis(port=server.port) as client:
            size.bytes_per_event = weight_of_an_event(client)
            empty = memory(client)
            for agent in agents:
                await agent.tell("service_healthy", "first")
                await agent.client.mark_alive(agent.node)
            services = {name: start(name, runtime, server.url) for name in ("planner_agent", "observer")}
            await settled(client)
            size.kib_per_node = (memory(client) - empty) / nodes / 1024
            beats = [asyncio.create_task(agent.live(rng)) for agent in agents]
            assert server.process is not None
            pids = {"redis": server.process.pid, **{name: child.pid for name, child in services.items()}}
            clock = Clock(pids)
            await asyncio.sleep(rest_seconds)
            size.resting = clock.percent()
            before = memory(client)
            size.latencies = await trouble(agents, troubles, runtime / "actions" / "pending", rng)
            await settled(client)
            size.bytes_per_trouble = (memory(client) - before) / troubles
            await storm(size, agents, client)
            size.rss = {name: rss_mib(pid) for name, pid in pids.items()}
    finally:
        for task in beats:
            task.cancel()
        await asyncio.gather(*beats, return_exceptions=True)
        for agent in agents:
            await agent.client.close()
        for child in services.values():
            child.terminate()
        for child in services.values():
            child.wait(20)
        server.stop()
    return size


async def settled(client: redis.Redis) -> None:
    await wait_for(lambda: behind(client) == 0, PATIENCE_SECONDS, "planner and observer to have read all")


async def trouble(agents: list[Agent], count: int, pending: Path, rng: random.Random) -> list[float]:
    """Milliseconds from just before the agent writes to the proposal's file, one after another."""
    took = []
    for number in range(count):
        agent = rng.choice(agents)
        known = files(pending)
        begun = time.perf_counter()
        await agent.tell("container_died", f"svc{number}")
        deadline = begun + PATIENCE_SECONDS
        while not files(pending) - known:
            if time.perf_counter() > deadline:
                raise TimeoutError(f"no proposal for {agent.node}/svc{number}")
            await asyncio.sleep(0.001)
        took.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(0.1)
    return took


def files(pending: Path) -> set[str]:
    return {path.name for path in pending.glob("*.json")}


async def storm(size: Size, agents: list[Agent], client: redis.Redis) -> None:
    """Every node speaks at once; how fast planner and observer have dealt with all of it."""
    each = max(1, min(STORM_PER_NODE, STORM_AT_MOST // len(agents)))
    begun = time.perf_counter()

    async def speak(agent: Agent) -> None:
        for _ in range(each):
            await agent.tell("service_healthy", "web")

    await asyncio.gather(*(speak(agent) for agent in agents))
    await settled(client)
    events = each * len(agents)
    size.storm_rate = events / (time.perf_counter() - begun)


def table(sizes: list[Size]) -> str:
    def p(size: Size, hundredth: int) -> float:
        return statistics.quantiles(size.latencies, n=100)[hundredth - 1]

    rows = [
        ("Redis: memory per node that says nothing, KiB", [f"{s.kib_per_node:.1f}" for s in sizes]),
        ("Redis: per event, kept for an hour, bytes", [f"{s.bytes_per_event:.0f}" for s in sizes]),
        (
            "Redis: per proposal with all its records, kept for a week, bytes",
            [f"{s.bytes_per_trouble:.0f}" for s in sizes],
        ),
        (
            f"Redis: per node at {EVENTS_A_DAY} events a day, a tenth of them trouble, MiB",
            [f"{s.mib_per_node:.2f}" for s in sizes],
        ),
        ("at rest: Redis, percent of a core", [f"{s.resting['redis']:.1f}" for s in sizes]),
        ("at rest: planner, percent of a core", [f"{s.resting['planner_agent']:.1f}" for s in sizes]),
        ("at rest: observer, percent of a core", [f"{s.resting['observer']:.1f}" for s in sizes]),
        ("event -> file in pending/, p50, ms", [f"{p(s, 50):.0f}" for s in sizes]),
        ("event -> file in pending/, p95, ms", [f"{p(s, 95):.0f}" for s in sizes]),
        (
            "all speak at once: events/s until planner and observer have read all",
            [f"{s.storm_rate:.0f}" for s in sizes],
        ),
        (
            "resident afterwards: Redis / planner / observer, MiB",
            ["/".join(f"{m:.0f}" for m in s.rss.values()) for s in sizes],
        ),
    ]
    head = f"| {'nodes':70} |" + "".join(f" {s.nodes:>12} |" for s in sizes)
    lines = [head, f"|{'-' * 72}|" + "".join(f"{'-' * 13}:|" for _ in sizes)]
    return "\n".join([*lines, *(f"| {name:70} |" + "".join(f" {v:>12} |" for v in values) for name, values in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nodes", default="10,100,500")
    parser.add_argument("--rest", type=float, default=10.0, help="seconds of rest that are measured")
    parser.add_argument("--troubles", type=int, default=40, help="proposals that are timed")
    asked = parser.parse_args()
    if asked.troubles < 2:
        parser.error("--troubles: at least 2, for a p95")
    sizes = []
    for nodes in map(int, asked.nodes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            sizes.append(asyncio.run(measure(nodes, asked.rest, asked.troubles, Path(folder))))
    print(table(sizes))


if __name__ == "__main__":
    main()
