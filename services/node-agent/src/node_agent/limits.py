"""A number against its limits, with a band between them in which nothing is decided. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mesh_core.models.events import Severity
from node_agent.findings import Condition


@dataclass(frozen=True, slots=True)
class Limits:
    """Sick from `high`, worse from `critical`, well below `low`; between low and high: as it was before."""

    high: float
    low: float
    critical: float


def judge(value: float, limits: Limits) -> tuple[Condition, Severity]:
    if value >= limits.critical:
        return Condition.SICK, Severity.CRITICAL
    if value >= limits.high:
        return Condition.SICK, Severity.WARNING
    return (Condition.WELL if value < limits.low else Condition.UNSURE), Severity.WARNING
