"""Where a service listens: an address out of a setting. Pure; opens nothing."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

OFF = "off"
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Can only this machine reach it?"""
        return self.host in ("localhost", "::1") or (_is_ip(self.host) and self.host.startswith("127."))


def address_for(text: str, default_port: int) -> Address | None:
    """`host`, `host:port`, `:port` (loopback), `[ipv6]:port`; None for `off`. ValueError says what does not fit."""
    text = text.strip()
    if text.lower() == OFF:
        return None
    host, port = _split(text)
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{port!r} is not a port (1 to 65535)")
    host = host or "127.0.0.1"
    if not _is_ip(host) and not _HOST_NAME.fullmatch(host):
        raise ValueError(f"{host[:60]!r} is not a host; give host, host:port or off")
    return Address(host, int(port) if port else default_port)


def _is_ip(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return True
    return False


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError("an IPv6 address with a port looks like [::1]:8687")
        return host, rest[1:]
    if text.count(":") > 1:
        return text, ""
    host, _, port = text.partition(":")
    return host, port
