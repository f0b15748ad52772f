"""The node agent at rest: memory and CPU, against a bare `python + psutil + redis` process that does as little.

    python benchmarks/agent.py [--seconds 120]

Both run against a Redis of their own and, where one answers, the Docker engine at DOCKER_HOST. CPU is measured over the
second part of the time only: starting is not resting. Goals: at most 40 MiB, at most 0.1 % of a core.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mesh_core.testing import RedisServer

GOAL_MIB = 40.0
GOAL_PERCENT = 0.1
BARE = """
import os, time, psutil, redis
client = redis.Redis.from_url(os.environ["REDIS_URL"])
while True:
    psutil.disk_usage("/"); psutil.virtual_memory(); psutil.getloadavg(); client.ping()
    time.sleep(60)
"""
WARM_SECONDS = 10.0


class Resting:
    """A process whose memory and CPU are read from /proc."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str]):
        self.name = name
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        self._ticks = 0
        self._since = 0.0

    def start_clock(self) -> None:
        self._ticks, self._since = self._cpu_ticks(), time.monotonic()

    def measure(self) -> tuple[float, float, float]:
        """(RSS in MiB, of which its own, percent of a core since `start_clock`)."""
        seconds = (self._cpu_ticks() - self._ticks) / os.sysconf("SC_CLK_TCK")
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        kib = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines() if " kB" in line}
        return kib["VmRSS"] / 1024, kib["RssAnon"] / 1024, 100 * seconds / (time.monotonic() - self._since)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(15)

    def _cpu_ticks(self) -> int:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to watch them rest")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mendmesh-bench-") as folder:
        server = RedisServer(Path(folder) / "redis").start()
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if name in ("PATH", "HOME", "DOCKER_HOST", "VIRTUAL_ENV")
            },
            "REDIS_URL": server.url,
            "RUNTIME_PATH": folder,
            "NODE_NAME": "bench",
        }
        resting = [
            Resting("python + psutil + redis", [sys.executable, "-c", BARE], environment),
            Resting("node agent", [sys.executable, "-m", "node_agent"], environment),
        ]
        try:
            time.sleep(WARM_SECONDS)
            for one in resting:
                one.start_clock()
            time.sleep(asked.seconds)
            rows = {one.name: one.measure() for one in resting}
        finally:
            for one in resting:
                one.stop()
            server.stop()
    bare, agent = rows["python + psutil + redis"], rows["node agent"]
    ok = agent[0] <= GOAL_MIB and agent[2] <= GOAL_PERCENT
    ratio = round(agent[0] / bare[0], 2)
    if asked.json:
        print(json.dumps({"rss_mib": agent[0], "rss_ratio": ratio, "cpu_percent": agent[2], "ok": ok}))
        return 0 if ok else 1
    print(f"node agent at rest for {asked.seconds:g} s (goals: {GOAL_MIB:g} MiB, {GOAL_PERCENT:g} % of a core)")
    print(f"{'':28}{'RSS MiB':>10}{'own MiB':>10}{'CPU %':>10}")
    for name, (rss, own, percent) in rows.items():
        print(f"{name:28}{rss:10.1f}{own:10.1f}{percent:10.3f}")
    print(f"{'ratio':28}{ratio:10.2f}{agent[1] / bare[1]:10.2f}")
    print("goal met" if ok else "goal NOT met")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
