"""Connections to a server on a unix socket, TCP or TLS, and what can be a host's name at all. Speaks no protocol."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from dataclasses import dataclass

MAX_HOST_CHARACTERS = 253


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


def checked_host(host: str) -> str:
    """`host`, if it is a name or an address that can be looked up (it need not exist); ValueError says why not."""
    if ":" in host:
        try:
            socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
        except OSError:
            raise ValueError(f"{host!r} is no IPv6 address") from None
        return host
    if not host or len(host) > MAX_HOST_CHARACTERS:
        raise ValueError(f"{host!r:.80} is no host name: it has 1 to {MAX_HOST_CHARACTERS} characters")
    if strange := re.search(r"[^\w.-]", host):
        raise ValueError(f"{host!r} is no host name: {strange[0]!r} cannot stand in one")
    if re.fullmatch("[0-9.]+", host):
        try:
            socket.inet_aton(host)
        except OSError:
            raise ValueError(f"{host!r} is no IPv4 address, and no name has digits alone") from None
    try:
        host.encode("idna")  # as the resolver does it
    except UnicodeError:
        raise ValueError(f"{host!r:.120} is no host name: between its dots stand 1 to 63 characters each") from None
    return host


async def connect(endpoint: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """OSError (a certificate that does not hold is one too) if that cannot be done. Waits for as long as it takes."""
    if endpoint.unix:
        return await asyncio.open_unix_connection(endpoint.unix)
    context: ssl.SSLContext | None = None
    if endpoint.tls:
        context = ssl.create_default_context()
        if not endpoint.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    try:
        return await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
    except UnicodeError as error:  # what the resolver says of a name that cannot be one
        raise OSError(f"{endpoint.host!r} is no host name: {error}") from error
