"""Sensors that are too hot, where the kernel shows them (hwmon, else thermal zones). Sets nothing, controls no fan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from node_agent.findings import Finding, Rule
from node_agent.limits import Limits, judge

RULE = Rule(sick_looks=3, well_looks=2, again_seconds=5.0)


class TemperatureProbe:
    name = "temperature"

    def __init__(self, limits: Limits, every_seconds: float = 60.0, sys: Path | None = None):
        self.every_seconds = every_seconds
        self._limits = limits
        self._sys = sys or Path("/sys")

    async def look(self, only: frozenset[str] | None) -> list[Finding]:
        findings = []
        for sensor, path in sensors(self._sys).items():
            try:
                degrees = int(path.read_text()) / 1000
            except (OSError, ValueError):
                continue  # a sensor may sleep with its device
            if not -50 < degrees < 250:
                continue  # unconnected inputs read -128 or 255
            condition, severity = judge(degrees, self._limits)
            facts = {"sensor": sensor, "celsius": round(degrees, 1)}
            findings.append(
                Finding(f"temperature:{sensor}", None, condition, RULE, "temperature_high", severity, facts)
            )
        return findings

    async def evidence(self, finding: Finding) -> dict[str, Any]:
        return {}


def sensors(sys: Path) -> dict[str, Path]:
    """Sensor name -> file with millidegrees; empty on most virtual machines."""
    found = {}
    for chip in sorted((sys / "class/hwmon").glob("hwmon*")):
        for path in sorted(chip.glob("temp*_input")):
            found[f"{_read(chip / 'name', chip.name)}/{_read_label(path)}"] = path
    if not found:
        for zone in sorted((sys / "class/thermal").glob("thermal_zone*")):
            found[_read(zone / "type", zone.name) + "/" + zone.name] = zone / "temp"
    return found


def _read_label(path: Path) -> str:
    plain = path.name.removesuffix("_input")
    return _read(path.with_name(f"{plain}_label"), plain)


def _read(path: Path, otherwise: str) -> str:
    try:
        return path.read_text(errors="replace").strip() or otherwise
    except OSError:
        return otherwise
