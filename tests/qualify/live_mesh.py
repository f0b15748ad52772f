"""The four services as processes of their own on a real Redis, a real engine (`box`) and a systemd node (`far`).

Starts and stops them, breaks nothing and judges nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from parts.engine import Engine
from parts.nodes import SystemdNode, systemd_container

from mesh_core.models.events import HealthEvent
from mesh_core.testing import AllFolders, Patience, RedisServer, free_port

ROOT = Path(__file__).parents[2]
BOX, FAR = "box", "far"
TOKEN = "a-token-of-the-hooks"
OFF = {part: {"enabled": False} for part in ("disk", "memory", "load", "temperature")}
# A round every few seconds, not every minute: of a start that failed the engine sends no event.
OF_BOX = {"docker": {"ignore": ["mm-node-*"], "resync_seconds": 5}, "systemd": {"enabled": False}}
STREAMS = (f"mesh:ev:{BOX}", f"mesh:ev:{FAR}", "mesh:ev:_foreign", "mesh:ev:_observer")
START_SECONDS = 90.0


SERVICES = ("observer", "planner-agent", "executor-agent", "node-agent")  # on box


@dataclass
class LiveMesh:
    """What a scenario needs of it. `folder` has the logs, <service>.log; far-agent is the far node's."""

    folder: Path
    engine: Engine
    node: SystemdNode
    server: RedisServer
    page: str
    images: dict[str, str]
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]]

    @property
    def runtime(self) -> Path:
        return self.folder / "var"

    @property
    def actions(self) -> AllFolders:
        return AllFolders(self.runtime)

    def events(self) -> list[HealthEvent]:
        """What the agents and hooks said, each incident once."""
        with redis.Redis(port=self.server.port) as client:
            rows = [row for stream in STREAMS for row in client.xrange(stream)]
        found = [HealthEvent.model_validate_json(fields[b"p"]) for _, fields in rows]
        return [event for event in found if not event.payload.get("announced_again")]

    def start(self, service: str) -> None:
        command, environment = [sys.executable, "-m", service.replace("-", "_")], self.environment
        if service == "far-agent":
            of_far = ("REDIS_URL=unix:///srv/agent/r.sock", f"NODE_NAME={FAR}", "RUNTIME_PATH=/srv/agent")
            given = [word for pair in (*of_far, "METRICS_LISTEN=off") for word in ("-e", pair)]
            command = [self.engine.client, "exec", *given, self.node.name, sys.executable, "-m", "node_agent"]
            environment = self.engine.env
        with (self.folder / f"{service}.log").open("ab") as out:
            self.processes[service] = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )

    def write_watch(self, more: dict[str, Any]) -> None:
        """node.yml of box."""
        (self.runtime / "config" / "node.yml").write_text(json.dumps({**OFF, **OF_BOX, **more}))

    def watch(self, more: dict[str, Any]) -> None:
        """What box watches beside its containers, from now on."""
        self.write_watch(more)
        self.restart("node-agent")

    def restart(self, service: str) -> None:
        """As its manager would: SIGTERM, and anew."""
        self.processes[service].terminate()
        self.processes[service].wait(60)
        self.start(service)

    def stop(self) -> None:
        """Those of box; the far agent ends with its node."""
        running = [self.processes[service] for service in SERVICES if service in self.processes]
        for process in running:
            process.terminate()
        for process in running:
            process.wait(60)


@contextmanager
def live_mesh(engine: Engine, images: dict[str, str], folder: Path) -> Iterator[LiveMesh]:
    """Up, with both agents heard."""
    config, there, keys = folder / "var" / "config", folder / "there", folder / "keys"
    for place in (config, there / "config", keys):
        place.mkdir(parents=True)
    server = RedisServer(folder / "redis", extra=("--unixsocket", str(there / "r.sock"))).start()
    mounts = [(str(there), "/srv/agent"), *((path, f"{path}:ro") for path in (str(ROOT), sys.base_prefix, sys.prefix))]
    options = [word for source, target in mounts for word in ("-v", f"{source}:{target}")]
    port = free_port()
    processes: dict[str, subprocess.Popen[bytes]] = {}
    environment = {
        **engine.env,
        "REDIS_URL": server.url,
        "RUNTIME_PATH": str(folder / "var"),
        "NODE_NAME": BOX,
        "LLM_CHAIN": "floor",
        "METRICS_LISTEN": "off",
        "OBSERVER_LISTEN": f"127.0.0.1:{port}",
        "HOOKS_TOKEN": TOKEN,
        "COOLDOWN_SECONDS": "1",
    }
    try:
        with systemd_container(engine, keys, options) as node:
            local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
            hosts = {BOX: local, FAR: dict(node.inventory_vars)}
            (config / "inventory.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
            of_far = {"docker": {"enabled": False}, "systemd": {"every_seconds": 20, "ignore": ["ssh*", "web.service"]}}
            (there / "config" / "node.yml").write_text(json.dumps({**OFF, **of_far}))
            mesh = LiveMesh(folder, engine, node, server, f"http://127.0.0.1:{port}", images, environment, processes)
            try:
                mesh.write_watch({})
                for service in (*SERVICES, "far-agent"):
                    mesh.start(service)
                _wait_until_heard(mesh)
                yield mesh
            finally:
                mesh.stop()
    finally:
        for process in processes.values():
            process.wait(60)
        server.stop()


def _wait_until_heard(mesh: LiveMesh) -> None:
    patience = Patience(START_SECONDS)
    beats = [mesh.runtime / "state" / f"{name}.heartbeat" for name in SERVICES]
    while True:
        heard = {event.node for event in mesh.events() if event.type == "node_online"}
        if {BOX, FAR} <= heard and all(beat.exists() for beat in beats):
            return
        ended = [service for service, process in mesh.processes.items() if process.poll() is not None]
        if ended or patience.over():
            logs = {path.name: path.read_text(errors="replace")[-800:] for path in mesh.folder.glob("*.log")}
            raise AssertionError(f"the mesh did not come up within {patience}: heard {heard}, ended {ended}: {logs}")
        time.sleep(0.05)
