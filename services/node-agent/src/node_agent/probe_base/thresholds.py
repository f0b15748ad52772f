"""A number against its thresholds, with a band between them in which nothing is decided. Pure."""

from __future__ import annotations

from pydantic import model_validator

from mesh_core.models.events import Severity
from node_agent.checks.check_result import Condition
from node_agent.options import Positive
from node_agent.probe_base.probe import DefaultProbeOptions


class ThresholdOptions(DefaultProbeOptions):
    """Unhealthy from `high`, worse from `critical`, healthy below `low`; between low and high: as it was before."""

    every_seconds: Positive = 60
    high: Positive
    low: Positive
    critical: Positive

    @model_validator(mode="after")
    def _ordered(self) -> ThresholdOptions:
        if not self.low < self.high <= self.critical:
            raise ValueError("low must be below high, and high not above critical")
        return self


def evaluate(value: float, thresholds: ThresholdOptions) -> tuple[Condition, Severity]:
    if value >= thresholds.critical:
        return Condition.UNHEALTHY, Severity.CRITICAL
    if value >= thresholds.high:
        return Condition.UNHEALTHY, Severity.WARNING
    return (Condition.HEALTHY if value < thresholds.low else Condition.UNKNOWN), Severity.WARNING
