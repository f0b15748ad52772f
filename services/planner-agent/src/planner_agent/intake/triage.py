"""Triage: which events deserve a model's time? Pure. Never looks at a clock, a model or Redis."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from mesh_core.actions.register import current
from mesh_core.incidents.event_types import RECOVERIES, REMEDIATIONS, EventType
from mesh_core.incidents.rule import is_benign
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.silences.silence import Silence

MAX_BEGUN = 5


class Route(StrEnum):
    """Where an event goes next."""

    NOTHING = "nothing"  # benign: acknowledged, no more
    RECOVERY = "recovery"  # the trouble may be over: withdraw what is open
    RUN = "run"  # what an executor did: remembered for the next proposal
    PLAN = "plan"  # through the gate to the fallback chain
    SILENCED = "silenced"  # it would be planned, but a person said: not now


def triage(event: HealthEvent, silences: Sequence[Silence] = ()) -> Route:
    """One event, one route. What an executor says of its own work is a fact to remember, not new trouble,
    as long as a node agent keeps announcing the incident behind it. `silences` are those that hold for this event."""
    if event.type in RECOVERIES:
        return Route.RECOVERY
    executors = event.trust is Trust.MESH and event.type in REMEDIATIONS
    if executors and (event.type != EventType.REMEDIATION_FAILED or event.incident):
        return Route.RUN
    if is_benign(event):
        return Route.NOTHING
    return Route.SILENCED if silences else Route.PLAN


def calls_for_another(run: HealthEvent) -> bool:
    """Did a remedy run and not help? Then what may help next need not wait out a cooldown. A restart would only be
    made once more."""
    return (
        run.payload.get("verdict") == OutcomeVerdict.NOT_HELPED and str(run.payload.get("type")) in current().remedies
    )


def is_poison(begun: int) -> bool:
    """Work on it has begun so often that it must have taken a planner down each time: to the dead letters, and the
    floor."""
    return begun > MAX_BEGUN
