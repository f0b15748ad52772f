"""Syntax check + apply + verify: the executor's way against the plain ansible-playbook command line doing the same.

usage: python benchmarks/ansible_cycle.py [--rounds 5]        (the container rows need a Docker engine)
All contenders take turns in one run on one machine; compare the ratios, not the seconds. CPU is everything that was
spent: this process, the warm process and all that either started. Verify here is the convergent play in check mode
(what `verify.py` adds is waiting on purpose).
"""

from __future__ import annotations

import argparse
import os
import resource
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from executor_agent.ansible_pool.environment import run_environment
from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.ansible import StageContext, run_stage, write_project
from executor_agent.runner.stages import APPLY, CONVERGED, SYNTAX
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.register import playbook_for
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import ModelRef, Proposal, Risk, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.policy.inventory import Inventory

NODE = "bench"
INVENTORY = Inventory.parse(b"all: {hosts: {bench: {ansible_connection: local}}}\n")
STAGES = (SYNTAX, APPLY, CONVERGED)
PING = "- hosts: bench\n  gather_facts: false\n  tasks:\n    - ansible.builtin.ping:\n"
GOAL_WALL, GOAL_CPU = 0.45, 0.15


@dataclass
class Contender:
    name: str
    cycle: Callable[[], None]
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    folder = Path(tempfile.mkdtemp(prefix="mend-bench-"))
    pool = AnsiblePool.start(os.environ)
    container = start_container()
    try:
        if not pool.wait_ready():
            print("the warm process did not become ready", file=sys.stderr)
            return 1
        workloads = {"ping (Ansible alone)": PlaybookSet(PING, PING, PING)}
        if container:
            workloads["restart of a real container"] = playbook_for(restart_of(container))
        print(f"{'syntax + apply + verify':34} {'wall s':>8} {'cpu s':>8} {'wall':>6} {'cpu':>6}   of plain")
        for title, plays in workloads.items():
            measure(title, contenders(plays, folder / title.split()[0], pool), rounds, pool)
        print(f"goals: wall <= {GOAL_WALL}, cpu <= {GOAL_CPU}; median of {rounds} rounds, taking turns")
        if not container:
            print("no Docker engine answered: the container rows are missing")
    finally:
        pool.stop()
        shutil.rmtree(folder, ignore_errors=True)
        if container:
            subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=False)
    return 0


def contenders(plays: PlaybookSet, run_dir: Path, pool: AnsiblePool) -> list[Contender]:
    run_dir.mkdir(parents=True)
    write_project(run_dir, plays, INVENTORY)
    ours = run_environment(os.environ, pool.home)
    plain = {name: value for name, value in ours.items() if not name.startswith("ANSIBLE_")}
    plain |= {name: ours[name] for name in ("ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_HOME")}
    no_callback = {k: v for k, v in ours.items() if k not in ("ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_CALLBACK_PLUGINS")}

    def command_line(environment: dict[str, str]) -> Callable[[], None]:
        def cycle() -> None:
            for stage in STAGES:
                sources = [f"-i{run_dir / 'inventory' / name}" for name in ("00_defaults.yml", "inventory.yml")]
                command = ["ansible-playbook", *sources, *stage.options, stage.playbook]
                subprocess.run(command, env=environment, cwd=run_dir / "project", capture_output=True, check=True)

        return cycle

    def executor() -> None:
        context = StageContext(pool, "bench", NODE, run_dir)
        for stage in STAGES:
            done = run_stage(stage, context, lambda line: None)
            assert done.ok, done

    return [
        Contender("plain ansible-playbook", command_line(plain)),
        Contender("plain, with our settings", command_line(no_callback)),
        Contender("executor (runner + warm process)", executor),
    ]


def measure(title: str, all_of_them: list[Contender], rounds: int, pool: AnsiblePool) -> None:
    for number in range(rounds + 1):
        for contender in all_of_them:
            cpu, begun = cpu_seconds(pool), time.perf_counter()
            contender.cycle()
            if number:  # the first round only fills the caches of the machine
                contender.wall.append(time.perf_counter() - begun)
                contender.cpu.append(cpu_seconds(pool) - cpu)
    print(title)
    base = all_of_them[0]
    for contender in all_of_them:
        wall, cpu = statistics.median(contender.wall), statistics.median(contender.cpu)
        ratios = wall / statistics.median(base.wall), cpu / statistics.median(base.cpu)
        print(f"  {contender.name:32} {wall:8.2f} {cpu:8.2f} {ratios[0]:6.2f} {ratios[1]:6.2f}")


def cpu_seconds(pool: AnsiblePool) -> float:
    """Of this process, the warm one, and everything that either of them waited for."""
    spent = sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
    fields = Path(f"/proc/{pool.pid}/stat").read_text().rpartition(") ")[2].split()
    return spent + sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def start_container() -> str | None:
    """A small container to restart, if an engine answers and has an image."""
    name = f"mend-bench-{secrets.token_hex(3)}"
    if not shutil.which("docker"):
        return None
    command = ["docker", "run", "-d", "--init", "--name", name, "debian:bookworm-slim", "sleep", "3600"]
    return name if subprocess.run(command, capture_output=True, check=False).returncode == 0 else None


def restart_of(container: str) -> Proposal:
    now = datetime.now(UTC)
    event = HealthEvent(id=f"{NODE}/1-0", type="container_died", node=NODE, service=container)
    return Proposal(
        id=proposal_id(f"{NODE}/1-0", NODE, container),
        type="container_restart",
        action="restart",
        risk_level=Risk.LOW,
        node=NODE,
        service=container,
        reason="a benchmark restarts it",
        confidence=1,
        created_at=rfc3339(now),
        expires_at=rfc3339(now + timedelta(days=1)),
        event=event,
        model=ModelRef(name="bench", provider="bench", position=1, latency_ms=0),
    )


if __name__ == "__main__":
    raise SystemExit(main())
