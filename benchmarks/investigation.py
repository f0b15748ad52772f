"""What an agent's look into trouble costs: milliseconds that an event waits, and memory that stays, by kind of trouble.

Of this very host, and of the containers of the engine at DOCKER_HOST where one answers. In-run baseline: an event into
which nobody looks. Each kind in a process of its own. Goals: 300 ms at the median, 2 s at worst, 3 MiB.
Usage: investigation.py [--times 20]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mesh_core.runtime.process_memory import give_back
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.containers.engine import Engine
from node_agent.containers.image_history import ImageHistory
from node_agent.investigation import investigator
from node_agent.investigation.options import InvestigationOptions
from node_agent.investigation.table import rooms

DOCKER_HOST = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
# type -> (service, what the probe says)
TROUBLES: Mapping[str, tuple[str | None, dict[str, Any]]] = {
    "deployment_started": (None, {}),  # nobody looks
    "disk_space_low": (None, {"mount": "/", "used_percent": 97.0}),
    "memory_low": (None, {"used_percent": 97.0}),
    "load_high": (None, {"load_per_core": 7.0}),
    "unit_failed": ("ssh.service", {"runtime": "systemd", "unit": "ssh.service"}),
    "http_probe_failed": ("web", {"url": "http://127.0.0.1:9/", "error": "Connection refused"}),
    "container_unhealthy": ("", {"runtime": "docker"}),
}
BETWEEN_SECONDS = 3.0  # looking earns its time again: a look every few seconds is never left out


async def container_here() -> str:
    """The name of any container; '' where no engine answers."""
    try:
        rows = await Engine(DOCKER_HOST).containers()
    except OSError:
        return ""
    return next((str(name).lstrip("/") for row in rows for name in row.get("Names") or []), "")


def resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


async def measure(type_: str, times: int) -> dict[str, Any]:
    service, facts = TROUBLES[type_]
    if service == "":
        service = await container_here()
        facts = {**facts, "container": service}
    investigator.sees_host_files = lambda mounts: True  # also where the benchmark itself runs in a container
    look = investigator.Investigator(InvestigationOptions(), rooms(DOCKER_HOST, ImageHistory())).look
    asked = CheckResult(type_, service, Condition.UNHEALTHY, ConfirmationRule(), type_, facts=facts)
    give_back()
    before, taken, found = resident_kib(), list[float](), dict[str, Any]()
    for _ in range(times):
        started = time.perf_counter()
        found = (await look(asked)).get("investigation", {}) or found
        taken.append(1000 * (time.perf_counter() - started))
        await asyncio.sleep(min(BETWEEN_SECONDS, 25 * taken[-1] / 1000))
    told = sorted(found.keys() - {"took_ms"})
    return {
        "p50": statistics.median(taken),
        "worst": max(taken),
        "mib": (resident_kib() - before) / 1024,
        "rooms": told,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--one", choices=TROUBLES, help="this kind alone, as JSON")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(asyncio.run(measure(given.one, given.times))))
        return
    print("| event | p50 | worst | stays | rooms that found something |\n|---|---|---|---|---|")
    for type_ in TROUBLES:
        command = [sys.executable, __file__, "--one", type_, "--times", str(given.times)]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rooms_told = ", ".join(told["rooms"]) or "-"
        print(f"| {type_} | {told['p50']:.1f} ms | {told['worst']:.1f} ms | {told['mib']:.1f} MiB | {rooms_told} |")


if __name__ == "__main__":
    main()
