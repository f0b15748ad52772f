"""Which node of ours a failing probe leads to: what ails all of that one explains the probe, too. Pure.

An agent does not know what else its mesh consists of; the inventory does. Only the host counts, of an agent's own
probe: a service behind it may be another one than that which is ill there.
"""

from __future__ import annotations

from mesh_core.incidents.causes import NEEDS_ELSEWHERE
from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.names.hosts import host_in
from mesh_core.policy.names.known_names import KnownNames

_PROBES = (EventType.HTTP_PROBE_FAILED, EventType.TCP_PROBE_FAILED)
_ITSELF = ("localhost", "127.", "::1")


def probed_host(event: HealthEvent) -> str:
    """Where the probe of a node's own agent looked for an answer; '' of all else, and of what is on that very node."""
    if event.trust is not Trust.NODE or event.type not in _PROBES:
        return ""
    asked = event.payload.get("url") or event.payload.get("address")
    host = host_in(asked) if isinstance(asked, str) else ""
    return "" if host.startswith(_ITSELF) else host


def with_probed_node(event: HealthEvent, inventory: Inventory | str) -> HealthEvent:
    """The same trouble, with that node among what it needs; the same object where it leads to none of ours."""
    host = probed_host(event)
    node = "" if not host or isinstance(inventory, str) else KnownNames(inventory.addresses()).node(host)
    if node in ("", event.node):
        return event
    told = event.payload.get(NEEDS_ELSEWHERE)
    needs = [*(told if isinstance(told, list) else ()), {"node": node}]
    return event.model_copy(update={"payload": {**event.payload, NEEDS_ELSEWHERE: needs}})
