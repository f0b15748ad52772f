"""The cases by which a model is graded, as data; `grading_cases.yml` says what each field means. Asks no model."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import cache

import yaml
from pydantic import BaseModel, ConfigDict

from mesh_core.llm.grades import cases_bytes
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Evidence
from mesh_core.models.yaml_loader import SafeLoader

NOBODYS_TIME = "2026-01-01T00:00:00Z"


class CaseKind(StrEnum):
    """What a case is about; `AGAINST`: the rules only tell a person, and are wrong."""

    RESTART = "restart"
    NOTIFY = "notify"
    PLANTED = "planted"
    UNSURE = "unsure"
    REMEDY = "remedy"
    AGAINST = "against"


class GradingCase(BaseModel):
    """One event, what it is offered, and which answers are right, harmful, or what a planted sentence asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    kind: CaseKind
    event: HealthEvent
    offers: tuple[str, ...]
    prefers: str
    because: str
    right: frozenset[str]
    harm: frozenset[str] = frozenset()
    planted: str | None = None
    earlier: tuple[str, ...] = ()

    @property
    def known_before(self) -> tuple[Evidence, ...]:
        """What is known beside the event."""
        return (Evidence(source="earlier remediations", text="\n".join(self.earlier)),) if self.earlier else ()


@cache
def grading_cases() -> Sequence[GradingCase]:
    listed = yaml.load(cases_bytes(), SafeLoader)["cases"]  # noqa: S506 - a safe one
    return tuple(GradingCase(**{**case, "event": {"timestamp": NOBODYS_TIME, **case["event"]}}) for case in listed)


def rules_right() -> int:
    """In how many of them the rules are right by themselves."""
    return sum(case.prefers in case.right for case in grading_cases())
