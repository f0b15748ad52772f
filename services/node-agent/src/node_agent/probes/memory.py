"""Memory that runs out on this node: what is not available, in percent. Looks at nothing but /proc/meminfo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from node_agent.checks.check_result import CheckResult
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.host.processes import largest_processes, sizes_in
from node_agent.options import Positive
from node_agent.probe_base.probe import ProbeContext
from node_agent.probe_base.thresholds import ThresholdOptions, evaluate

RULE = ConfirmationRule(unhealthy_checks=3, healthy_checks=2, recheck_seconds=5.0)


class MemoryOptions(ThresholdOptions):
    """Percent of memory that is not available."""

    high: Positive = 95
    low: Positive = 90
    critical: Positive = 98

    def create(self, context: ProbeContext) -> MemoryProbe:
        return MemoryProbe(self)


class MemoryProbe:
    name = "memory"

    def __init__(self, options: MemoryOptions, meminfo: Path = Path("/proc/meminfo")):
        self.every_seconds = options.every_seconds
        self._options = options
        self._meminfo = meminfo

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        kib = sizes_in(self._meminfo.read_text())
        used = 100 * (1 - kib["MemAvailable"] / kib["MemTotal"])
        condition, severity = evaluate(used, self._options)
        facts = {
            "used_percent": round(used, 1),
            "available_mib": kib["MemAvailable"] // 1024,
            "total_mib": kib["MemTotal"] // 1024,
            "swap_free_mib": kib.get("SwapFree", 0) // 1024,
        }
        return [CheckResult("memory:node", None, condition, RULE, "memory_low", severity, facts)]

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        return {"processes": largest_processes()} if result.type == "memory_low" else {}
