"""Which host a failing probe asks, and at which port, or a lost mount comes from: what ails those explains them. Pure.

An agent does not know what else its mesh consists of; the inventory does. Of an agent's own word the host counts, and
which container publishes that port there: a service that is only called so may be another one. A host that is none of
ours is named as it was written: nothing is known of it, but several that name it have it in common.
"""

from __future__ import annotations

from typing import Any

from mesh_core.incidents.causes import ASKS, NEEDS_ELSEWHERE
from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.records import is_name
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.names.hosts import host_in, port_in
from mesh_core.policy.names.known_names import KnownNames

_PROBES = (EventType.HTTP_PROBE_FAILED, EventType.TCP_PROBE_FAILED)
_ITSELF = ("localhost", "127.", "::1")


def asks_a_host(event: HealthEvent) -> bool:
    """Is it of a probe that looks for an answer, of a mount whose files come from elsewhere, or of what says that it
    needs another node?"""
    return bool(host_in(_asked(event)) or _listed(event))


def with_needed_node(event: HealthEvent, inventory: Inventory | str) -> HealthEvent:
    """The same trouble, with that node among what it needs, all of them by our names, and with the port that is asked
    there; the same object where nothing is known of it."""
    asked, listed = _asked(event), _listed(event)
    if not (asked or listed):
        return event
    names = None if isinstance(inventory, str) else KnownNames(inventory.addresses())
    needs = [_by_our_names(row, names) for row in listed] if names else [*listed]
    node = _node_at(host_in(asked), event.node, names)
    noted: dict[str, Any] = {}
    if is_name(node) and node != event.node:
        needs.append({"node": node})
    if needs != listed:
        noted[NEEDS_ELSEWHERE] = needs
    if is_name(node) and event.type in _PROBES and (port := port_in(asked)):
        noted[ASKS] = {"node": node, "port": port}
    return event.model_copy(update={"payload": {**event.payload, **noted}}) if noted else event


def _listed(event: HealthEvent) -> list[Any]:
    """What `depends_on` of its target says."""
    said = event.payload.get(NEEDS_ELSEWHERE) if event.trust is Trust.NODE else None
    return said if isinstance(said, list) else []


def _by_our_names(row: Any, names: KnownNames) -> Any:
    """A person wrote it into node.yml on that node, where each may call the same host otherwise."""
    node = row.get("node") if isinstance(row, dict) else None
    found = names.node(host_in(node)) if isinstance(node, str) else ""
    return {**row, "node": found} if found else row


def _node_at(host: str, here: str, names: KnownNames | None) -> str:
    """'' where nobody can tell."""
    if host.startswith(_ITSELF) or host.lower() == here.lower():
        return here
    if not host or names is None:
        return ""
    return names.node(host) or host


def _asked(event: HealthEvent) -> str:
    """Where its agent looked for an answer, or for files; '' of all else."""
    if event.trust is not Trust.NODE:
        return ""
    payload = event.payload
    if event.type in _PROBES:
        said = payload.get("url") or payload.get("address")
        return said if isinstance(said, str) else ""
    said = payload.get("source") if "mount" in payload else None
    return said if isinstance(said, str) and _is_elsewhere(said) else ""


def _is_elsewhere(asked: str) -> bool:
    """Not a device or a file: `nas:/export`, `//nas/share`, `http://nas/`."""
    return ":" in asked if not asked.startswith("/") else asked.startswith("//")
