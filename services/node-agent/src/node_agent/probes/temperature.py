"""Sensors that are too hot, where the kernel shows them (hwmon, else thermal zones). Sets nothing, controls no fan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import structlog

from node_agent.checks import CheckResult
from node_agent.confirmation import ConfirmationRule
from node_agent.options import Positive
from node_agent.probe import ProbeContext
from node_agent.thresholds import ThresholdOptions, evaluate

RULE = ConfirmationRule(unhealthy_checks=3, healthy_checks=2, recheck_seconds=5.0)
SYS = Path("/sys")


log = structlog.get_logger()


class TemperatureOptions(ThresholdOptions):
    """Degrees Celsius."""

    high: Positive = 85
    low: Positive = 80
    critical: Positive = 95

    def create(self, context: ProbeContext) -> TemperatureProbe | None:
        if sensors(SYS):
            return TemperatureProbe(self)
        log.info("temperature.no_sensors")
        return None


class TemperatureProbe:
    name = "temperature"

    def __init__(self, options: TemperatureOptions, sys: Path = SYS):
        self.every_seconds = options.every_seconds
        self._options = options
        self._sys = sys

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        results = []
        for sensor, path in sensors(self._sys).items():
            try:
                degrees = int(path.read_text()) / 1000
            except (OSError, ValueError):
                continue  # a sensor may sleep with its device
            if not -50 < degrees < 250:
                continue  # unconnected inputs read -128 or 255
            condition, severity = evaluate(degrees, self._options)
            facts = {"sensor": sensor, "celsius": round(degrees, 1)}
            results.append(
                CheckResult(f"temperature:{sensor}", None, condition, RULE, "temperature_high", severity, facts)
            )
        return results

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
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
