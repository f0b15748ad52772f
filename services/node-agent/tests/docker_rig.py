"""Containers of one test on the shared engine, and an agent's docker probe that sees nothing else."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from mesh_core.testing import wait_for
from node_agent.containers.engine import Engine as Api
from node_agent.probes.docker import DockerOptions, DockerProbe

CHECKED = ["--health-interval", "1s", "--health-retries", "1", "--health-cmd"]


class Box:
    """Containers with a name prefix of this test, on the session's engine."""

    def __init__(self, engine: Any, image: str):
        self.engine = engine
        self.image = image
        self.prefix = f"na-{secrets.token_hex(3)}"
        self.names: list[str] = []

    def run(self, script: str, *options: str, name: str = "web") -> str:
        full = f"{self.prefix}-{name}"
        self.names.append(full)
        self.engine.run(self.image, "sh", "-c", script, name=full, options=options)
        return full

    def probe(self, host: str | None = None, **more: Any) -> DockerProbe:
        """Watches nothing but this test's containers."""
        since = more.pop("since", time.time() - 60)  # what it ran, it ran a moment ago
        open_keys = more.pop("open_keys", frozenset())
        api = OnlyMine(host or self.engine.host, self.prefix)
        return DockerProbe(api, DockerOptions(**more), since=since, open_keys=open_keys)

    async def serving(self, name: str) -> None:
        """It has its trap: a signal that comes earlier is nothing to the first process of a container."""

        def traps() -> bool:
            lines = self.engine.exec(name, "cat", "/proc/1/status", check=False).splitlines()
            caught = next((line.split()[1] for line in lines if line.startswith("SigCgt:")), "0")
            return bool(int(caught, 16) & 1 << (signal.SIGUSR1 - 1))

        await wait_for(traps, 30, f"the trap of {name}")


async def seen_running(probe: DockerProbe, box: Box, name: str) -> None:
    """The agent knows that it runs, and not only the engine."""
    container_id = box.engine.inspect(name)["Id"]
    await wait_for(lambda: probe.history.record(container_id).running, 30, f"the agent to see {name}")


class OnlyMine(Api):
    """The engine is shared: others' containers are none of this test's business."""

    def __init__(self, host: str, prefix: str):
        super().__init__(host)
        self.prefix = prefix

    async def containers(self) -> list[dict[str, Any]]:
        return [row for row in await super().containers() if self.prefix in str(row.get("Names"))]

    async def events(self, since: float, opened: Callable[[], None]) -> AsyncIterator[dict[str, Any]]:
        async for event in super().events(since, opened):
            if self.prefix in event["Actor"]["Attributes"].get("name", ""):
                yield event
