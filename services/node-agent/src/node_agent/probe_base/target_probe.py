"""Probes of named targets that are watched from outside: what HTTP and TCP have in common.

Connects to nothing but a target whose certificate has run out, to see that it is so.
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

from mesh_core.models.records import Name, ServiceName
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.options import Options, Positive
from node_agent.probe_base.certificate_watch import WARN_DAYS, certificate_result
from node_agent.probe_base.probe import Backing, Describe, ProbeOptions
from node_agent.protocols.certificate import certificate_in
from node_agent.protocols.connection import Endpoint, certificate_at, has_run_out


class Needed(Options):
    """Something of another node that a target needs; without a `service` the node itself."""

    node: Name
    service: ServiceName | None = None


class TargetOptions(ProbeOptions):
    """One of a list of targets, each a probe of its own. `looks`: failed so often before it counts.

    `certificate_days`: so long before the end of the certificate that it shows people are told; 0: never.
    `depends_on`: what it needs on other nodes; while that is in trouble, this is explained by it.
    """

    name: Name
    every_seconds: Positive = 10
    timeout_seconds: Positive
    looks: Annotated[int, Field(ge=1)] = 2
    backed_by: Backing | None = None
    verify_tls: bool = True
    certificate_days: Annotated[float, Field(ge=0)] = WARN_DAYS
    depends_on: Annotated[tuple[Needed, ...], Field(max_length=16)] = ()

    @classmethod
    def section(cls) -> tuple[Any, Any]:
        return Annotated[tuple[cls, ...], AfterValidator(_each_its_name)], ()  # type: ignore[valid-type]


class TargetProbe:
    """`kind` is the section's name. A target without a backing is a service of its own name."""

    kind: str

    def __init__(
        self, options: TargetOptions, endpoint: Endpoint, facts: dict[str, Any], describe: Describe | None = None
    ):
        self.name = f"{self.kind}/{options.name}"
        self.every_seconds = options.every_seconds
        self._timeout = options.timeout_seconds
        self._backing = options.backed_by
        self._describe = describe
        self._endpoint = endpoint
        self._certificate_days = options.certificate_days if endpoint.tls else 0.0
        self._service = self._backing.name if self._backing else options.name
        self._rule = ConfirmationRule(
            unhealthy_checks=options.looks, healthy_checks=2, recheck_seconds=min(1.0, options.every_seconds)
        )
        self._facts: dict[str, Any] = {"probe": {"kind": self.kind, "name": options.name}, **facts}
        if self._backing:
            self._facts["runtime"] = self._backing.runtime.value
        if options.depends_on:
            self._facts["needs_elsewhere"] = [
                one.model_dump(mode="json", exclude_none=True) for one in options.depends_on
            ]
        self._about_certificate: dict[str, Any] = {
            "probe": self._facts["probe"],
            "address": str(endpoint),
            **({"backed_by": self._backing.model_dump(mode="json")} if self._backing else {}),
        }

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        """What the probe of its runtime knows of what stands behind this target."""
        about_service = result.service is not None  # and not its certificate
        return await self._describe(self._backing) if about_service and self._backing and self._describe else {}

    async def _results(
        self, error: str, cause: BaseException | None = None, certificate: bytes = b"", **facts: Any
    ) -> list[CheckResult]:
        """Healthy without an `error`, which came of `cause`; and how it is with the certificate (DER) that it shows."""
        condition = Condition.UNHEALTHY if error else Condition.HEALTHY
        if self._certificate_days and not certificate and has_run_out(cause):
            shown = await certificate_at(self._endpoint, self._timeout)
            if (its := certificate_in(shown)) and its.ends_at < time.time():  # and not one of those that vouch for it
                certificate, condition = shown, Condition.UNKNOWN  # one trouble, and the certificate's own
        facts = {**self._facts, **facts, **told_by(cause), **({"error": error} if error else {})}
        answers = CheckResult(
            f"{self.name}:", self._service, condition, self._rule, f"{self.kind}_probe_failed", facts=facts
        )
        if not self._certificate_days:
            return [answers]
        key, about = f"{self.name}:certificate", self._about_certificate
        return [answers, certificate_result(key, certificate, time.time(), self._certificate_days, about)]


def told_by(failure: BaseException | None) -> dict[str, Any]:
    """What the kind of a failure says in a field: of a name that leads nowhere, nothing behind it is to blame."""
    return {"name_resolves": False} if isinstance(failure, socket.gaierror) else {}


_Targets = TypeVar("_Targets", bound=tuple[TargetOptions, ...])


def _each_its_name(targets: _Targets) -> _Targets:
    for name, count in Counter(target.name for target in targets).items():
        if count > 1:
            raise ValueError(f"two probes are called {name!r}; give each its own name")
    return targets
