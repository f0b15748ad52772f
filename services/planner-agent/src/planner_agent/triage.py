"""Triage: which events deserve a model's time? Pure. Never looks at a clock, a model or Redis."""

from __future__ import annotations

from enum import StrEnum

from mesh_core.records import HealthEvent, Trust

MAX_DELIVERIES = 5
RECOVERED = frozenset({"service_healthy", "service_recovered"})


class Lane(StrEnum):
    """Where an event goes next."""

    NOTHING = "nothing"  # benign: acknowledged, no more
    RECOVERY = "recovery"  # the trouble may be over: withdraw what is open
    LEDGER = "ledger"  # what an executor did: remembered for the next proposal
    PLAN = "plan"  # through the gate to the ladder


def triage(event: HealthEvent) -> Lane:
    """One event, one lane. What an executor says of its own work is a fact to remember, not new trouble,
    as long as a node agent keeps announcing the incident behind it."""
    if event.type in RECOVERED:
        return Lane.RECOVERY
    if event.trust is Trust.MESH and event.type.startswith("remediation_"):
        return Lane.PLAN if event.type == "remediation_failed" and not event.incident else Lane.LEDGER
    return Lane.NOTHING if event.benign else Lane.PLAN


def is_poison(deliveries: int) -> bool:
    """Handed out so often that it must have taken a planner down each time: to the dead letters, and the floor."""
    return deliveries > MAX_DELIVERIES
