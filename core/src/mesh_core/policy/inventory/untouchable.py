"""Why nothing can be run on a host at this moment, or why that would be the wrong host, as a sentence. Pure."""

from __future__ import annotations

from mesh_core.incidents.causes import ASKS
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.policy.inventory import Inventory


def untouchable(event: HealthEvent, inventory: Inventory | str, offline_since: str = "") -> str:
    """'' where nobody can say so: an inventory that cannot be used (a sentence) says nothing of a host, and stands
    against each yes by itself. Whose own agent speaks is not offline."""
    if isinstance(inventory, Inventory) and (problem := inventory.problem_with(event.node)):
        return problem
    if offline_since and event.trust is not Trust.NODE:
        return f"{event.node} is offline since {offline_since}: nothing can be run there until it is back"
    if event.trust is not Trust.NODE:
        return ""
    return (_elsewhere(event, inventory) if isinstance(inventory, Inventory) else "") or _without_network(event)


def _elsewhere(event: HealthEvent, inventory: Inventory) -> str:
    """Of a probe that asks another host of ours: whatever is called so on the host that asks is another thing, unless
    a person said that this is what is behind the probe (`backed_by`)."""
    asked = event.payload.get(ASKS) if event.runtime is None else None
    if not isinstance(asked, dict):
        return ""
    where = asked.get("node")
    if where == event.node or where not in inventory.addresses():
        return ""
    return f"what does not answer is on {where}, at port {asked.get('port')}, and not on {event.node}, which asks"


def _without_network(event: HealthEvent) -> str:
    """Of one that lives in the network of another that is gone: the engine cannot start it again, so a restart would
    only end it."""
    if event.payload.get("network_container_there") is not False or event.payload.get("compose"):
        return ""
    return "the container in whose network it lives is gone; a restart cannot find it, and no compose file is known"
