"""What is started: Redis, two planners, observer, executor and a real node agent, with all that they read at the start.

Everything lies below one root: var/ is their RUNTIME_PATH, which may be a small disk of its own.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from system.chaos.feed import NODES
from system.chaos.outside import Outside
from system.chaos.people import PERSON, TOKEN
from system.chaos.processes import Process, Server, free_port, redis_argv

AGENT = "agent01"
PAGES = [f"web{n}" for n in range(4)]
COOLDOWN_SECONDS = 86_400  # longer than any run: one proposal for each pair, unless it recovers
MUTATED = Path(__file__).with_name("mutated.py")
CLOCKED = ("planner2", "agent")  # not the observer: its folder watch takes a core under a preloaded clock
FAKETIME = [Path(f"/usr/lib/{arch}-linux-gnu/faketime/libfaketimeMT.so.1") for arch in ("x86_64", "aarch64")]


@dataclass
class World:
    """Everything that lives. `clocks`: can clocks be set here; `disk`: is var/ a disk of its own."""

    root: Path
    url: str
    page: str
    outside: Outside
    server: Server
    services: dict[str, Process] = field(default_factory=dict)
    clocks: bool = False
    disk: bool = False

    @property
    def var(self) -> Path:
        return self.root / "var"

    @property
    def everyone(self) -> list[Process]:
        return [self.server, *self.services.values()]

    def start(self) -> None:
        for process in self.everyone:
            process.start()

    def ensure(self) -> None:
        for process in self.everyone:
            process.ensure()
        self.server.look()

    def stop_services(self) -> None:
        for process in self.services.values():
            process.ask_to_stop()
        for process in self.services.values():
            process.wait_for_end()

    def close(self) -> None:
        self.server.go_on()
        if self.server.child and self.server.alive:
            self.server.child.terminate()
            self.server.child.wait()
        self.outside.close()


def build(
    root: Path,
    *,
    redis: str,
    fsync: str,
    tail: float,
    disk_mb: int,
    mutant: str = "",
    polite: bool = False,
    without: frozenset[str] = frozenset(),
    forked: bool = False,
) -> World:
    """Nothing is started yet. `disk_mb`: a disk of that size below var/ where this is allowed; 0: none.
    `without`: services that are left out; `forked`: those whose clock stays right are forks."""
    root.mkdir(parents=True, exist_ok=True)
    outside = Outside()
    outside.polite = polite
    port = free_port()
    world = World(
        root,
        f"redis://127.0.0.1:{port}/0",
        f"http://127.0.0.1:{free_port()}",
        outside,
        Server(redis_argv(redis, port, root / "redis", fsync), root / "redis", tail),
    )
    world.var.mkdir(exist_ok=True)
    world.disk = disk_mb > 0 and _own_disk(world.var, disk_mb)
    _write_config(world)
    preload = next((path for path in FAKETIME if path.exists()), None)
    world.clocks = preload is not None and not mutant
    for name, module in (
        ("planner1", "planner_agent"),
        ("planner2", "planner_agent"),
        ("observer", "observer"),
        ("executor", "executor_agent"),
        ("agent", "node_agent"),
    ):
        if name in without:
            continue
        clock = root / f"clock-{name}" if preload and world.clocks and name in CLOCKED else None
        argv = [sys.executable, str(MUTATED), mutant, module] if mutant else [sys.executable, "-m", module]
        environment, log = _environment(world, name, preload, clock), root / f"{name}.log"
        fork = module if forked and name not in CLOCKED else ""
        process = Process(name, argv, environment, log, clock, forked=fork)
        process.jump(0)
        world.services[name] = process
    return world


def _environment(world: World, name: str, preload: Path | None, clock: Path | None) -> dict[str, str]:
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
    faked = {}
    if clock:
        faked = {
            "LD_PRELOAD": str(preload),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
    return {
        **keep,
        **faked,
        "REDIS_URL": world.url,
        "RUNTIME_PATH": str(world.var),
        "NODE_NAME": AGENT if name == "agent" else "chaos",
        "LLM_CHAIN": "llamacpp,floor",
        "LLAMACPP_URL": f"http://127.0.0.1:{world.outside.port}",
        "LLM_LOCAL_TIMEOUT_SECONDS": "0.7",
        "COOLDOWN_SECONDS": str(COOLDOWN_SECONDS),
        "STORM_SUBJECTS": "0",  # the judge wants one proposal for each pair
        "NOTIFY_URLS": f"json://127.0.0.1:{world.outside.port}/notify" if name == "executor" else "",
        "OBSERVER_LISTEN": world.page.removeprefix("http://"),
        "OBSERVER_TOKENS": f"{PERSON}:operator:{TOKEN}",
        "NODE_SILENT_SECONDS": "86400",
        "METRICS_LISTEN": "off",
        "EXECUTOR_PARALLEL": "12",
        "PLANNER_PARALLEL": "16",
    }


def _write_config(world: World) -> None:
    """An inventory whose supervisorctl is a script that leaves one line per restart that really ran; a silence."""
    ledger, control = world.root / "restarts.txt", world.root / "supervisorctl"
    ledger.touch()
    control.write_text(
        "#!/bin/sh\n"
        "for last; do :; done\n"
        f"ledger={shlex.quote(str(ledger))}\n"
        'case "$*" in *restart*|*" start "*) echo "$last" >> "$ledger"; echo "$last: started"; exit 0;; esac\n'
        'if grep -qx "$last" "$ledger"; then echo "$last RUNNING   pid 1, uptime 0:00:09"; exit 0; fi\n'
        'echo "$last EXITED    Jan 01 12:00 AM"\nexit 3\n'
    )
    control.chmod(0o755)
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "mend_supervisorctl": str(control),
    }
    config = world.var / "config"
    config.mkdir(parents=True)
    hosts = dict.fromkeys([*NODES, AGENT, "chaos"], host)
    (config / "inventory.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    off = {"enabled": False}
    pages = [
        {"name": page, "url": f"http://127.0.0.1:{world.outside.port}/web/{page}", "every_seconds": 0.5, "looks": 2}
        for page in PAGES
    ]
    parts = dict.fromkeys(["docker", "systemd", "disk", "memory", "load", "temperature"], off)
    flapping = {"opens": 1000, "window_seconds": 10, "quiet_seconds": 1}
    (config / "node.yml").write_text(json.dumps({**parts, "http": pages, "flapping": flapping}))
    silences = world.var / "silences"
    (silences / "ended").mkdir(parents=True)
    silence = {
        "schema_version": 1,
        "id": "maintenance-0badcafe",
        "kind": "maintenance",
        "node": "*",
        "service": "quiet*",
        "starts_at": _time(-86_400),
        "ends_at": _time(86_400),
        "reason": "nobody is to hear of these",
        "by": PERSON,
        "created_at": _time(-86_400),
    }
    (silences / "maintenance-0badcafe.json").write_text(json.dumps(silence))


def _time(ahead: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ahead))


def _own_disk(folder: Path, megabytes: int) -> bool:
    """A small disk of its own, so that it can be full. False where that takes rights which we do not have."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    argv = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,nr_inodes=0,mode=755", "mendmesh-chaos", str(folder)]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0
