"""The observer under load: 10,000 services on 200 nodes, 500 proposals, an archive; events, viewers, API calls.

    python benchmarks/observer_load.py [--seconds 20] [--days 5] [--index observer.db]

A real observer process on a real Redis. 100 events a second go into the nodes' streams, 50 viewers listen to
/api/v1/stream, and the lists are asked for one after another. --index takes a year's index that archive_index.py
--days 365 --folder made; without it one of --days is made. Everything runs on this machine, the clients too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from archive_index import fill

from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.proposals import ModelRef, Proposal, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.testing import AllFolders, RedisServer, free_port, wait_for
from observer.index.store import Store
from observer.world import HealthState, TargetHealth, World

TOKEN = "whoever-measures-0123456789-abcdefgh"

NODES, SERVICES, PROPOSALS = 200, 50, 500
PATHS = (
    "/world?limit=200",
    "/world?state=sick&limit=50",
    "/proposals?limit=50",
    "/runs?limit=50",
    "/events?limit=50",
    "/events?limit=50&node=node017",
    "/events?limit=50&service=service07&severity=error",
    "/events?limit=50&q=kernel+killed",
    "/history?limit=50",
    "/history?limit=50&service=service07&result=failed",
    "/metrics/models?hours=24",
    "/metrics/healing?days=30",
    "/metrics/models?hours=8784",
    "/metrics/healing?days=366",
)


@dataclass
class Seen:
    """What one viewer got, and how old it was when it came."""

    events: int = 0
    lags: int = 0
    ages: list[float] = field(default_factory=list)


def prepare(runtime: Path, given: argparse.Namespace) -> None:
    """World, proposals and index, as an observer finds them at its start."""
    (runtime / "state").mkdir()
    (runtime / "index").mkdir()
    now = datetime.now(UTC)
    places = {}
    for number in range(NODES):
        node = f"node{number:03d}"
        names = (None, *(f"service{n:02d}" for n in range(SERVICES)))
        for name in names:
            place = TargetHealth(
                node=node, service=name, state=HealthState.HEALTHY, own_state=HealthState.HEALTHY, since=rfc3339(now)
            )
            places[place.target_key] = place
    (runtime / "state" / "world.json").write_bytes(World(places=places).wire())
    actions = AllFolders(runtime)
    actions.folder("pending").mkdir(parents=True)  # type: ignore[arg-type]
    for number in range(PROPOSALS):
        node, service = f"node{number % NODES:03d}", f"service{number % SERVICES:02d}"
        event_id = f"{node}/{int(now.timestamp() * 1000) - number}-0"
        event = HealthEvent(id=event_id, type="container_died", node=node, service=service, severity=Severity.ERROR)
        values = {
            **{"id": proposal_id(event_id, node, service), "type": "container_restart", "action": "restart"},
            **{"risk_level": "low", "node": node, "service": service, "reason": "it died and does not run any more"},
            **{"confidence": 0.7, "created_at": rfc3339(now), "expires_at": rfc3339(now + timedelta(days=1))},
            "event": event.model_copy(update={"payload": {"runtime": "docker", "said": "x" * 900}}),
            "model": ModelRef(name="smol", provider="llamacpp", position=1, latency_ms=800),
        }
        actions.propose_again(Proposal.model_validate(values))
    database = runtime / "index" / "observer.db"
    if given.index:
        shutil.copyfile(given.index, database)
    else:
        store = Store(database)
        fill(store, given.days)
        store.close()


async def view(http: httpx.AsyncClient, url: str, seen: Seen, until: float) -> None:
    async with http.stream("GET", f"{url}/stream") as answer:
        async for chunk in answer.aiter_bytes():
            now = time.time()
            seen.events += chunk.count(b"event: event")
            seen.lags += chunk.count(b"event: lag")
            place = chunk.rfind(b'"sent":')
            if place >= 0:
                seen.ages.append(now - float(chunk[place + 7 : place + 24].split(b"}")[0].split(b",")[0]))
            if now > until:
                return


async def say(redis_url: str, rate: int, seconds: float) -> int:
    """Events at an even rate, troubles and recoveries, as the nodes' agents enter them."""
    bus, chance, last = Bus.connect(redis_url, "load"), random.Random(3), dict[str, int]()
    began, number = time.monotonic(), 0
    while (due := time.monotonic() - began) < seconds:
        while number < due * rate:
            node, service = f"node{chance.randrange(NODES):03d}", f"service{chance.randrange(SERVICES):02d}"
            ms = max(last.get(node, 0) + 1, int(time.time() * 1000))
            last[node] = ms
            sick = number % 2 == 0
            event = HealthEvent(
                id=f"{node}/{ms}-0",
                type="container_died" if sick else "service_recovered",
                node=node,
                service=service,
                severity=Severity.ERROR if sick else Severity.INFO,
                payload={"reason": "killed by the kernel", "log": "y" * 300, "sent": time.time()},
                trust=Trust.NODE,
            )
            await bus.append(node, f"{ms}-0", event.wire())
            number += 1
        await asyncio.sleep(0.01)
    await bus.close()
    return number


async def ask(http: httpx.AsyncClient, url: str, took: dict[str, list[float]], until: float) -> None:
    while time.time() < until:
        for path in PATHS:
            began = time.perf_counter()
            answer = await http.get(url + path)
            took[path].append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:200]}"
            await asyncio.sleep(0.05)


async def measure(process: subprocess.Popen[bytes], url: str, redis: str, given: argparse.Namespace) -> None:
    limits = httpx.Limits(max_connections=None)
    who = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(timeout=30, limits=limits, verify=False, headers=who) as http:
        await load(http, process, url, redis, given)


async def load(
    http: httpx.AsyncClient, process: subprocess.Popen[bytes], url: str, redis: str, given: argparse.Namespace
) -> None:
    async def complete() -> bool:
        try:
            return bool((await http.get(f"{url}/events?limit=1")).json().get("complete"))
        except httpx.HTTPError:
            assert process.poll() is None, "the observer ended"
            return False

    await wait_for(complete, 60, "the observer's whole index")
    print(f"resident at rest {memory(process.pid, 'VmRSS')} MiB")
    until = time.time() + given.seconds + 1
    seen, took = [Seen() for _ in range(given.viewers)], defaultdict[str, list[float]](list)
    cpu = spent(process.pid)
    viewers = [asyncio.create_task(view(http, url, one, until)) for one in seen]
    asker = asyncio.create_task(ask(http, url, took, until))
    said = await say(redis, given.rate, given.seconds)
    await asyncio.sleep(1)
    await say(redis, 5, 1)  # so that every viewer wakes up and sees that it is over
    await asyncio.gather(*viewers, asker)
    used = spent(process.pid) - cpu
    await wait_for(lambda: archived(given.runtime) >= said, 30, "every event under events/")
    kept = archived(given.runtime)
    print(f"resident under load {memory(process.pid, 'VmRSS')} MiB, peak {memory(process.pid, 'VmHWM')} MiB")
    print(f"processor {used / (given.seconds + 2) * 100:.0f} % of a core")
    print(f"{said} events said, {kept} archived; each viewer saw {min(s.events for s in seen)} or more", end="")
    ages = sorted(age for one in seen for age in one.ages)
    print(f", {sum(s.lags for s in seen)} lags, age p50 {at(ages, 0.5):.2f} s, p95 {at(ages, 0.95):.2f} s\n")
    print(f"{'GET /api/v1':52} {'n':>4} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8}")
    for path, times in took.items():
        print(f"{path:52} {len(times):4} {statistics.median(times):8.1f} {at(times, 0.95):8.1f} {max(times):8.1f}")
    every = [one for times in took.values() for one in times]
    print(f"{'all':52} {len(every):4} {statistics.median(every):8.1f} {at(every, 0.95):8.1f} {max(every):8.1f}")


def archived(runtime: Path) -> int:
    files = (path.read_bytes() for path in (runtime / "events").glob("*/[!_]*.jsonl"))
    return sum(raw.count(b'","event":{') for raw in files)


def at(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def memory(pid: int, what: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) // 1024
    return 0


def spent(pid: int) -> float:
    """Seconds of processor time."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=int, default=100, help="events a second")
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--days", type=int, default=5, help="days of events in the index that is made")
    parser.add_argument("--index", type=Path, help="an index to take instead")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs the observer")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        given.runtime = runtime = Path(folder) / "var"
        runtime.mkdir()
        prepare(runtime, given)
        redis, port = RedisServer(Path(folder) / "redis").start(), free_port()
        environ = {
            **os.environ,
            **{"REDIS_URL": redis.url, "RUNTIME_PATH": str(runtime), "NODE_NAME": "here", "LOG_LEVEL": "error"},
            "OBSERVER_TOKENS": f"load:operator:{TOKEN}",
            **{"OBSERVER_LISTEN": f"127.0.0.1:{port}", "NODE_SILENT_SECONDS": "86400", "EVENTS_KEEP_DAYS": "36500"},
        }
        process = subprocess.Popen([given.python, "-m", "observer"], env=environ)
        try:
            asyncio.run(measure(process, f"http://127.0.0.1:{port}/api/v1", redis.url, given))
        finally:
            process.terminate()
            process.wait(20)
            redis.stop()


if __name__ == "__main__":
    main()
