"""Restart the container that is sick; all of its service where the event does not say which. Makes none anew.

What lives in its network goes with it: after a restart of its host alone it would stay without one.
"""

from __future__ import annotations

from mesh_core.actions.action_type import ActionType
from mesh_core.actions.choices import RESTART
from mesh_core.actions.container_state import read_look
from mesh_core.actions.containers import (
    NEVER_RECREATE,
    by_event,
    in_network_of,
    inspect_each,
    may_be_of_compose,
    named_in,
)
from mesh_core.actions.playbooks import PlaybookSet, Task, play, target_of
from mesh_core.models.events import HealthEvent, Runtime
from mesh_core.models.owner_labels import (
    AUTOHEAL_STOP_TIMEOUT,
    MAX_STOP_SECONDS,
    STOP_TIMEOUT,
    label_problems,
    labels_in,
    stop_timeout,
    stop_timeout_in,
)
from mesh_core.models.proposals import Proposal, Risk

ENGINES_OWN_SECONDS = 10  # what an engine gives a container that says nothing


def _fits(event: HealthEvent) -> bool:
    """An event that names no runtime means a container (the contract's default)."""
    return event.runtime in (None, Runtime.DOCKER)


# What the engine said of the container that a loop is at, read when it is used. The module passes 10 s where it is
# told nothing, over what the container itself asks for.
_ITS_SETTINGS = "{{ (each.results | selectattr('item', 'eq', item) | first).container.Config }}"
_ITS_LABELS = "(mend_settings.Labels | default({}, true))"
_ITS_SECONDS = (
    f"{{{{ [[{_ITS_LABELS}.get('{STOP_TIMEOUT}', {_ITS_LABELS}.get('{AUTOHEAL_STOP_TIMEOUT}', "
    f"mend_settings.StopTimeout | default({ENGINES_OWN_SECONDS}, true))) | int({ENGINES_OWN_SECONDS}), 1]"
    f" | max, {MAX_STOP_SECONDS}] | min }}}}"
)


def _playbooks(proposal: Proposal) -> PlaybookSet:
    node, service = target_of(proposal)
    found = by_event(proposal.event, node, service)
    asked = stop_timeout_in(proposal.event.payload)
    tasks = [*found.find, *found.beside, found.there]
    tasks += restart_tasks("Restart it", found.ids, asked.seconds if asked else None)
    if found.beside:
        tasks += restart_tasks("Restart those that live in its network", found.beside_ids, None)
    return PlaybookSet(
        apply=play(f"Restart {service} on {node}", node, found.variables, *tasks),
        look=found.look(node, service),
        converge=found.started(node, service),
    )


def restart_tasks(title: str, ids: str, seconds: int | None, wait_seconds: int = 0) -> list[Task]:
    """Each of them, with so many seconds to stop; None: as its own labels, or else its settings, say at that moment.

    `wait_seconds`: the next only once the check of the one before says that it is well, for which it has that long.
    """
    options = {
        "name": "{{ item }}",
        "state": "started",
        **({"state": "healthy", "healthy_wait_timeout": wait_seconds} if wait_seconds else {}),
        "restart": True,
        "stop_timeout": _ITS_SECONDS if seconds is None else seconds,
        **NEVER_RECREATE,
    }
    restart: Task = {"name": title, "community.docker.docker_container": options, "loop": f"{{{{ {ids} }}}}"}
    if seconds is not None:
        return [restart]
    see = {**inspect_each(ids), "name": "See how long each may take to stop", "register": "each"}
    return [see, {**restart, "vars": {"mend_settings": _ITS_SETTINGS}}]


def _touches(proposal: Proposal) -> str:
    event, place = proposal.event, f"on {proposal.node}"
    names, beside = named_in(event), in_network_of(event)
    if claim := may_be_of_compose(event):
        project, service = claim
        said = (
            f"restarts the container {event.service} {place}; if none is called so, every one of the service {service} "
            f"of the compose project {project} that nobody stopped"
        )
    elif names:
        number = len(names) + len(beside)
        said = f"restarts {number} container{'s' if number > 1 else ''} {place}: {', '.join(names)}"
    else:
        said = f"restarts every container of {proposal.service} {place} that nobody stopped: the event names none"
    if beside:
        lives = "lives in its network" if len(beside) == 1 else "live in its network"
        said += f", and with it {', '.join(beside)}, which {lives}"
    return f"{said}{_stopping(event)}"


def _stopping(event: HealthEvent) -> str:
    """What its owner's labels say of the time that it gets to stop, and what is wrong with them."""
    said = ""
    for labels in labels_in(event.payload):
        if asked := stop_timeout(labels):
            more = f", which asks for {asked.asked}" if asked.asked > asked.seconds else ""
            said = f"; it gets {asked.seconds} s to stop (label {asked.label}{more})"
        said += "".join(f"; {problem}" for problem in label_problems(labels))
        if said:
            break
    return said


def _is_wide(proposal: Proposal) -> bool:
    event = proposal.event
    return may_be_of_compose(event) is not None or len(named_in(event)) + len(in_network_of(event)) != 1


ACTION = ActionType(
    name="container_restart",
    risk=Risk.LOW,
    choice=RESTART,
    fits=_fits,
    playbooks=_playbooks,
    read_look=read_look,
    touches=_touches,
    is_wide=_is_wide,
)
