"""Connections to a server on a unix socket, TCP or TLS. Speaks no protocol."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens: a unix socket path, or host and port."""

    unix: str | None = None
    host: str = "localhost"
    port: int = 80
    tls: bool = False
    verify_tls: bool = True

    def __str__(self) -> str:
        return f"unix://{self.unix}" if self.unix else f"{self.host}:{self.port}"


async def connect(endpoint: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """OSError (a certificate that does not hold is one too) if that cannot be done. Waits for as long as it takes."""
    if endpoint.unix:
        return await asyncio.open_unix_connection(endpoint.unix)
    if not endpoint.tls:
        return await asyncio.open_connection(endpoint.host, endpoint.port)
    context = ssl.create_default_context()
    if not endpoint.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
