"""What a probe found: one target, healthy or unhealthy or unknown, at one check. Holds no history and no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mesh_core.models.events import Severity
from node_agent.checks.confirmation import ConfirmationRule


class Condition(StrEnum):
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"  # still starting, between two thresholds, paused: neither confirms nor clears


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one target. `key` is its identity (`docker:shop.web`), kept by a new container; no `service`: node.

    `facts` become the event's payload. `type` is the event type if it is unhealthy.
    """

    key: str
    service: str | None
    condition: Condition
    rule: ConfirmationRule
    type: str = ""
    severity: Severity = Severity.ERROR
    facts: dict[str, Any] = field(default_factory=dict)
    recheck_seconds: float | None = None  # the probe wants another check then, whatever the rule says


@dataclass(frozen=True, slots=True)
class CheckTarget:
    """What is looked at, and what is known of it whatever comes of that."""

    key: str
    service: str | None
    rule: ConfirmationRule
    facts: dict[str, Any]

    def result(
        self,
        condition: Condition,
        type_: str = "",
        severity: Severity = Severity.ERROR,
        recheck_seconds: float | None = None,
        **more: Any,
    ) -> CheckResult:
        """`more`: facts that go with this verdict."""
        facts = self.facts | more
        return CheckResult(self.key, self.service, condition, self.rule, type_, severity, facts, recheck_seconds)


def as_healthy(result: CheckResult, **facts: Any) -> CheckResult:
    """The same target, found healthy."""
    return CheckResult(result.key, result.service, Condition.HEALTHY, result.rule, facts={**result.facts, **facts})
