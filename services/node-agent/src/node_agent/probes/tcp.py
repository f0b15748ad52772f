"""One TCP target: does somebody accept a connection, in time? Sends nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from node_agent.findings import About, Condition, Finding, Rule


class TcpProbe:
    """`service` and `runtime` are those of what stands behind it, if the watchlist names that."""

    def __init__(
        self,
        target: str,
        host: str,
        port: int,
        *,
        every_seconds: float = 10.0,
        timeout_seconds: float = 3.0,
        looks: int = 2,
        service: str | None = None,
        runtime: str | None = None,
        about: About | None = None,
    ):
        self.name = f"tcp/{target}"
        self.every_seconds = every_seconds
        self._host, self._port = host, port
        self._timeout = timeout_seconds
        self._rule = Rule(sick_looks=looks, well_looks=2, again_seconds=min(1.0, every_seconds))
        self._service = service or target
        self._about = about
        self._facts: dict[str, Any] = {
            "probe": {"kind": "tcp", "name": target},
            "address": f"{host}:{port}",
        }
        if runtime:
            self._facts["runtime"] = runtime

    async def look(self, only: frozenset[str] | None) -> list[Finding]:
        started = time.monotonic()
        facts = dict(self._facts)
        try:
            async with asyncio.timeout(self._timeout):
                _, writer = await asyncio.open_connection(self._host, self._port)
            writer.transport.abort()
            condition = Condition.WELL
        except TimeoutError:
            facts["error"] = f"no connection within {self._timeout:g} s"
            condition = Condition.SICK
        except OSError as error:
            facts["error"] = error.strerror or str(error)
            condition = Condition.SICK
        facts["latency_ms"] = round(1000 * (time.monotonic() - started), 1)
        return [Finding(f"{self.name}:", self._service, condition, self._rule, "tcp_probe_failed", facts=facts)]

    async def evidence(self, finding: Finding) -> dict[str, Any]:
        """What the probe of its runtime knows of what stands behind this target."""
        return await self._about(self._service) if self._about else {}
