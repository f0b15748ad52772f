"""An alert by hand about a program that an agent watches, from a real supervisord to the proposal.

Agent and planner are processes, as they are started.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from parts.forked import Forked
from parts.planning import waiting

from mesh_core.incidents.sighting import read_note
from mesh_core.testing import RedisServer, until

SUPERVISORD = """
[unix_http_server]
file={folder}/s.sock
[supervisord]
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
nodaemon=true
silent=true
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[program:shop]
command=sleep 6000
autorestart=false
startsecs=0
"""
NODE_FILE = """
docker: {{enabled: false}}
systemd: {{enabled: false}}
disk: {{enabled: false}}
memory: {{enabled: false}}
load: {{enabled: false}}
temperature: {{enabled: false}}
mounts: {{enabled: false}}
clock: {{enabled: false}}
supervisor: {{address: "unix://{folder}/s.sock", every_seconds: 0.5}}
"""


class Watched:
    """A program under supervisord, its node's agent, and a planner without models."""

    def __init__(self, folder: Path, server: RedisServer):
        self.folder = folder
        self.client = redis.Redis(port=server.port)

    def ctl(self, *words: str) -> str:
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "supervisor.supervisorctl",
            "-s",
            f"unix://{self.folder}/s.sock",
        ]
        done = subprocess.run(
            [*command, *words], capture_output=True, text=True, check=False, timeout=300, cwd=self.folder / "mesh"
        )
        return done.stdout

    def state(self) -> str:
        rows = read_note(self.client.get("mesh:alive:web01") or b"", "web01").rows
        return next((row.state.value for row in rows if row.service == "shop"), "")

    def proposal_for(self, alert: str) -> dict[str, Any]:
        """What becomes of an alert of that name, published by hand; each name is trouble of its own."""
        event = {
            **{"type": alert, "node": "web01", "service": "shop", "severity": "error", "incident": f"hand/{alert}/1"},
            "payload": {"alertname": alert},
        }
        self.client.publish("health_events", json.dumps(event))

        def filed() -> list[dict[str, Any]]:
            return [said for _, said in waiting(self.folder / "mesh" / "actions") if said["event"]["type"] == alert]

        until(lambda: bool(filed()), 60, f"a proposal for {alert}")
        return filed()[0]


@contextmanager
def running(process: subprocess.Popen[bytes] | Forked) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait(300)


@pytest.fixture
def watched(tmp_path: Path, redis_server: RedisServer) -> Iterator[Watched]:
    runtime, config = tmp_path / "mesh", tmp_path / "supervisord.conf"
    (runtime / "config").mkdir(parents=True)
    (runtime / "config" / "node.yml").write_text(NODE_FILE.format(folder=tmp_path))
    config.write_text(SUPERVISORD.format(folder=tmp_path))
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        **{"REDIS_URL": redis_server.url, "RUNTIME_PATH": str(runtime), "NODE_NAME": "web01", "METRICS_LISTEN": "off"},
        **{"LLM_CHAIN": "floor"},
    }
    one = Watched(tmp_path, redis_server)
    with ExitStack() as stack:
        stack.callback(one.client.close)
        supervisord = [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-n", "-c", str(config)]
        with (tmp_path / "s.log").open("wb") as said:
            keeper = subprocess.Popen(supervisord, env=environment, stdout=said, stderr=said)
        stack.enter_context(running(keeper))
        for module in ("node_agent", "planner_agent"):
            stack.enter_context(running(Forked(module, environ=environment, log=tmp_path / f"{module}.log")))
        until(lambda: one.client.pubsub_numsub("health_events")[0][1] > 0, 120, "a planner that listens")
        until(lambda: one.state() == "running", 120, "the agent's word that it runs")
        yield one


def test_the_agents_word_weighs_more_than_the_alerts(watched: Watched) -> None:
    down = watched.proposal_for("service_down")
    assert (down["action"], down["event"]["sighting"]["state"]) == ("notify", "running")
    (told,) = (one["text"] for one in down["evidence"] if one["source"] == "agent")
    assert told.startswith("the agent on web01 sees shop running")
    watched.ctl("stop", "shop")
    until(lambda: watched.state() == "stopped", 60, "the agent's word that it was stopped")
    stopped = watched.proposal_for("shop_probe_failed")
    assert (stopped["action"], stopped["event"]["sighting"]["state"]) == ("notify", "stopped")
    assert "restart" not in [one["choice"] for one in stopped["considered"] if one["why_not"].startswith("possible")]


def test_what_verifiably_does_not_run_may_be_started_whatever_the_alert_is_called(watched: Watched) -> None:
    watched.ctl("signal", "KILL", "shop")
    until(lambda: watched.state() == "failed", 60, "the agent's word that it failed")
    asked = watched.proposal_for("weird_thing")
    assert (asked["action"], asked["type"], asked["rule"]["name"]) == ("restart", "service_restart", "does-not-run")
    assert asked["event"]["payload"] == {"alertname": "weird_thing"}
