"""What a probe saw: one thing, sick or well or unsure, at one look. Holds no history and no clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from mesh_core.models.events import Severity


class Condition(StrEnum):
    SICK = "sick"
    WELL = "well"
    UNSURE = "unsure"  # still starting, inside a hysteresis band, paused: neither confirms nor clears


@dataclass(frozen=True, slots=True)
class Rule:
    """How long something must look sick (or well) before it counts; both the looks and the seconds must be reached."""

    sick_looks: int = 2
    sick_seconds: float = 0.0
    well_looks: int = 2
    well_seconds: float = 0.0
    again_seconds: float = 1.0  # when to look again while it is undecided


@dataclass(frozen=True, slots=True)
class Finding:
    """One look at one thing. `key` is its identity (`docker:shop.web`), surviving recreation; no `service` = the node.

    `facts` become the event's payload. `type` is the event type if sick.
    """

    key: str
    service: str | None
    condition: Condition
    rule: Rule
    type: str = ""
    severity: Severity = Severity.ERROR
    facts: dict[str, Any] = field(default_factory=dict)
    again_seconds: float | None = None  # the probe wants another look then, whatever the rule says


class Probe(Protocol):
    """Settings in, findings out. No bus, no loop."""

    name: str
    every_seconds: float

    async def look(self, only: frozenset[str] | None) -> list[Finding]:
        """At the things with these keys, or at everything (None). May raise OSError: then nothing was seen."""
        ...

    async def evidence(self, finding: Finding) -> dict[str, Any]:
        """More payload, gathered at the moment a finding becomes an event (logs, health output)."""
        ...


About = Callable[[str], Awaitable[dict[str, Any]]]  # service -> what its runtime's probe knows of it


def well(finding: Finding, **facts: Any) -> Finding:
    """The same thing, looking well."""
    return Finding(finding.key, finding.service, Condition.WELL, finding.rule, facts={**finding.facts, **facts})
