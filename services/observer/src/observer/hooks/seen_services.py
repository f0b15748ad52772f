"""What a node's own agent sees running there, for an alert that no label joins with a service of it.

One question to Redis for each node that a request speaks so of. Of a node without a fresh note nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping

from mesh_core.incidents.event_types import NODE_UNREACHABLE, SERVICE_DOWN, SERVICE_UNHEALTHY, EventType
from mesh_core.incidents.sighting import SightingsNote, is_called_there
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.sighting_notes import note_of
from mesh_core.models.events import HealthEvent
from mesh_core.models.sightings import MatchedBy
from mesh_core.policy.event_facts.facts import Fact, facts_for
from mesh_core.policy.names.hosts import host_in, port_in
from mesh_core.policy.names.known_names import KnownNames
from mesh_core.runbooks.folding import words_of
from observer.hooks.alert import Alert
from observer.hooks.mapping import ASKED_OF
from observer.hooks.service_in_names import is_a_programs_name, service_in_headline

# Whose address did not answer; a node whose agent speaks is not unreachable, one of its ports may be.
_PROBES = (EventType.HTTP_PROBE_FAILED, EventType.TCP_PROBE_FAILED, NODE_UNREACHABLE)
_ENDED = frozenset(["down", "offline", "dead", "stopped", "crashed", "gone", "missing", "inactive", "failed"])
_DOWN = _ENDED | {"unreachable", "unavailable", "unhealthy", "failing", "failure", "error"}
_NOT_UP = frozenset(["up", "running", "active", "responding", "answering", "reachable", "available", "healthy"])
_OF_IT = frozenset(["is", "has", "not", "service", "container", "unit", "process", "program", "app", "instance"])
# Who answers there is as often a proxy, and what is asked lies behind it.
_PROXIES_PORTS = frozenset({80, 443})


class SeenServices:
    """Of one request. `names`: what the mesh calls hosts and services."""

    def __init__(self, bus: Bus, names: KnownNames):
        self._bus = bus
        self._names = names
        self._known: dict[str, SightingsNote] = {}

    async def meant_by(self, alert: Alert, event: HealthEvent) -> tuple[str, MatchedBy] | None:
        """The one service of the event's node that the alert can mean, as its agent calls it, and what says so.

        The event may have a service already: a monitor's own name, which counts where something is called so. Raises
        BusDown.
        """
        if event.node not in self._known:
            self._known[event.node] = await note_of(self._bus, event.node)
        note = self._known[event.node]
        if event.service is None:
            services = {name: one.service for one in note.rows for name in (*one.names, one.service)}
            if service := service_that_is_down(alert.name, services):
                return service, MatchedBy.NAME
            if alert.headline and (service := service_in_headline(alert.headline, services)):
                return service, MatchedBy.HEADLINE
        elif self._is_known(event.service, event.node, note):
            return None
        service = self._at_port(alert, event, note)
        return (service, MatchedBy.PORT) if service else None

    def _is_known(self, service: str, node: str, note: SightingsNote) -> bool:
        return service in self._names.services.get(node, ()) or is_called_there(service, note.rows)

    def _is_node(self, host: str, node: str) -> bool:
        """By its name or address: below its name lies what a proxy leads to."""
        return node in (host, self._names.node(host))

    def _at_port(self, alert: Alert, event: HealthEvent, note: SightingsNote) -> str:
        """Who answers where a probe asked in vain: at the node's own name or address, and at a port of its own."""
        if not note.ports or not (event.type in _PROBES or Fact.UNANSWERED in facts_for(event)):
            return ""
        asked = [text for label in ASKED_OF if (text := alert.labels.get(label, "").strip())]
        here = {port_in(text) or 0 for text in asked if self._is_node(host_in(text), event.node)}
        found = {note.ports[port] for port in here - _PROXIES_PORTS if port in note.ports}
        return found.pop() if len(found) == 1 else ""


def service_that_is_down(name: str, services: Mapping[str, str]) -> str:
    """Of `services` (by each of their names) the only one that an alert is called after which says no more than that
    this is down: `PaperlessDown`, `paperless_not_running`. '' for none, or several."""
    said = words_of(name)
    named = {service for called, service in services.items() if _is_said_to_be_down(called, said)}
    return named.pop() if len(named) == 1 else ""


def state_said_of_it(name: str) -> str:
    """As the mesh calls what such an alert tells: whoever says it, in whatever words, it is one trouble of that
    service."""
    said = set(words_of(name))
    return SERVICE_DOWN if said & _ENDED or {"not", "running"} <= said else SERVICE_UNHEALTHY


def _is_said_to_be_down(called: str, said: list[str]) -> bool:
    called = called.removesuffix(".service")
    asked = words_of(called)
    if not is_a_programs_name(called) or said[: len(asked)] != asked:
        return False
    rest = set(said[len(asked) :])
    is_down = not rest.isdisjoint(_DOWN) or ("not" in rest and not rest.isdisjoint(_NOT_UP))
    return is_down and rest <= _DOWN | _NOT_UP | _OF_IT
