"""The incident rule: does this recovery end that trouble? Planner, silences, world and executor all ask here. Pure.

A recovery reaches some addresses of its place, a trouble has some; where both have one in common, the trouble is over.
The addresses are what a planner leaves in Redis as well, so that the marks there follow the same rule.

| who says it is over | what ends there |
|---|---|
| `node_online` | that the node was offline; if its own agent says it, also trouble of the node that has no name |
| `node_retired` | all that is wrong with the node and its services: there is no such node any more |
| a recovery without an incident | everything at that place |
| a recovery with one | that incident; trouble without a name too, unless the word is a foreign alert's |
| its own agent, of a service | every incident that this agent opened for it: it waits until all there is well |

Only these two end that a node was offline. The two events are compared for nothing else: not for their time.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol

from mesh_core.incidents.event_types import BENIGN, NOTICES, RECOVERIES, REMEDIATIONS, EventType
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.outcomes import OutcomeVerdict


class Trouble(Protocol):
    """What the rule asks of trouble: a HealthEvent has it, and so has OpenTrouble."""

    @property
    def node(self) -> str: ...
    @property
    def service(self) -> str | None: ...
    @property
    def type(self) -> str: ...
    @property
    def incident(self) -> str | None: ...


class OpenTrouble(NamedTuple):
    """What somebody remembers of trouble. `incident` None: whoever announced it gave it no name."""

    node: str
    service: str | None
    type: str
    incident: str | None


def is_benign(event: HealthEvent) -> bool:
    """Is it of a type that is never trouble, whatever else it says?"""
    return event.type in BENIGN


def is_trouble(event: HealthEvent) -> bool:
    """Does this say that something is wrong there? What an executor says of its own work does not."""
    return (
        not is_benign(event)
        and event.severity is not Severity.INFO
        and event.type not in NOTICES
        and event.type not in REMEDIATIONS
    )


def is_recovery(event: HealthEvent) -> bool:
    """Does this say that something is well there? A finished remediation only if our executor looked and saw it."""
    if event.type == EventType.REMEDIATION_COMPLETED:
        return event.trust is Trust.MESH and event.payload.get("verdict") == OutcomeVerdict.PROVEN
    return event.type in RECOVERIES


def ends(recovery: HealthEvent, trouble: Trouble) -> bool:
    """Is that trouble over, now that this was heard? False for an event that is no recovery."""
    return not addresses_reached(recovery).isdisjoint(addresses_of(trouble))


def addresses_reached(recovery: HealthEvent) -> frozenset[str]:
    """Whom this recovery speaks to: none for an event that is no recovery."""
    if not is_recovery(recovery):
        return frozenset()
    if recovery.type == EventType.NODE_ONLINE:
        if recovery.service is not None:
            return frozenset()
        # An agent names its troubles and keeps the names: of what has none, nobody would ever say that it is over.
        return _at(recovery, _OFFLINE, _UNNAMED) if recovery.trust is Trust.NODE else _at(recovery, _OFFLINE)
    if recovery.type == EventType.NODE_RETIRED:
        return frozenset([_retired(recovery.node)]) if recovery.service is None else frozenset()
    if recovery.incident is None:
        return _at(recovery, _ANY)
    if recovery.trust is Trust.FOREIGN:  # that a latency is low again does not start a container
        return _at(recovery, recovery.incident)
    if recovery.trust is Trust.NODE and recovery.service is not None and "ended" not in recovery.payload:
        # One that was killed while its disk was full may have forgotten an incident, and found the trouble anew. What
        # `ended` because nobody watches it any more says nothing of the rest.
        return _at(recovery, recovery.incident, _UNNAMED, _OF_ITS_AGENT)
    return _at(recovery, recovery.incident, _UNNAMED)


def addresses_of(trouble: Trouble) -> frozenset[str]:
    """Under which addresses a recovery finds this trouble."""
    return _own_addresses(trouble) | {_retired(trouble.node)}


def concerns(recovery: HealthEvent, node: str, service: str | None) -> bool:
    """Is this word about that place? That of a node that is no more is about each place there."""
    if _retires(recovery):
        return recovery.node == node
    return (recovery.node, recovery.service) == (node, service)


def concerns_any(recovery: HealthEvent, target_keys: Collection[str]) -> bool:
    """The same of many places, by their keys."""
    if _retires(recovery):
        return any(key.startswith(f"{recovery.node}/") for key in target_keys)
    return recovery.target_key in target_keys


def _retires(recovery: HealthEvent) -> bool:
    return recovery.type == EventType.NODE_RETIRED and recovery.service is None


def _own_addresses(trouble: Trouble) -> frozenset[str]:
    if trouble.service is None and trouble.type == EventType.NODE_OFFLINE:
        return _at(trouble, _OFFLINE)
    if trouble.incident is None:
        return _at(trouble, _ANY, _UNNAMED)
    if trouble.incident.startswith(f"{trouble.node}/{trouble.service or ''}/"):  # as an agent names them
        return _at(trouble, _ANY, trouble.incident, _OF_ITS_AGENT)
    return _at(trouble, _ANY, trouble.incident)


# With a blank, which no name and no incident has.
_ANY, _UNNAMED, _OF_ITS_AGENT, _OFFLINE = "", "without incident", "of its agent", "node offline"


def _retired(node: str) -> str:
    return f"{node} node retired"


def _at(trouble: Trouble, *words: str) -> frozenset[str]:
    place = f"{trouble.node}/{trouble.service or ''}"
    return frozenset([f"{place} {word}" if word else place for word in words])
