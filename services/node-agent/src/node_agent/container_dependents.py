"""Which other containers depend on one, as their labels and networks say: for who is asked to restart it. Pure."""

from __future__ import annotations

from typing import Any

from mesh_core.models.records import is_name
from node_agent.container_identity import Identity, identity_for
from node_agent.container_labels import depends_on

MAX_DEPENDENTS = 32


def dependents_of(identity: Identity, container_id: str, rows: list[dict[str, Any]]) -> list[str]:
    """Their names, in order. `rows` are the engine's short form of all containers."""
    found = set()
    for row in rows:
        other = identity_for(row.get("Names") or [], row.get("Labels") or {})
        if (
            str(row.get("Id")) != container_id
            and is_name(other.container)
            and _depends(row, other, identity, container_id)
        ):
            found.add(other.container)
    return sorted(found)[:MAX_DEPENDENTS]


def _depends(row: dict[str, Any], other: Identity, identity: Identity, container_id: str) -> bool:
    network = str((row.get("HostConfig") or {}).get("NetworkMode") or "")
    if network in (f"container:{container_id}", f"container:{identity.container}"):
        return True
    needed = set(depends_on(row.get("Labels") or {}))
    if needed & {identity.service, identity.container}:
        return True
    mine, its = identity.compose, other.compose
    return mine is not None and its is not None and mine["project"] == its["project"] and mine["service"] in needed
