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
from parts.require import missing

from mesh_core.models.events import Decision, HealthEvent
from mesh_core.testing import AllFolders, Patience, RedisServer, free_port

ROOT = Path(__file__).parents[2]
BOX, FAR = "box", "far"
TOKEN = "a-token-of-the-hooks"
OFF = {part: {"enabled": False} for part in ("disk", "memory", "load", "temperature")}
WATCH: dict[str, dict[str, dict[str, Any]]] = {
    # A round every few seconds, not every minute: of a start that failed the engine sends no event.
    BOX: {**OFF, "docker": {"ignore": ["mm-node-*"], "resync_seconds": 5}, "systemd": {"enabled": False}},
    FAR: {
        **OFF,
        "docker": {"enabled": False},
        "systemd": {"every_seconds": 20, "ignore": ["ssh*", "web.service"]},
    },
}
FAR_AGENT = "mm-agent.service"
# The hook generic/watchdog: a program of somebody's own that posts when a container of his does not run, or runs again.
WATCHDOG = {
    "type": "'container_down'",
    "node": "host",
    "service": "container",
    "severity": "'error'",
    "firing": "state",
    "incident": "ticket",
    "payload": "{message: text}",
}
STREAMS = (f"mesh:ev:{BOX}", f"mesh:ev:{FAR}", "mesh:ev:_foreign", "mesh:ev:_observer")
START_SECONDS = 90.0
SERVICES = ("observer", "planner-agent", "executor-agent", "node-agent")  # on box


@dataclass
class LiveMesh:
    """What a scenario needs of it. `folder` has the logs, <service>.log; `there` is what the far node sees of it."""

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

    def events(self, *, again: bool = False) -> list[HealthEvent]:
        """What the agents and hooks said, each incident once; or with all that was announced `again`."""
        with redis.Redis(port=self.server.port) as client:
            rows = [row for stream in STREAMS for row in client.xrange(stream)]
        found = [HealthEvent.model_validate_json(fields[b"p"]) for _, fields in rows]
        return [event for event in found if again or not event.payload.get("announced_again")]

    def decisions(self) -> list[Decision]:
        with redis.Redis(port=self.server.port) as client:
            return [Decision.model_validate_json(fields[b"p"]) for _, fields in client.xrange(Decision.stream)]

    def start(self, service: str) -> None:
        with (self.folder / f"{service}.log").open("ab") as out:
            self.processes[service] = subprocess.Popen(
                [sys.executable, "-m", service.replace("-", "_")],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def start_far_agent(self) -> None:
        """As a deployment does: by a unit, which its systemd starts again after a boot."""
        of_far = {"REDIS_URL": "unix:///srv/agent/r.sock", "NODE_NAME": FAR, "RUNTIME_PATH": "/srv/agent"}
        lines = [f"Environment={key}={value}" for key, value in {**of_far, "METRICS_LISTEN": "off"}.items()]
        lines += [f"ExecStart={sys.executable} -m node_agent", "StandardOutput=append:/srv/agent/far-agent.log"]
        unit = "\n".join(["[Service]", *lines, "[Install]", "WantedBy=multi-user.target", ""])
        self.node.install_unit(FAR_AGENT, unit)
        self.node.systemctl("enable", "--now", FAR_AGENT)

    def write_watch(self, node: str, more: dict[str, Any]) -> None:
        """Its node.yml: what it watches in any case, and `more`, section by section."""
        sections: dict[str, Any] = {**WATCH[node]}
        for name, part in more.items():
            sections[name] = {**sections[name], **part} if name in sections else part
        folder = self.runtime if node == BOX else self.folder / "there"
        (folder / "config" / "node.yml").write_text(json.dumps(sections))

    def watch(self, node: str, more: dict[str, Any]) -> None:
        """What a node watches from now on."""
        self.write_watch(node, more)
        if node == BOX:
            self.restart("node-agent")
        else:
            self.node.systemctl("restart", FAR_AGENT)

    def restart(self, what: str) -> None:
        """A service as its manager would: SIGTERM, and anew. The engine, or the far node, with all that it runs."""
        if what == "engine":
            if self.engine.restart is None:
                missing("an engine of our own, which may be restarted", "unset DOCKER_HOST and run as root")
            self.engine.restart()
            self.node.wait_until_up()
        elif what == FAR:
            self.engine.docker("restart", self.node.name)
            self.node.wait_until_up()
        else:
            self.processes[what].terminate()
            self.processes[what].wait(300)
            self.start(what)

    def stop(self) -> None:
        """Those of box; the far agent ends with its node."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(300)


@contextmanager
def live_mesh(engine: Engine, images: dict[str, str], folder: Path) -> Iterator[LiveMesh]:
    """Up, with both agents heard."""
    config, there, keys = folder / "var" / "config", folder / "there", folder / "keys"
    for place in (config / "host_vars", there / "config", keys):
        place.mkdir(parents=True)
    server = RedisServer(folder / "redis", extra=("--unixsocket", str(there / "r.sock"))).start()
    mounts = [(str(there), "/srv/agent"), *((path, f"{path}:ro") for path in (str(ROOT), sys.base_prefix, sys.prefix))]
    options = [word for source, target in mounts for word in ("-v", f"{source}:{target}")]
    loops = sorted(Path("/dev").glob("loop*"))  # so that a disk there can be full
    options += ["--restart", "always", *(word for device in loops for word in ("--device", str(device)))]
    port = free_port()
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
            (config / "inventory.yml").write_text(json.dumps({"all": {"hosts": {BOX: local, FAR: None}}}))
            (config / "hooks.yml").write_text(json.dumps({"version": 1, "generic": {"watchdog": WATCHDOG}}))
            (config / "host_vars" / f"{FAR}.yml").write_text(json.dumps(dict(node.inventory_vars)))
            mesh = LiveMesh(folder, engine, node, server, f"http://127.0.0.1:{port}", images, environment, {})
            try:
                for watching in (BOX, FAR):
                    mesh.write_watch(watching, {})
                mesh.start_far_agent()
                for service in SERVICES:
                    mesh.start(service)
                _wait_until_heard(mesh)
                yield mesh
            finally:
                mesh.stop()
    finally:
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
            logs = {path.name: path.read_text(errors="replace")[-800:] for path in mesh.folder.rglob("*.log")}
            raise AssertionError(f"the mesh did not come up within {patience}: heard {heard}, ended {ended}: {logs}")
        time.sleep(0.05)
