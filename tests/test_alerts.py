"""A real alert on its way: gauge, Prometheus, Alertmanager, the observer's hook, stream, planner's folder."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from parts.forked import Forked
from parts.prometheus import AlertingRig

from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent
from mesh_core.models.streams import FOREIGN_STREAM
from mesh_core.testing import AllFolders, RedisServer, free_port, wait_for

TOKEN = "known-to-alertmanager"


@dataclass(frozen=True)
class Listening:
    """An observer that takes alerts from who knows its token, and a planner behind it."""

    url: str
    token: Path
    runtime: Path
    redis_url: str

    @property
    def webhook(self) -> dict[str, object]:
        """As Alertmanager's configuration has it."""
        authorization = {"type": "Bearer", "credentials_file": str(self.token)}
        return {"url": self.url, "send_resolved": True, "http_config": {"authorization": authorization}}

    async def ready(self) -> bool:
        async with httpx.AsyncClient(timeout=60) as http:
            try:
                return (await http.get(httpx.URL(self.url).copy_with(path="/readyz"))).status_code == 200
            except httpx.TransportError:
                return False

    async def events(self) -> list[HealthEvent]:
        bus = Bus.connect(self.redis_url, "test")
        try:
            rows = await bus.call("XRANGE", FOREIGN_STREAM, "-", "+")
        finally:
            await bus.close()
        return [HealthEvent.model_validate_json(fields[b"p"]) for _, fields in rows]


@pytest.fixture
def mesh(redis_server: RedisServer, tmp_path: Path) -> Iterator[Listening]:
    port, runtime, token = free_port(), tmp_path / "mesh", tmp_path / "token"
    runtime.mkdir()
    token.write_text(TOKEN)
    token.chmod(0o400)
    environment = {
        **os.environ,
        "REDIS_URL": redis_server.url,
        "RUNTIME_PATH": str(runtime),
        "NODE_NAME": "watcher",
        "OBSERVER_LISTEN": f"127.0.0.1:{port}",
        "HOOKS_TOKEN_FILE": str(token),
        "LLM_CHAIN": "floor",
        "METRICS_LISTEN": "off",
    }
    with ExitStack() as ends:
        for module in ("observer", "planner_agent"):
            process = Forked(module, environ=environment, log=runtime / "log")
            ends.callback(process.wait, 300)
            ends.callback(process.terminate)
        yield Listening(f"http://127.0.0.1:{port}/hooks/alertmanager", token, runtime, redis_server.url)


async def test_a_real_alert_is_an_event_within_seconds_and_so_is_its_end(
    alerting: AlertingRig, mesh: Listening
) -> None:
    labels = {"severity": "critical", "container": "shop"}
    await asyncio.to_thread(alerting.start, mesh.webhook, "ContainerUnhealthy", labels)
    await wait_for(mesh.ready, 30, "the observer")
    stranger = await asyncio.to_thread(httpx.post, mesh.url, json={"alerts": []}, timeout=60)
    assert stranger.status_code == 401
    assert await mesh.events() == []

    alerting.value, began = 1, time.monotonic()
    await wait_for(mesh.events, 10, "the alert in the stream")
    fired = time.monotonic() - began
    (event,) = await mesh.events()
    assert (event.type, event.node, event.service) == ("container_unhealthy", "pi4", "shop")
    assert (event.severity, event.trust) == ("critical", "foreign")
    assert event.payload["annotations"]["summary"] == "the gauge is up"

    # Nothing is done about it by itself: it waits for a person, as every trouble does.
    actions = AllFolders(mesh.runtime)
    await wait_for(lambda: len(actions.pending()) == 1, 20, "the proposal")
    assert actions.pending()[0].proposal.type == "container_restart"

    alerting.value, ended = 0, time.monotonic()

    async def both() -> bool:
        return len(await mesh.events()) == 2

    await wait_for(both, 10, "the recovery in the stream")
    over = time.monotonic() - ended
    well = (await mesh.events())[1]
    assert (well.type, well.incident) == ("service_recovered", event.incident)
    await wait_for(lambda: not actions.pending(), 10, "the proposal to be withdrawn")
    print(f"gauge -> event {fired:.1f} s, gauge back -> recovery {over:.1f} s")
