"""One TCP target: does somebody accept a connection, in time? Sends nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from pydantic import AfterValidator, Field

from node_agent.checks import CheckResult
from node_agent.connection import Endpoint, checked_host, connect
from node_agent.options import Positive
from node_agent.probe import Describe, ProbeContext
from node_agent.target_probe import TargetOptions, TargetProbe


class TcpOptions(TargetOptions):
    host: Annotated[str, AfterValidator(checked_host)]
    port: Annotated[int, Field(ge=1, le=65535)]
    timeout_seconds: Positive = 3

    def create(self, context: ProbeContext) -> TcpProbe:
        return TcpProbe(self, context.describe)


class TcpProbe(TargetProbe):
    kind = "tcp"

    def __init__(self, options: TcpOptions, describe: Describe | None = None):
        super().__init__(options, {"address": f"{options.host}:{options.port}"}, describe)
        self._endpoint = Endpoint(host=options.host, port=options.port)

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        started = time.monotonic()
        error = ""
        try:
            async with asyncio.timeout(self._timeout):
                _, writer = await connect(self._endpoint)
            writer.transport.abort()
        except TimeoutError:
            error = f"no connection within {self._timeout:g} s"
        except OSError as failure:
            error = failure.strerror or str(failure)
        return [self._result(error, latency_ms=round(1000 * (time.monotonic() - started), 1))]
