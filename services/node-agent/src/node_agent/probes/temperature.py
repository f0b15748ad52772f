"""Sensors that are too hot, where the kernel shows them (hwmon, else thermal zones). Sets nothing, controls no fan."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import structlog

from node_agent.checks.check_result import CheckResult
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.options import Positive
from node_agent.probe_base.probe import ProbeContext
from node_agent.probe_base.thresholds import ThresholdOptions, evaluate

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
        for sensor in sensors(self._sys):
            try:
                degrees = int(sensor.path.read_text()) / 1000
            except (OSError, ValueError):
                continue  # a sensor may sleep with its device
            if not -50 < degrees < 250:
                continue  # unconnected inputs read -128 or 255
            condition, severity = evaluate(degrees, self._options)
            facts = {"sensor": sensor.name, "device": sensor.device, "celsius": round(degrees, 1)}
            results.append(
                CheckResult(f"temperature:{sensor.key}", None, condition, RULE, "temperature_high", severity, facts)
            )
        return results

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        return {}


class Sensor(NamedTuple):
    """`name` is what the kernel calls it; `path` holds millidegrees. Several chips have one name, so `key` holds the
    device as well: the same disk is the same sensor after a boot that counts the chips in another order."""

    name: str
    device: str
    path: Path

    @property
    def key(self) -> str:
        return f"{self.name} {self.device} {self.path.name}"


def sensors(sys: Path) -> list[Sensor]:
    """Every sensor of this host; none on most virtual machines."""
    found: list[Sensor] = []
    for chip in sorted((sys / "class/hwmon").glob("hwmon*")):
        name, device = _read(chip / "name", chip.name), _device_of(chip)
        mine = [Sensor(f"{name}/{_read_label(path)}", device, path) for path in sorted(chip.glob("temp*_input"))]
        known = {sensor.key for sensor in found}
        found += [one._replace(device=f"{device} {chip.name}") if one.key in known else one for one in mine]
    if not found:
        for zone in sorted((sys / "class/thermal").glob("thermal_zone*")):
            found.append(Sensor(f"{_read(zone / 'type', zone.name)}/{zone.name}", zone.name, zone / "temp"))
    return found


def _device_of(chip: Path) -> str:
    """What the chip sits on (`nvme0`, `0000:01:00.0`, `coretemp.1`); where it is no device's, its own folder."""
    device = chip / "device"
    return device.resolve().name if device.exists() else chip.name


def _read_label(path: Path) -> str:
    plain = path.name.removesuffix("_input")
    return _read(path.with_name(f"{plain}_label"), plain)


def _read(path: Path, otherwise: str) -> str:
    try:
        return path.read_text(errors="replace").strip() or otherwise
    except OSError:
        return otherwise
