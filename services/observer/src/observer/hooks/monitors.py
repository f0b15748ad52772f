"""Of what asks an address by itself: which address, which probe failed, and which thing its own name tells. Pure.

Its name is a thing's, not a trouble's, so the address and the state say what is wrong; where they tell another trouble
(a certificate, "degraded"), the name stays all that is known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from mesh_core.incidents.event_types import EventType
from mesh_core.policy.names.hosts import host_in, key_of_host
from mesh_core.runbooks.folding import words_of
from observer.hooks.field_names import ADDRESSES, SAYS_NOTHING
from observer.hooks.mapping import NODE_LABELS
from observer.hooks.plain_words import plain_words

_PING = "ping_failed"  # of a host, whatever it is called
_ENGINES = ("docker", "podman")
_CONTAINER_DOWN = "container_down"
_PROBES = {
    **dict.fromkeys(("http", "https"), str(EventType.HTTP_PROBE_FAILED)),
    **dict.fromkeys(("tcp", "tls", "starttls"), str(EventType.TCP_PROBE_FAILED)),
    **dict.fromkeys(("icmp", "ping"), _PING),
    **dict.fromkeys(("dns", "udp"), "dns_probe_failed"),
    **dict.fromkeys(_ENGINES, _CONTAINER_DOWN),
}
_DOWN = frozenset({"down", "offline", "unreachable", "unhealthy", "error", "failed", "failing", "failure"})
_SAID_OF_IT = SAYS_NOTHING | _DOWN
_GONE = frozenset({"exited", "stopped", "dead"})
# Of a kind: a check of something, whatever it is called (`uptime.down`, `health_check_status`).
_IS_A_CHECK = _SAID_OF_IT | frozenset(
    ["check", "checks", "healthcheck", "uptime", "site", "website", "endpoint", "status", "state", "start"]
)
_BY_TCP = re.compile(r"\b(?:tcp|connection refused|econnrefused)\b")
_ALERTS_PAGE = re.compile(r"[^:/]/(?:[^?#]*/)?(?:alert|error|incident|issue|problem)s?/[^/?#]")
_EXPIRES = re.compile(r"\b(?:ssl|tls|x509|cert\w*|domain|expir\w*)\b")
_MOST_CHARS = 200
_A_WORD = r"([A-Za-z0-9][\w.-]{0,99})"
_NAME = re.compile(_A_WORD)
_CONTAINER = re.compile(rf"(?:{'|'.join(_ENGINES)})://([^/?#]+)/{_A_WORD}/?")  # an image has a tag or a longer path
_ON = re.compile(rf"(.*\S) (?:on|@|at|auf|sur|en|su|på|op|na) (?:(?:host|node|server|ho\u015bcie) )?{_A_WORD}")
_HOST_LAST = re.compile(rf"(.*[^\s:/|-])(?: ?[:/|@]| -| \u2013| ?[(\[]) ?{_A_WORD}[)\]]?")
_HOST_FIRST = re.compile(rf"\[?{_A_WORD}(?: ?[:/|\]]| -| \u2013| ?\() ?([^\s:/|-].*?)\)?")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,60}")  # with a dot it is an address


def only_says_down(kind: str, states: Collection[str]) -> bool:
    """Does it tell no more than that a check failed, itself or by its states?"""
    words = words_of(kind[:_MOST_CHARS])
    told = {word for text in (kind, *states) for word in words_of(text[:_MOST_CHARS])}
    return bool(words) and _IS_A_CHECK.issuperset(words) and not _DOWN.isdisjoint(told)


def asked_address(url: str, address: str, cause: str) -> str:
    """A URL that is no link to the alert itself; what has none was asked by TCP where the cause says so."""
    if url:
        return "" if _ALERTS_PAGE.search(url[:_MOST_CHARS]) else url
    return f"tcp://{address}" if address and says_tcp(cause) else ""


def leads_to_a_host(url: str) -> bool:
    """And is no path on its sender's own page (`job/nightly/`)."""
    host = url.partition("/")[0]
    return "://" in url or "/" not in url or "." in host or ":" in host


def contained(labels: Mapping[str, str]) -> dict[str, str]:
    """The container `wiki` of `docker://nas/wiki`, where the labels say no other host."""
    host = key_of_host(host_in(next((labels[key] for key in NODE_LABELS if labels.get(key)), "")))
    told = (_CONTAINER.fullmatch(labels.get(key, "").strip()[:_MOST_CHARS]) for key in ADDRESSES)
    return next(({"container": at[2]} for at in told if at and key_of_host(host_in(at[1])) == host), {})


def says_tcp(cause: str) -> bool:
    return _BY_TCP.search(plain_words(cause, _MOST_CHARS)) is not None


def failed_probe(url: str, states: Collection[str], cause: str) -> str:
    """The event's type; '' where nothing is asked, or that is not what failed."""
    words = [word for state in states for word in words_of(state[:_MOST_CHARS]) if not word.isdigit()]
    failed = _PROBES.get(_scheme(url), "")
    of_a_container = failed == _CONTAINER_DOWN
    says_more = not (_IS_A_CHECK | _GONE if of_a_container else _IS_A_CHECK).issuperset(words)
    if says_more or _EXPIRES.search(plain_words(cause, _MOST_CHARS)):
        return ""
    return "container_unhealthy" if of_a_container and "unhealthy" in words else failed


def what_and_where(name: str, url: str, host: str) -> tuple[tuple[str, str], ...]:
    """`wiki on nas`, `nas: wiki` and `wiki` of whatever is on `host`, each as (wiki, nas); of which of two words is the
    host both. ('', nas) where it asks no address, or what it watches is called by several words."""
    asks = _PROBES.get(_scheme(url), _PING) != _PING
    if told := told_in_name(name):
        return tuple((what if asks and _NAME.fullmatch(what) else "", where) for what, where in told)
    return ((name.lower(), host),) if asks and host and _WORD.fullmatch(name) else ()


def told_in_name(name: str) -> tuple[tuple[str, str], ...]:
    """What else it tells, and each of its words that stands where people write the host: `Paper shop (nas)`,
    `nas: disk`, `Queue stuck on nas`. The mesh knows which of them is one."""
    name = name[:_MOST_CHARS].strip()
    if "://" in name:
        return ()
    on, last, first = (form.fullmatch(name) for form in (_ON, _HOST_LAST, _HOST_FIRST))
    ends = tuple((found[1], found[2]) for found in (on, last) if found)
    return (*ends, (first[2], first[1])) if first else ends


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower() if "://" in url else ""
