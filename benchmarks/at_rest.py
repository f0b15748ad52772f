"""What a whole mesh costs while nothing happens: `mend up` in a folder of its own, each of its processes.

    python benchmarks/at_rest.py [--seconds 90] [--model] [--python OTHER/.venv/bin/python]

CPU (ms a minute, to the nanosecond, from /proc/<pid>/task/*/schedstat), wake-ups a minute, memory of its own, and what
its Redis was asked. A busy machine adds to the CPU (by a third at a load of 16): compare within one hour, with another
checkout by `--python`.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import redis

from mesh_core.testing import free_port

UP_SECONDS = 90.0
WARM_SECONDS = 30.0
NAMES = (
    *("waiting_supervisord", "supervisor.supervisord", "model_server", "node_agent", "observer", "planner_agent"),
    *("ansible_pool", "executor_agent", "mend", "valkey", "redis"),
)


@dataclass(frozen=True)
class Figures:
    """Of one process, so far."""

    cpu_ns: int
    wakings: int


def figures_of(process: psutil.Process) -> Figures:
    cpu, wakings = 0, 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        cpu += int((task / "schedstat").read_text().split()[0])
        words = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        wakings += int(words["voluntary_ctxt_switches"])
    return Figures(cpu, wakings)


def memory_of(process: psutil.Process) -> float:
    """MiB that are its own: what it shares depends on who else runs the same files."""
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_")) / 1024


def name_of(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    return next((name for name in NAMES if name in command), command[:20])


def calls(client: redis.Redis) -> Mapping[str, int]:
    return {name.removeprefix("cmdstat_"): row["calls"] for name, row in client.info("commandstats").items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--model", action="store_true", help="with the bundled model's server")
    parser.add_argument("--python", default=sys.executable)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="at-rest-") as folder:
        runtime = Path(folder)
        environment = {
            **{name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "LLAMACPP_URL")},
            "RUNTIME_PATH": folder,
            "NODE_NAME": "here",
            "METRICS_LISTEN": "off",
            "OBSERVER_LISTEN": f"127.0.0.1:{free_port()}",
            **({} if asked.model else {"LLM_CHAIN": "floor"}),
        }
        said = runtime / "up.log"
        with said.open("wb") as output:
            up = psutil.Popen(
                [asked.python, "-m", "mend", "up"], env=environment, cwd=folder, stdout=output, stderr=output
            )
            try:
                measure(up, runtime, said, asked.seconds)
            finally:
                up.send_signal(signal.SIGINT)
                up.wait(60)


def measure(up: psutil.Popen, runtime: Path, said: Path, seconds: float) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while b"The mesh is up" not in said.read_bytes():
        if up.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(said.read_text())
        time.sleep(0.2)
    time.sleep(WARM_SECONDS)  # starting is not resting
    every = (up, *up.children(recursive=True))
    family = {process: name_of(process) for process in every if process.status() != psutil.STATUS_ZOMBIE}
    password = (runtime / "run" / "redis-password").read_text()
    client = redis.Redis(unix_socket_path=str(runtime / "run" / "redis.sock"), password=password)
    asked, before = calls(client), {process.pid: figures_of(process) for process in family}
    began = time.monotonic()
    time.sleep(seconds)
    minutes = (time.monotonic() - began) / 60
    rows = []
    for process, name in family.items():
        after, first = figures_of(process), before[process.pid]
        cpu_ms, wakings = (after.cpu_ns - first.cpu_ns) / 1e6 / minutes, (after.wakings - first.wakings) / minutes
        rows.append((name, cpu_ms, wakings, memory_of(process)))
    rows.append(("together", *(sum(row[i] for row in rows) for i in (1, 2, 3))))
    print(f"| at rest, {seconds:g} s | CPU, ms a minute | wake-ups a minute | MiB of its own |\n|---|---|---|---|")
    for name, cpu_ms, wakings, mib in rows:
        print(f"| {name} | {cpu_ms:.1f} | {wakings:.0f} | {mib:.1f} |")
    now = calls(client)
    often = {name: (count - asked.get(name, 0)) / minutes for name, count in now.items() if count > asked.get(name, 0)}
    print("Redis, calls a minute: " + ", ".join(f"{name} {rate:.0f}" for name, rate in sorted(often.items())))
    client.close()


if __name__ == "__main__":
    try:
        main()
    except subprocess.TimeoutExpired:
        raise SystemExit("it did not stop") from None
