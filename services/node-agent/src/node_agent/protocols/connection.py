"""Connections to a server on a unix socket, TCP or TLS, and what can be a host's name at all. Speaks no protocol."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path

MAX_HOST_CHARACTERS = 253


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens: a unix socket path, or host and port. `server_name`: asked for by TLS instead of host.

    `authorities`: a file or folder of those that are believed as well as this host's own. `certificate` and `key`: the
    files by which we say who we are.
    """

    unix: str | None = None
    host: str = "localhost"
    port: int = 80
    tls: bool = False
    verify_tls: bool = True
    server_name: str = ""
    check_name: bool = True
    authorities: str = ""
    certificate: str = ""
    key: str = ""
    key_password: str = field(default="", repr=False)

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
    context = _trusting(endpoint) if endpoint.tls else None
    try:
        name = (endpoint.server_name or None) if context else None
        return await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context, server_hostname=name)
    except UnicodeError as error:  # what the resolver says of a name that cannot be one
        raise OSError(f"{endpoint.host!r} is no host name: {error}") from error


def _trusting(endpoint: Endpoint) -> ssl.SSLContext:
    context = ssl.create_default_context() if endpoint.verify_tls else _believing_anybody()
    if endpoint.verify_tls:
        context.check_hostname = endpoint.check_name
    if endpoint.authorities:
        is_folder = Path(endpoint.authorities).is_dir()
        context.load_verify_locations(**{"capath" if is_folder else "cafile": endpoint.authorities})
    if endpoint.certificate:
        # Never None: for an encrypted key OpenSSL would ask on the terminal and wait.
        context.load_cert_chain(endpoint.certificate, endpoint.key or None, endpoint.key_password)
    return context


def _believing_anybody() -> ssl.SSLContext:
    """Without reading all authorities of this host, which takes a hundred times as long."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def shown_by(writer: asyncio.StreamWriter) -> bytes:
    """The certificate (DER) of whoever is at the other end; b"" where there is no TLS."""
    channel: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    return (channel.getpeercert(binary_form=True) or b"") if channel else b""


async def certificate_at(endpoint: Endpoint, seconds: float) -> bytes:
    """What is shown there (DER), whether it holds or not; b"" where nothing is within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            _, writer = await connect(replace(endpoint, tls=True, verify_tls=False))
    except OSError:
        return b""
    certificate = shown_by(writer)
    writer.transport.abort()
    return certificate


def has_run_out(error: BaseException | None) -> bool:
    """Was a certificate refused for its date, and for nothing else that came before?"""
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == _OVER


_OVER = 10  # X509_V_ERR_CERT_HAS_EXPIRED
