"""Which host a label, an address or a URL speaks of: the whole of it, as it was written, and as a node's name. Pure."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import urlsplit

from mesh_core.models.slugs import plain_name

MAX_HOST = 500
PORTS = {"redis": 6379, "rediss": 6379, "http": 80, "https": 443}  # where a URL says none


def host_in(text: str) -> str:
    """The host of `web01:9100`, `https://Web01/health`, `[fd00::1]:9100` or a bare `fd00::1`; '' if there is none.

    Never a part of an address: what has several colons and no brackets has no port.
    """
    text = text.strip()[:MAX_HOST]
    if "://" not in text:
        text = text.lstrip("/\\").partition("\\")[0]  # a share: `\\\\nas01\\media`
    try:
        place = urlsplit(text if "://" in text else f"//{text}").netloc
    except ValueError:  # brackets that are none, letters that look like a slash
        place = text
    place = place.rpartition("@")[2]
    if place.startswith("["):
        return re.sub(r"%25(?=.)", "%", place[1:].partition("]")[0])  # a zone, as it is written in a URL
    return place.partition(":")[0] if place.count(":") == 1 else place


def port_in(text: str) -> int | None:
    """The port of an address or a URL, else that of its scheme; None where it says none that can be used."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        return parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None


def address_in(host: str) -> str:
    """The address as everybody writes it, its zone included; '' for what is a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    said = str(mapped or address)
    return said if address.is_link_local else said.partition("%")[0]  # elsewhere a zone tells nothing apart


def in_letters(host: str) -> str:
    """A name as people write it: `xn--bro-hoa.lan` is `büro.lan`; what is no such name stays as it is."""
    labels = []
    for label in host.split("."):
        try:
            said = label[4:].encode("ascii").decode("punycode") if label[:4].lower() == "xn--" else ""
        except UnicodeError:
            return host
        labels.append(said or label)
    name = ".".join(labels)
    return name if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def key_of_host(host: str) -> str:
    """The same for every way of writing this name or address: case, trailing dot, `xn--`, zeros of an address."""
    return address_in(host) or in_letters(host.rstrip(".")).lower()


def is_own(address: str) -> bool:
    """Is it one that every machine calls itself?"""
    return bool(address) and ipaddress.ip_address(address).is_loopback


def node_for(host: str) -> str:
    """A node's name for a host that the mesh does not know; '' for none.

    No two addresses share one: of an IPv6 address each colon becomes a dash, and a dot comes before its zone.
    """
    address = address_in(host)
    if ":" in address:
        name = address.replace(":", "-").replace("%", ".")
        return plain_name(f"0{name}" if name.startswith("-") else name, "host")
    host = address or in_letters(host.rstrip("."))
    return plain_name(host, "host") if any(c.isalnum() for c in host) else ""
