"""Which host a failing probe leads to, or a lost mount comes from: what ails all of that one explains them, too. Pure.

An agent does not know what else its mesh consists of; the inventory does. Only the host counts, of an agent's own word:
a service behind it may be another one than that which is ill there. A host that is none of ours is named as it was
written: nothing is known of it, but several that name it have it in common.
"""

from __future__ import annotations

from mesh_core.incidents.causes import NEEDS_ELSEWHERE
from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.records import is_name
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.names.hosts import host_in
from mesh_core.policy.names.known_names import KnownNames

_PROBES = (EventType.HTTP_PROBE_FAILED, EventType.TCP_PROBE_FAILED)
_ITSELF = ("localhost", "127.", "::1")


def needed_host(event: HealthEvent) -> str:
    """Where its agent looked for an answer, or for files; '' of all else, and of what is on that very node."""
    if event.trust is not Trust.NODE:
        return ""
    payload = event.payload
    if event.type in _PROBES:
        asked = payload.get("url") or payload.get("address")
    else:
        asked = payload.get("source") if "mount" in payload else None
    host = host_in(asked) if isinstance(asked, str) and _is_elsewhere(asked) else ""
    return "" if host.startswith(_ITSELF) else host


def with_needed_node(event: HealthEvent, inventory: Inventory | str) -> HealthEvent:
    """The same trouble, with that node among what it needs; the same object where it needs none."""
    host = needed_host(event)
    if not host or isinstance(inventory, str):
        return event
    node = KnownNames(inventory.addresses()).node(host) or host
    if node == event.node or not is_name(node):
        return event
    told = event.payload.get(NEEDS_ELSEWHERE)
    needs = [*(told if isinstance(told, list) else ()), {"node": node}]
    return event.model_copy(update={"payload": {**event.payload, NEEDS_ELSEWHERE: needs}})


def _is_elsewhere(asked: str) -> bool:
    """Not a device or a file: `nas:/export`, `//nas/share`, `http://nas/`."""
    return ":" in asked if not asked.startswith("/") else asked.startswith("//")
