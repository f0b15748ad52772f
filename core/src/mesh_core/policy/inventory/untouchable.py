"""Why nothing can be run on a host at this moment, as a sentence that says what is missing. Pure."""

from __future__ import annotations

from mesh_core.models.events import HealthEvent, Trust
from mesh_core.policy.inventory import Inventory


def untouchable(event: HealthEvent, inventory: Inventory | str, offline_since: str = "") -> str:
    """'' where nobody can say so: an inventory that cannot be used (a sentence) says nothing of a host, and stands
    against each yes by itself. Whose own agent speaks is not offline."""
    if isinstance(inventory, Inventory) and (problem := inventory.problem_with(event.node)):
        return problem
    if offline_since and event.trust is not Trust.NODE:
        return f"{event.node} is offline since {offline_since}: nothing can be run there until it is back"
    return ""
