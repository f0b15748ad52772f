"""A real alert on its way: gauge, Prometheus, Alertmanager, the observer's hook, stream, planner's folder."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import httpx
from parts.forked import Forked
from parts.prometheus import AlertingRig

from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent
from mesh_core.models.streams import FOREIGN_STREAM
from mesh_core.testing import AllFolders, RedisServer, free_port, wait_for

TOKEN = "known-to-alertmanager"


async def test_a_real_alert_is_an_event_within_seconds_and_so_is_its_end(
    alerting: AlertingRig, redis_server: RedisServer, tmp_path: Path
) -> None:
    port, runtime = free_port(), tmp_path / "mesh"
    runtime.mkdir()
    token = tmp_path / "token"
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
    bus = Bus.connect(redis_server.url, "test")

    async def events() -> list[HealthEvent]:
        rows = await bus.call("XRANGE", FOREIGN_STREAM, "-", "+")
        return [HealthEvent.model_validate_json(fields[b"p"]) for _, fields in rows]

    mesh = [Forked(module, environ=environment, log=runtime / "log") for module in ("observer", "planner_agent")]
    try:
        webhook: dict[str, object] = {
            "url": f"http://127.0.0.1:{port}/hooks/alertmanager",
            "send_resolved": True,
            "http_config": {"authorization": {"type": "Bearer", "credentials_file": str(token)}},
        }
        labels = {"severity": "critical", "container": "shop"}
        await asyncio.to_thread(alerting.start, webhook, "ContainerUnhealthy", labels)
        async with httpx.AsyncClient(timeout=60) as http:

            async def ready() -> bool:
                try:
                    return (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await wait_for(ready, 30, "the observer")
            stranger = await http.post(f"http://127.0.0.1:{port}/hooks/alertmanager", json={"alerts": []})
        assert stranger.status_code == 401
        assert await events() == []

        alerting.value, began = 1, time.monotonic()
        await wait_for(events, 10, "the alert in the stream")
        fired = time.monotonic() - began
        (event,) = await events()
        assert (event.type, event.node, event.service) == ("container_unhealthy", "pi4", "shop")
        assert (event.severity, event.trust) == ("critical", "foreign")
        assert event.payload["annotations"]["summary"] == "the gauge is up"

        # Nothing is done about it by itself: it waits for a person, as every trouble does.
        actions = AllFolders(runtime)
        await wait_for(lambda: len(actions.pending()) == 1, 20, "the proposal")
        assert actions.pending()[0].proposal.type == "container_restart"

        alerting.value, ended = 0, time.monotonic()

        async def both() -> bool:
            return len(await events()) == 2

        await wait_for(both, 10, "the recovery in the stream")
        over = time.monotonic() - ended
        well = (await events())[1]
        assert (well.type, well.incident) == ("service_recovered", event.incident)
        await wait_for(lambda: not actions.pending(), 10, "the proposal to be withdrawn")
    finally:
        for process in mesh:
            process.terminate()
        for process in mesh:
            process.wait(300)
        await bus.close()
    print(f"gauge -> event {fired:.1f} s, gauge back -> recovery {over:.1f} s")
