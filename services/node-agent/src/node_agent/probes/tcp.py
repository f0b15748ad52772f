"""One TCP target: does somebody accept a connection, or greet in TLS, in time? Sends nothing else."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from pydantic import AfterValidator, Field

from node_agent.checks.check_result import CheckResult
from node_agent.options import Positive
from node_agent.probe_base.probe import Describe, ProbeContext
from node_agent.probe_base.target_probe import TargetOptions, TargetProbe
from node_agent.protocols.connection import Endpoint, checked_host, connect, shown_by


class TcpOptions(TargetOptions):
    """`tls`: the port speaks it from the first byte (ldaps, imaps, mqtts)."""

    host: Annotated[str, AfterValidator(checked_host)]
    port: Annotated[int, Field(ge=1, le=65535)]
    timeout_seconds: Positive = 3
    tls: bool = False

    def create(self, context: ProbeContext) -> TcpProbe:
        return TcpProbe(self, context.describe)


class TcpProbe(TargetProbe):
    kind = "tcp"

    def __init__(self, options: TcpOptions, describe: Describe | None = None):
        endpoint = Endpoint(host=options.host, port=options.port, tls=options.tls, verify_tls=options.verify_tls)
        super().__init__(options, endpoint, {"address": str(endpoint)}, describe)

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        started = time.monotonic()
        error, certificate = "", b""
        cause: OSError | None = None
        try:
            async with asyncio.timeout(self._timeout):
                _, writer = await connect(self._endpoint)
            certificate = shown_by(writer)
            writer.transport.abort()
        except TimeoutError:
            error = f"no connection within {self._timeout:g} s"
        except OSError as failure:
            error, cause = failure.strerror or str(failure), failure
        latency_ms = round(1000 * (time.monotonic() - started), 1)
        return await self._results(error, cause, certificate, latency_ms=latency_ms)
