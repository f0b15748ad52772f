"""Which other containers hang on one, as their labels and networks say: for who is asked to restart it. Pure.

`rows` are the engine's short form of all containers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mesh_core.models.records import is_name
from node_agent.containers.container_identity import UP, Identity, identity_for, is_one_off
from node_agent.containers.container_labels import depends_on

MAX_DEPENDENTS = 32

Rows = Sequence[dict[str, Any]]


def company_of(identity: Identity, container_id: str, rows: Rows) -> dict[str, list[str]]:
    """What an event says of them: `dependents`, `in_its_network` and `replicas`; none of it where there are none.

    What lives in its network has none of its own, and none at all after a restart of this one alone; only those that
    are up count. `replicas` are all of a compose service of several, this one and stopped ones among them.
    """
    found: dict[str, list[str]] = {"dependents": [], "in_its_network": [], "replicas": []}
    for row in rows:
        labels = row.get("Labels") or {}
        other = identity_for(row.get("Names") or [], labels)
        if not is_name(other.container):
            continue
        if identity.compose is not None and other.compose == identity.compose and not is_one_off(labels):
            found["replicas"].append(other.container)
        if str(row.get("Id")) == container_id:
            continue
        if _lives_in(row, identity, container_id):
            if row.get("State") in UP:
                found["in_its_network"].append(other.container)
        elif depends_on_it(labels, other, identity):
            found["dependents"].append(other.container)
    if len(found["replicas"]) == 1:
        found["replicas"] = []
    return {word: sorted(set(names))[:MAX_DEPENDENTS] for word, names in found.items() if names}


def network_owner_of(row: Mapping[str, Any]) -> str:
    """In whose network a container lives, by its name or id; '' where it has one of its own. `row`: of a list of the
    engine's, or what it knows of one."""
    of, _, owner = str((row.get("HostConfig") or {}).get("NetworkMode") or "").partition(":")
    return owner if of == "container" else ""


def lost_network_of(mine: dict[str, Any], rows: Rows) -> dict[str, Any]:
    """Whose network the one of this row lives in, where that one is gone: an update made it anew under another id, and
    what lived with the old one runs on without any network. A restart cannot find it either. {} for all others."""
    owner = network_owner_of(mine)
    if not owner or any(_is_called(row, owner) for row in rows):
        return {}
    return {"network_mode": f"container:{owner[:12]}", "network_container_there": False}


def _is_called(row: dict[str, Any], owner: str) -> bool:
    return str(row.get("Id")).startswith(owner) or f"/{owner}" in (row.get("Names") or [])


def _lives_in(row: dict[str, Any], identity: Identity, container_id: str) -> bool:
    owner = network_owner_of(row)
    return bool(owner) and owner in (container_id, identity.container)


def depends_on_it(labels: Mapping[str, str], other: Identity, identity: Identity) -> bool:
    """Does `other`, which has these labels, need `identity` to run?"""
    needed = set(depends_on(labels))
    if needed & {identity.service, identity.container}:
        return True
    mine, its = identity.compose, other.compose
    return mine is not None and its is not None and mine["project"] == its["project"] and mine["service"] in needed
