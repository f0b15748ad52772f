"""Where a request comes from: address, scheme, host, and whether another site's page sent it. Pure."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mesh_core.runtime.addresses import ip_of, is_loopback

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOCAL_ENDINGS = ("", ".local", ".lan", ".home.arpa", ".internal")  # never names that a stranger can register
FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-real-ip")
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class OriginRules:
    """What is configured. `own`: this host's names, lower case; `configured`: OBSERVER_HOSTS; `proxies`: trusted."""

    own: frozenset[str] = frozenset()
    configured: frozenset[str] = frozenset()
    proxies: tuple[Network, ...] = ()


@dataclass(frozen=True)
class RequestOrigin:
    """Of one request, as far as our own proxies are believed."""

    address: str
    scheme: str
    host: str
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)


def origin_of(peer: str, scheme: str, raw_headers: Iterable[tuple[bytes, bytes]], rules: OriginRules) -> RequestOrigin:
    """A header that comes twice counts as its last; X-Forwarded-For is read from its end, past our own proxies."""
    headers: dict[str, str] = {}
    forwarded_for: list[str] = []
    for raw_name, raw_value in raw_headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip()
        headers[name] = value
        if name == "x-forwarded-for":
            forwarded_for += [part.strip().strip("[]") for part in value.split(",")]
    address = _plain(peer)
    if trusted(address, rules.proxies):
        for hop in reversed(forwarded_for):
            if ip_of(hop) is None:
                break
            address = _plain(hop)
            if not trusted(address, rules.proxies):
                break
        proto = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        scheme = proto if proto in DEFAULT_PORTS else scheme
    return RequestOrigin(address, scheme, headers.get("host", "").lower(), headers)


def host_allowed(host: str, rules: OriginRules, *, only_loopback: bool) -> bool:
    """A name that we know as ours, or an address: a page that rebinds its name to us still sends its own name.

    Where only this machine can come, it has no reason to use its name in the network, which a neighbour could claim.
    """
    name, _ = split_host(host)
    if not name:
        return False
    if is_loopback(name) or name in rules.configured:
        return True
    return not only_loopback and (name in rules.own or ip_of(name) is not None)


def from_another_site(origin: RequestOrigin) -> bool:
    """Was it sent by a page that is not ours? Programs send neither header; browsers do, and no page can forge them."""
    site = origin.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    sent_by = origin.headers.get("origin")
    if sent_by is None:
        return False
    try:
        parts = urlsplit(sent_by)
        port = parts.port
    except ValueError:
        return True
    if parts.scheme not in DEFAULT_PORTS or (origin.scheme == "https" and parts.scheme != "https"):
        return True
    name, our_port = split_host(origin.host)
    # Behind a proxy that says nothing of TLS we cannot know the scheme: each one's own default port fits.
    ours = {our_port} if our_port is not None else {None, DEFAULT_PORTS[parts.scheme]}
    theirs = {port} if port is not None else {None, DEFAULT_PORTS[parts.scheme]}
    return (parts.hostname or "") != name or not ours & theirs


def trusted(address: str, networks: Iterable[Network]) -> bool:
    parsed = ip_of(address)
    return parsed is not None and any(parsed in network for network in networks)


def neighbourhood(address: str) -> str:
    """What counts as one sender: an IPv4 address, or the /64 that one household gets of IPv6."""
    parsed = ip_of(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address[:64]


def split_host(host: str) -> tuple[str, int | None]:
    """(name or address without brackets, port); ('', None) for what is no host."""
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port
    except ValueError:
        return "", None
    if parts.path or parts.query or parts.fragment or "@" in host:
        return "", None
    return (parts.hostname or "").rstrip("."), port


def read_networks(text: str) -> tuple[Network, ...]:
    """OBSERVER_TRUSTED_PROXIES: addresses or networks, separated by blanks or commas. ValueError."""
    try:
        return tuple(ipaddress.ip_network(part, strict=False) for part in text.replace(",", " ").split())
    except ValueError as error:
        raise ValueError(f"wants addresses or networks such as 10.0.0.2 or 172.18.0.0/16: {error}") from None


def own_names(listen: str, node: str) -> frozenset[str]:
    """Under which names this host is known without anybody saying so."""
    names = {name.lower() for name in (node, socket.gethostname()) if ip_of(name) is None}
    return frozenset({name + ending for name in names for ending in LOCAL_ENDINGS} | {listen.lower()}) - {""}


def read_hosts(text: str) -> frozenset[str]:
    """OBSERVER_HOSTS: names, separated by blanks or commas; a port is left out."""
    return frozenset(split_host(part.lower())[0] for part in text.replace(",", " ").split()) - {""}


def _plain(text: str) -> str:
    return str(ip_of(text) or text)
