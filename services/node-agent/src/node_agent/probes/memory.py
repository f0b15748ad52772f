"""Memory that runs out on this node: what is not available, in percent. Looks at nothing but /proc/meminfo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from node_agent.findings import Finding, Rule
from node_agent.limits import Limits, judge
from node_agent.processes import biggest

RULE = Rule(sick_looks=3, well_looks=2, again_seconds=5.0)


class MemoryProbe:
    name = "memory"

    def __init__(self, limits: Limits, every_seconds: float = 60.0, meminfo: Path | None = None):
        self.every_seconds = every_seconds
        self._limits = limits
        self._meminfo = meminfo or Path("/proc/meminfo")

    async def look(self, only: frozenset[str] | None) -> list[Finding]:
        kib = read_meminfo(self._meminfo.read_text())
        used = 100 * (1 - kib["MemAvailable"] / kib["MemTotal"])
        condition, severity = judge(used, self._limits)
        facts = {
            "used_percent": round(used, 1),
            "available_mib": kib["MemAvailable"] // 1024,
            "total_mib": kib["MemTotal"] // 1024,
            "swap_free_mib": kib.get("SwapFree", 0) // 1024,
        }
        return [Finding("memory:node", None, condition, RULE, "memory_low", severity, facts)]

    async def evidence(self, finding: Finding) -> dict[str, Any]:
        return {"processes": biggest()} if finding.type == "memory_low" else {}


def read_meminfo(text: str) -> dict[str, int]:
    """Name -> KiB."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name: int(value.split()[0]) for name, value in pairs if value.split()}
