"""Questions to an investigation, with as long as they want for the answer. Not a test."""

from __future__ import annotations

from typing import Any

from node_agent.checks.check_result import CheckResult, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.investigation.options import InvestigationOptions
from node_agent.investigation.question import Question

NO_ENGINE = "unix:///nowhere/docker.sock"
FOREVER = float("inf")
KIB = 1024


def question(type_: str = "disk_space_low", deadline: float = FOREVER, **facts: Any) -> Question:
    return Question(type_, facts, deadline)


def result(type_: str = "disk_space_low", **facts: Any) -> CheckResult:
    return CheckResult("disk:/x", None, Condition.UNHEALTHY, ConfirmationRule(), type_, facts=facts)


def patient(seconds: float = 60) -> InvestigationOptions:
    """More than an event of a homelab may wait for, as a busy machine needs it."""
    return InvestigationOptions.model_construct(seconds=seconds)
