"""Triage: which events deserve a model's time? Pure. Never looks at a clock, a model or Redis."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from mesh_core.models.events import HealthEvent, Trust
from mesh_core.silences.silence import Silence

MAX_BEGUN = 5
RECOVERED = frozenset({"service_healthy", "service_recovered", "node_online"})


class Lane(StrEnum):
    """Where an event goes next."""

    NOTHING = "nothing"  # benign: acknowledged, no more
    RECOVERY = "recovery"  # the trouble may be over: withdraw what is open
    LEDGER = "ledger"  # what an executor did: remembered for the next proposal
    PLAN = "plan"  # through the gate to the ladder
    SILENCED = "silenced"  # it would be planned, but a person said: not now


def triage(event: HealthEvent, silences: Sequence[Silence] = ()) -> Lane:
    """One event, one lane. What an executor says of its own work is a fact to remember, not new trouble,
    as long as a node agent keeps announcing the incident behind it. `silences` are those that hold for this event."""
    if event.type in RECOVERED:
        return Lane.RECOVERY
    executors = event.trust is Trust.MESH and event.type.startswith("remediation_")
    if executors and (event.type != "remediation_failed" or event.incident):
        return Lane.LEDGER
    if event.benign:
        return Lane.NOTHING
    return Lane.SILENCED if silences else Lane.PLAN


def subject_of(event: HealthEvent) -> str:
    """What one cooldown and one open proposal are about: `node/service`; for a whole node, each type by itself.

    A full disk must not hide behind the open proposal of a busy processor.
    """
    return event.pair if event.service is not None else f"{event.node}/@{event.type}"


def is_over(trouble: HealthEvent, recovery: HealthEvent) -> bool:
    """Does this recovery speak of that trouble? A service is well as a whole, a node incident by incident.

    An alert that is resolved says so of itself only: that a latency is low again does not start a container.
    """
    if (trouble.node, trouble.service) != (recovery.node, recovery.service):
        return False
    if recovery.type == "node_online":  # says that the agent is there, and nothing about what ails its host
        return trouble.type == "node_offline"
    if recovery.trust is Trust.FOREIGN and recovery.incident is not None:
        return trouble.incident == recovery.incident
    if trouble.service is not None or trouble.incident is None or recovery.incident is None:
        return True
    return trouble.incident == recovery.incident


def is_poison(begun: int) -> bool:
    """Work on it has begun so often that it must have taken a planner down each time: to the dead letters, and the
    floor."""
    return begun > MAX_BEGUN
