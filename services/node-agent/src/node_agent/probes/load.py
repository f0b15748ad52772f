"""A node with more work than cores: the five-minute load per core. A short burst is no load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from node_agent.findings import Finding, Rule
from node_agent.limits import Limits, judge
from node_agent.processes import waiting_or_running

RULE = Rule(sick_looks=2, well_looks=2, again_seconds=10.0)


class LoadProbe:
    name = "load"

    def __init__(
        self, limits: Limits, every_seconds: float = 60.0, loadavg: Path | None = None, cores: int | None = None
    ):
        self.every_seconds = every_seconds
        self._limits = limits
        self._loadavg = loadavg or Path("/proc/loadavg")
        self._cores = cores or os.cpu_count() or 1

    async def look(self, only: frozenset[str] | None) -> list[Finding]:
        one, five, fifteen = (float(word) for word in self._loadavg.read_text().split()[:3])
        condition, severity = judge(five / self._cores, self._limits)
        facts = {
            "load_per_core": round(five / self._cores, 2),
            "load": [one, five, fifteen],
            "cores": self._cores,
        }
        return [Finding("load:node", None, condition, RULE, "load_high", severity, facts)]

    async def evidence(self, finding: Finding) -> dict[str, Any]:
        return {"processes": waiting_or_running()} if finding.type == "load_high" else {}
