"""Probes of named targets that are watched from outside: what HTTP and TCP have in common. Connects to nothing."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

from mesh_core.models.records import Name
from node_agent.checks import CheckResult, Condition
from node_agent.confirmation import ConfirmationRule
from node_agent.options import Positive
from node_agent.probe import Backing, Describe, ProbeOptions


class TargetOptions(ProbeOptions):
    """One of a list of targets, each a probe of its own. `looks`: failed so often before it counts."""

    name: Name
    every_seconds: Positive = 10
    timeout_seconds: Positive
    looks: Annotated[int, Field(ge=1)] = 2
    backed_by: Backing | None = None

    @classmethod
    def section(cls) -> tuple[Any, Any]:
        return Annotated[tuple[cls, ...], AfterValidator(_each_its_name)], ()  # type: ignore[valid-type]


class TargetProbe:
    """`kind` is the section's name. A target without a backing is a service of its own name."""

    kind: str

    def __init__(self, options: TargetOptions, facts: dict[str, Any], describe: Describe | None = None):
        self.name = f"{self.kind}/{options.name}"
        self.every_seconds = options.every_seconds
        self._timeout = options.timeout_seconds
        self._backing = options.backed_by
        self._describe = describe
        self._service = self._backing.name if self._backing else options.name
        self._rule = ConfirmationRule(
            unhealthy_checks=options.looks, healthy_checks=2, recheck_seconds=min(1.0, options.every_seconds)
        )
        self._facts: dict[str, Any] = {"probe": {"kind": self.kind, "name": options.name}, **facts}
        if self._backing:
            self._facts["runtime"] = self._backing.runtime.value

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        """What the probe of its runtime knows of what stands behind this target."""
        return await self._describe(self._backing) if self._backing and self._describe else {}

    def _result(self, error: str, **facts: Any) -> CheckResult:
        """Healthy without an `error`."""
        condition = Condition.UNHEALTHY if error else Condition.HEALTHY
        facts = {**self._facts, **facts, **({"error": error} if error else {})}
        return CheckResult(
            f"{self.name}:", self._service, condition, self._rule, f"{self.kind}_probe_failed", facts=facts
        )


_Targets = TypeVar("_Targets", bound=tuple[TargetOptions, ...])


def _each_its_name(targets: _Targets) -> _Targets:
    for name, count in Counter(target.name for target in targets).items():
        if count > 1:
            raise ValueError(f"two probes are called {name!r}; give each its own name")
    return targets
