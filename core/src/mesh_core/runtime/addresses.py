"""Where a service listens: an address out of a setting, and whether an address is this very machine. Pure."""

from __future__ import annotations

import ipaddress
import re
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
        return is_loopback(self.host)


def address_for(text: str, default_port: int) -> Address | None:
    """`host`, `host:port`, `:port` (loopback), `[ipv6]:port`; None for `off`. ValueError says what does not fit."""
    text = text.strip()
    if text.lower() == OFF:
        return None
    host, port = _split(text)
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{port!r} is not a port (1 to 65535)")
    host = host or "127.0.0.1"
    if ip_of(host) is None and not _HOST_NAME.fullmatch(host):
        raise ValueError(f"{host[:60]!r} is not a host; give host, host:port or off")
    return Address(host, int(port) if port else default_port)


def is_loopback(host: str) -> bool:
    """Is this name or address the very machine that we run on? Any name but `localhost` may be anybody's."""
    address = ip_of(host)
    return host == "localhost" if address is None else address.is_loopback


def ip_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """As it is meant: without a zone, and IPv4 where it came dressed as IPv6. None for a name, or in brackets."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


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
