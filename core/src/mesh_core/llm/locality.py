"""Does a question to this model leave the house? By its server's address alone; nothing is looked up or asked. Pure.

In the house are: loopback, private and link-local addresses, those of a tailnet (100.64.0.0/10, which no public host
has), names of one label, and names under the endings that no public name has (`.local`, `.lan`, `.home.arpa`, ...).
What a server there passes on to somebody else nobody can see from here, but Ollama says it in a model's name
(`...-cloud`, `...:cloud`).
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_HOUSE_ENDINGS = (".local", ".lan", ".home.arpa", ".internal", ".localhost")
# Not written as an address, but one for some resolvers: 134744072, 0x8.8.8.8
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*")
_TAILNET = ipaddress.ip_network("100.64.0.0/10")
_PASSED_ON = re.compile(r"[:-]cloud\Z")


def why_outside(url: str | None, model: str | None) -> str:
    """Why asking it leaves the house, as a clause; '' where it does not. No address: the vendor's own API."""
    if not url:
        return "it is its vendor's own API"
    if model and is_passed_on(model):
        return f"Ollama passes its model {model} on to its own cloud"
    try:
        host = (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return "its address cannot be read"
    return "" if _is_in_house(host) else f"{host or 'its address'} is no address of this house"


def is_passed_on(model: str) -> bool:
    """Does its name say that the server has it answered elsewhere?"""
    return _PASSED_ON.search(model.strip().lower()) is not None


def _is_in_house(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        named = any(c.isalpha() for c in host) and not _NUMBERS.fullmatch(host)
        return named and ("." not in host or host.endswith(_HOUSE_ENDINGS))
    address = getattr(address, "ipv4_mapped", None) or address
    private = address.is_private or address.is_link_local or address in _TAILNET  # loopback is private
    return private and not address.is_unspecified
