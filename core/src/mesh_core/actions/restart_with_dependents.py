"""Restart a container and then what depends on it and hangs as well, one after the other. Makes none anew.

Which these are, and in which order, the agent found on their host: each waits until the one before is healthy, and
who is healthy is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.actions.action_type import ActionType, Choice, not_where
from mesh_core.actions.container_restart import restart_tasks
from mesh_core.actions.container_state import read_look
from mesh_core.actions.containers import OTHERS, ContainerQuery, by_event, in_network_of, named_in, with_others
from mesh_core.actions.playbooks import PlaybookSet, play, target_of
from mesh_core.actions.remedies.offering import NOBODY_LOOKED
from mesh_core.incidents.investigation import fact_in
from mesh_core.models.events import HealthEvent, Runtime, Trust
from mesh_core.models.owner_labels import stop_timeout_in
from mesh_core.models.proposals import Proposal, Risk
from mesh_core.models.records import is_name

WELL_WITHIN_SECONDS = 60  # of each: what takes longer is no start that others should wait for
MOST_SECONDS = 600  # all of them; what an executor gives any run


def _hanging(event: HealthEvent) -> tuple[Mapping[str, Any], ...]:
    """Each as the agent tells of a container, in order; none of them where one has no name."""
    found = fact_in(event, "dependents.hanging")
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    named = all(isinstance(row.get("container"), str) and is_name(row["container"]) for row in rows)
    return tuple(rows) if rows and named else ()


def _names(event: HealthEvent) -> list[str]:
    own = {*named_in(event), *in_network_of(event)}
    return [name for row in _hanging(event) if (name := str(row["container"])) not in own]


def _unmet(event: HealthEvent) -> str:
    if event.trust is not Trust.NODE:
        return NOBODY_LOOKED
    if event.runtime is not Runtime.DOCKER or not named_in(event):
        return "no container is named"
    if not _names(event):
        return "nothing that depends on it hangs"
    return "more depends on it and hangs than one action may restart" if fact_in(event, "dependents.more") else ""


_CHOICE = Choice(
    "restart_with_dependents",
    "restart it, and then in order what depends on it and hangs as well, which a restart of it alone leaves as it is",
    interrupts=True,
    loop_guarded=True,
    conditions=not_where("restart_with_dependents", ("operator", "maintenance")),
    unmet=_unmet,
    targets=_hanging,
)


def _query(proposal: Proposal) -> tuple[str, str, ContainerQuery]:
    """(node, service, all of them in order). ValueError where the event names none that hangs."""
    node, service = target_of(proposal)
    names = _names(proposal.event)
    if not names:
        raise ValueError("its event names nothing that depends on it and hangs")
    return node, service, with_others(by_event(proposal.event, node, service), node, names)


def _playbooks(proposal: Proposal) -> PlaybookSet:
    node, service, every = _query(proposal)
    alone = by_event(proposal.event, node, service)
    asked = stop_timeout_in(proposal.event.payload)
    tasks = [*every.find, every.there]
    tasks += restart_tasks("Restart it", alone.ids, asked.seconds if asked else None, WELL_WITHIN_SECONDS)
    if alone.beside:
        tasks += restart_tasks("Restart those that live in its network", alone.beside_ids, None, WELL_WITHIN_SECONDS)
    tasks += restart_tasks("Restart what depends on it, in order", OTHERS, None, WELL_WITHIN_SECONDS)
    return PlaybookSet(
        apply=play(f"Restart {service} on {node} and what depends on it", node, every.variables, *tasks),
        look=every.look(node, service),
        converge=every.started(node, service),
    )


def _touches(proposal: Proposal) -> str:
    event = proposal.event
    own = [*(named_in(event) or (str(proposal.service),)), *in_network_of(event)]
    names = _names(event)
    return (
        f"restarts {len(own) + len(names)} containers on {proposal.node}: {', '.join(own)}, then in this order "
        f"{', '.join(names)}, each once the one before is healthy"
    )


def _told_change(proposal: Proposal, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    first, then = (_well(facts) for facts in (before, after))
    return f"{first[0]} -> {then[0]} of {then[1]} are healthy" if first[1] and then[1] and first != then else ""


def _well(facts: Mapping[str, Any]) -> tuple[int, int]:
    """(those that run and are not sick, all) of what a look saw."""
    containers = facts.get("containers")
    each = containers if isinstance(containers, list) else []
    return sum(one["status"] == "running" and one["health"] != "unhealthy" for one in each), len(each)


def _is_wide(proposal: Proposal) -> bool:
    return True


ACTION = ActionType(
    name="restart_with_dependents",
    risk=Risk.GUARDED,
    choice=_CHOICE,
    playbooks=_playbooks,
    read_look=read_look,
    touches=_touches,
    is_wide=_is_wide,
    told_change=_told_change,
    longest_seconds=MOST_SECONDS,
)
