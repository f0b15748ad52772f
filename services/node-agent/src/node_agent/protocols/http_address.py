"""Where HTTP is spoken: a URL taken apart, its login included, or refused with a sentence. Connects to nothing.

A login in a URL is sent (Basic) and shown nowhere: not in an error, not in a `repr`, not in an event.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from node_agent.protocols.connection import Endpoint, checked_host

_PORTS = {"tcp": 2375, "http": 80, "https": 443}
_URL_CHARACTERS = "%/?:@!$&'()*+,;=-._~[]"  # what stays as it is in a path and its query


@dataclass(frozen=True, slots=True)
class HttpAddress(Endpoint):
    """`path` with its query, as it goes into a request; `authorization` is that header's value, if there is a login."""

    path: str = ""
    authorization: str = field(default="", repr=False)

    @property
    def host_header(self) -> str:
        """As the other side is asked for: in ASCII, and without a zone, which means something on this machine only."""
        if self.unix:
            return "localhost"
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host.encode("idna").decode("ascii")
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def parse_address(url: str, *, verify_tls: bool = True) -> HttpAddress:
    """From `unix:///path`, `tcp://host:port`, `http://...` or `https://...`; ValueError otherwise."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"{_shown(url)!r}: {error}") from None
    if parts.scheme == "unix" and parts.path:
        return HttpAddress(unix=parts.path)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{_shown(url)!r} is not unix:///path, tcp://host:port, http:// or https://")
    if parts.hostname in _PORTS and parts.path.startswith("//"):
        raise ValueError(f"{_shown(url)!r} has two schemes; write it once")
    if "@" in parts.fragment:
        raise ValueError(f"{_shown(url)!r}: a # within a login is written %23")
    query = f"?{parts.query}" if parts.query else ""
    return HttpAddress(
        host=checked_host(_with_its_zone(parts.hostname)),
        port=_port(parts),
        tls=parts.scheme == "https",
        verify_tls=verify_tls,
        path=quote((parts.path or "/") + query, safe=_URL_CHARACTERS),
        authorization=_authorization(parts),
    )


def basic_login(user: str, password: str) -> str:
    """The value of the header `Authorization`. ValueError for a user's name that Basic cannot carry."""
    if ":" in user:
        raise ValueError("the user's name has a colon in it; HTTP's Basic login cannot carry that")
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def refuse_path(address: HttpAddress, *known: str) -> None:
    """ValueError for a path that would be left out silently: whoever asks here has paths of its own."""
    if address.path not in ("", "/", *known):
        raise ValueError(f"the path {address.path.partition('?')[0]!r} would not be used; leave it out")


def without_login(url: str) -> str:
    """The URL as it may travel: user, password and query stay at home."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, parts.path, "", "")) if place else url


def _with_its_zone(host: str) -> str:
    """`fe80::1%25eth0`, as a URL writes `fe80::1%eth0`."""
    address, percent, zone = host.partition("%25")
    return f"{address}%{zone}" if percent and zone and ":" in address else host


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"the port of {parts.hostname!r} is no number from 1 to 65535")
    return port or _PORTS[parts.scheme]


def _authorization(parts: SplitResult) -> str:
    if parts.username is None and parts.password is None:
        return ""
    return basic_login(unquote(parts.username or ""), unquote(parts.password or ""))


def _shown(url: str) -> str:
    """For an error: of a login that may be in it, nothing."""
    before, at, after = url.rpartition("@")
    return f"...@{after}" if at and before else url
