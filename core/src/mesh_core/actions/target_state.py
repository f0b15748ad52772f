"""What was seen of a target: healthy, unhealthy or unknown, and the facts that say so. Pure; the executor looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class TargetStatus(StrEnum):
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"  # still starting, or nobody could tell


def numbers_in(facts: Mapping[str, Any]) -> dict[str, int]:
    """The whole numbers among what a look saw, by name."""
    return {name: seen for name, seen in facts.items() if type(seen) is int}


@dataclass(frozen=True)
class TargetState:
    """`sentence` is for a person, `facts` go into the outcome.

    `facts` has `exists`, `restarts` (how often it restarted by itself), `incarnation` (changes with every start of it),
    `start_period_seconds` and `checked` (a health check of its own says so, not just its manager), as far as they could
    be seen; the rest depends on the runtime.
    """

    health: TargetStatus
    sentence: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def seen(cls, health: TargetStatus, sentence: str, **facts: Any) -> TargetState:
        """With its sentence among the facts, so that an outcome has it too."""
        return cls(health, sentence, {**facts, "words": sentence})

    @property
    def restarts(self) -> int:
        return int(self.facts.get("restarts") or 0)

    @property
    def incarnation(self) -> str:
        return str(self.facts.get("incarnation") or "")

    @property
    def start_period_seconds(self) -> float:
        return float(self.facts.get("start_period_seconds") or 0)

    @property
    def checked(self) -> bool:
        return bool(self.facts.get("checked"))
