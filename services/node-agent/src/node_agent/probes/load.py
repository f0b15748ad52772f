"""A node with more work than cores: the five-minute load per core. A short burst is no load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from node_agent.checks.check_result import CheckResult
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.host.processes import busy_processes
from node_agent.options import Positive
from node_agent.probe_base.probe import ProbeContext
from node_agent.probe_base.thresholds import ThresholdOptions, evaluate

RULE = ConfirmationRule(unhealthy_checks=2, healthy_checks=2, recheck_seconds=10.0)


class LoadOptions(ThresholdOptions):
    """Five-minute load per core."""

    high: Positive = 4
    low: Positive = 3
    critical: Positive = 16

    def create(self, context: ProbeContext) -> LoadProbe:
        return LoadProbe(self)


class LoadProbe:
    name = "load"

    def __init__(self, options: LoadOptions, loadavg: Path = Path("/proc/loadavg"), cores: int | None = None):
        self.every_seconds = options.every_seconds
        self._options = options
        self._loadavg = loadavg
        self._cores = cores or os.cpu_count() or 1

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        one, five, fifteen = (float(word) for word in self._loadavg.read_text().split()[:3])
        condition, severity = evaluate(five / self._cores, self._options)
        facts = {
            "load_per_core": round(five / self._cores, 2),
            "load": [one, five, fifteen],
            "cores": self._cores,
        }
        return [CheckResult("load:node", None, condition, RULE, "load_high", severity, facts)]

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        return {"processes": busy_processes()} if result.type == "load_high" else {}
