"""Foreign names brought to those that the mesh knows: the hosts of the inventory, the nodes and services of the world.

Pure. Compares without case, by address, and by short name within a private domain; where two fit, none does. The name
that is found is the one that a person wrote into the inventory, or that the node's own agent uses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mesh_core.models.events import HealthEvent, Runtime
from mesh_core.policy.names.compose_names import compose_by_name, compose_in_labels, swarm_service
from mesh_core.policy.names.hosts import address_in, host_in, is_own, key_of_host

# Domains that belong to nobody's public zone (RFC 6762 appendix G, RFC 8375, ICANN's .internal, and a router's own).
_MDNS = "local"  # the machine of that short name in this house, whatever else its domain is called
_PRIVATE = (_MDNS, "lan", "home", "internal", "intranet", "private", "corp", "localdomain", "home.arpa", "fritz.box")
# The types of systemd's units; a name without one of these is a .service for systemctl as well.
UNIT_SUFFIXES = (
    *(".service", ".socket", ".timer", ".mount", ".automount", ".path", ".swap", ".target", ".slice", ".scope"),
    ".device",
)


@dataclass(frozen=True)
class KnownNames:
    """`hosts`: a host of the inventory -> its address (ansible_host), '' for none. `services`: node -> services.
    `domains`: what a person calls the house's own, within which a short name is enough."""

    hosts: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, frozenset[str]] = field(default_factory=dict)
    domains: frozenset[str] = frozenset()

    def node(self, host: str) -> str:
        """The node that is meant by a host as somebody wrote it; '' if we know none, or several."""
        for index in self._indices:
            if found := index.find(host):
                return found[0] if len(found) == 1 else ""
        return ""

    def node_above(self, host: str) -> str:
        """The node whose own name an address lies below: `wiki.nas.lan` is served by `nas.lan`. '' for none.

        Not below a domain: what lies there are other machines, or somebody else's.
        """
        above = key_of_host(host).partition(".")[2]
        if address_in(host) or not any(index.is_a_hosts(above) for index in self._indices):
            return ""
        return self.node(above)

    def only_host(self, words: Collection[str]) -> str:
        """The one node that is among these words, in its own spelling; '' for none, or several."""
        return _only(word for word in words if word in self.hosts or word in self.services)

    def only_service(self, node: str, words: Collection[str]) -> str:
        """The same of the services of a node."""
        return _only(word for word in words if word in self.services.get(node, ()))

    def named(self, event: HealthEvent) -> HealthEvent:
        """An event that somebody typed, under our names; the same object where they are the same."""
        node = self.node(event.node) or event.node
        service, runtime = event.service, str(event.runtime or "")
        if service is not None:
            service, runtime = self.service(node, service, runtime)
        if (node, service, runtime) == (event.node, event.service, str(event.runtime or "")):
            return event
        # Whoever says what runs it in words that we do not know has said that it is nothing of ours.
        is_unsaid = not event.payload.get("runtime")
        payload = {**event.payload, **({"runtime": runtime} if runtime and is_unsaid else {})}
        host_as_ours(payload, event.node, node)
        return event.model_copy(update={"node": node, "service": service, "payload": payload})

    def service(self, node: str, service: str, runtime: str) -> tuple[str, str]:
        """(a service by the name that its node's agent uses, who runs it): `caddy` may be `caddy.service` there."""
        known = self.services.get(node, frozenset())
        if not runtime and service.endswith(UNIT_SUFFIXES):
            runtime = Runtime.SYSTEMD.value
        if runtime == Runtime.SYSTEMD.value and service and not service.endswith(UNIT_SUFFIXES):
            service = f"{service}.service"
        if service in known:
            return service, runtime
        same = [name for name in known if name.lower() == service.lower()]
        if len(same) == 1:
            return same[0], runtime
        if not runtime and f"{service}.service" in known:
            return f"{service}.service", Runtime.SYSTEMD.value
        return service, runtime

    @staticmethod
    def swarm(container: str, labels: Mapping[str, str]) -> str:
        """The swarm service whose task a container is; '' for none. Each try at a task is a container of its own."""
        return swarm_service(container, labels)

    def compose(self, node: str, container: str, labels: Mapping[str, str]) -> tuple[str, str] | None:
        """(project, service) of the compose service that a container is one of, as far as it can be known."""
        known = self.services.get(node, frozenset())
        return None if container in known else compose_in_labels(labels) or compose_by_name(container, known)

    @cached_property
    def _indices(self) -> tuple[_Index, ...]:
        """The inventory first: a stranger that once came in under another name is a node of the world as well."""
        private = frozenset({*_PRIVATE, *_domains_of(self.hosts), *map(key_of_host, self.domains)})
        return _Index(self.hosts, private), _Index(dict.fromkeys(self.services, ""), private)


def host_as_ours(payload: dict[str, Any], host: str, node: str) -> None:
    """What a message calls its host stays beside the node's name, and is no contradiction to it."""
    if host and host != node:
        payload["host_said"] = host
    for key in ("host", "node"):
        if isinstance(payload.get(key), str) and host_in(payload[key]) == host:
            payload[key] = node


class _Index:
    """Names by what may be said instead of them. `private`: domains within which a short name is enough."""

    def __init__(self, names: Mapping[str, str], private: frozenset[str]):
        self._names = names
        self._private = private
        self._same: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._short: defaultdict[str, dict[tuple[str, str], None]] = defaultdict(dict)
        for name, address in names.items():
            for text in filter(None, (name, address)):
                self._same[key_of_host(text)][name] = None
                if not address_in(text):
                    short, domain = _split(text)
                    self._short[short][name, domain] = None

    def find(self, host: str) -> list[str]:
        """The names that are meant, as far as we know."""
        if host in self._names:
            return [host]
        address = address_in(host)
        if is_own(address):
            return []  # every machine calls itself so
        if same := self._same.get(key_of_host(host)):
            return list(same)
        if address:
            return []
        short, domain = _split(host)
        near = [name for name, its in self._short.get(short, ()) if self._may_be_one(its, domain)]
        return list(dict.fromkeys(near))

    def is_a_hosts(self, name: str) -> bool:
        """And no domain's, as far as its form tells: `nas.lan`, `vps.example.org`."""
        domain = _split(name)[1]
        return name not in self._private and (domain in _PRIVATE or "." in domain)

    def _may_be_one(self, domain: str, other: str) -> bool:
        """Of two names with the same first part: does one leave its domain out, or say only that it is in the house?"""
        if not domain or not other:
            return domain != other and self._is_private(domain or other)
        return _MDNS in (domain, other) and self._is_private(domain) and self._is_private(other)

    def _is_private(self, domain: str) -> bool:
        return domain in self._private or any(domain.endswith(f".{ours}") for ours in _PRIVATE)


def _only(found: Iterable[str]) -> str:
    """'' for none, or several."""
    names = set(found)
    return names.pop() if len(names) == 1 else ""


def _split(host: str) -> tuple[str, str]:
    short, _, domain = key_of_host(host).partition(".")
    return short, domain


def _domains_of(hosts: Mapping[str, str]) -> frozenset[str]:
    """The domains that the inventory writes out."""
    texts = [text for text in (*hosts, *hosts.values()) if not address_in(text)]
    return frozenset(domain for text in texts if (domain := _split(text)[1]))


def is_address(name: str) -> bool:
    """`blog.example.org`, `192.0.2.7`; not `shop.web`, and not a unit."""
    labels = name.split(".")
    return len(labels) > 2 and not name.endswith(UNIT_SUFFIXES)
