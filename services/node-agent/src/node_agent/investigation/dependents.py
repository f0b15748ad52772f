"""An unhealthy container: which of those that depend on it hang as well, in the order in which they need each other.

Those that a person stopped are none of them, as far as can be seen; nor is one of which nobody can tell how it does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mesh_core.models.records import is_name
from node_agent.containers.container_dependents import depends_on_it
from node_agent.containers.container_identity import Identity, container_facts, identity_for, is_one_off
from node_agent.containers.engine import Engine
from node_agent.investigation.question import Question

MOST_HANGING = 8  # more than these is a project that wants to be looked at by a person
_ENDED_BADLY = re.compile(r"Exited \((?!0\)|137\)|143\))")  # 0, and the signals of a stop: somebody's will

Row = Mapping[str, Any]


def look(question: Question, engine: Engine) -> dict[str, Any]:
    return hanging_on(question.service, question.facts.get("container"), question.answered(engine.containers()))


def hanging_on(service: str, container: object, rows: Sequence[Row]) -> dict[str, Any]:
    """`hanging`: each as an event tells of a container, first those that others of them need; `more` of them are not
    named. Empty where none hangs. Pure."""
    known = {str(row.get("Id")): (row, identity_for(row.get("Names") or [], row.get("Labels") or {})) for row in rows}
    wanted = {container} if container else {service}
    sick = [one for _, one in known.values() if wanted & {one.container, one.service}]
    found: dict[str, int] = {}  # container id -> how many steps it is away
    reached = sick
    for distance in range(len(known)):
        steps = {
            key: distance
            for key, (row, one) in known.items()
            if key not in found and one not in sick and any(_needs(row, one, other) for other in reached)
        }
        if not steps:
            break
        found |= steps
        reached = [known[key][1] for key in steps]
    hanging = [known[key] for key in _in_order(found, known) if _hangs(known[key][0])]
    if not hanging:
        return {}
    told = [container_facts(one, dict(row)) for row, one in hanging[:MOST_HANGING]]
    return {"hanging": told, **({"more": len(hanging) - len(told)} if len(hanging) > len(told) else {})}


def _in_order(found: Mapping[str, int], known: Mapping[str, tuple[Row, Identity]]) -> list[str]:
    """Each behind all that it needs; where they need each other in a circle, by how far away they are."""
    left = sorted(found, key=lambda key: (found[key], known[key][1].container))
    ordered: list[str] = []
    while left:
        free = [key for key in left if not any(other != key and _needs(*known[key], known[other][1]) for other in left)]
        ordered.append((free or left)[0])
        left.remove(ordered[-1])
    return ordered


def _needs(row: Row, one: Identity, other: Identity) -> bool:
    return is_name(one.container) and depends_on_it(row.get("Labels") or {}, one, other)


def _hangs(row: Row) -> bool:
    state, status = str(row.get("State")), str(row.get("Status"))
    if is_one_off(row.get("Labels") or {}):
        return False
    return state == "restarting" or "(unhealthy)" in status or (state == "exited" and bool(_ENDED_BADLY.match(status)))
