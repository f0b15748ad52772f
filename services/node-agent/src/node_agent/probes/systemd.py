"""Units of this node's systemd: failed, restarting in a loop, or not mounted. Reads with systemctl and journalctl only.

Told of changes by inotify on systemd's own runtime folder; the rounds are there for what that misses. A unit that went
down because somebody stopped it is healthy. Identity: the full unit name (`nginx.service`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import structlog
from pydantic import Field

from mesh_core.models.events import Runtime, Severity
from mesh_core.models.records import rfc3339
from mesh_core.storage.folder_watch import APPEARED, VANISHED, FolderWatch
from node_agent.checks.check_result import CheckResult, CheckTarget, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.checks.crash_rhythm import SLOW_LOOP, RestartCounts, loop_seconds_left
from node_agent.checks.evidence import LOG_LINES
from node_agent.host import absent_mounts, bound_units, systemctl
from node_agent.host.absent_mounts import AbsentMounts, patient_rule
from node_agent.host.bound_units import BoundUnits, dependents_of, needs_of
from node_agent.host.unit_journal import FIELDS, lines_of
from node_agent.options import Positive
from node_agent.probe_base.probe import DefaultProbeOptions, Hint, ProbeContext

RULE = ConfirmationRule(unhealthy_checks=2, healthy_checks=2, healthy_seconds=3.0, recheck_seconds=0.5)
LOOP_WINDOW_SECONDS = 600.0
UNITS_FOLDER = Path("/run/systemd/units")  # holds `invocation:<unit>` while a unit is up
UNIT_STOPPING = "de5b426a63be47a7b6ac3eaac82e2f6f"  # systemd's message id of a stop job: a crash has none
_PROPERTIES = (
    "Id,Description,Type,TriggeredBy,ActiveState,SubState,Result,ExecMainStatus,ExecMainCode,NRestarts,LoadState,"
    "ActiveEnterTimestampMonotonic,ActiveExitTimestampMonotonic,InactiveEnterTimestampMonotonic,"
    f"InactiveExitTimestampMonotonic,{absent_mounts.PROPERTIES},{bound_units.PROPERTIES}"
)
_LISTED = (
    "Id,ActiveState,SubState,UnitFileState,ActiveEnterTimestampMonotonic,InactiveEnterTimestampMonotonic,"
    "InactiveExitTimestampMonotonic"
)
_ENTERED = {
    "active": "ActiveEnterTimestampMonotonic",
    "activating": "InactiveExitTimestampMonotonic",
    "inactive": "InactiveEnterTimestampMonotonic",
    "failed": "InactiveEnterTimestampMonotonic",
}
_LISTED_AS = {"active": Condition.HEALTHY, "inactive": Condition.HEALTHY, "failed": Condition.UNHEALTHY}
_MOUNTS_MEMORY, _BOUND_MEMORY = " mounts", " bound"  # no unit has a blank in its name
_DEEPEST = 8  # of a chain in which each needs the one before

Unit: TypeAlias = dict[str, str]  # its properties, as systemctl shows them

log = structlog.get_logger()


class SystemdOptions(DefaultProbeOptions):
    """`ignore`: globs of unit names. `loop_restarts` within ten minutes are a loop, until it stays up for
    `stable_seconds`; so long, too, a mount may be missing that did not just go down."""

    ignore: tuple[str, ...] = ()
    every_seconds: Positive = 30
    loop_restarts: Annotated[int, Field(ge=2)] = 3
    stable_seconds: Positive = 60

    def create(self, context: ProbeContext) -> SystemdProbe | None:
        if systemctl.BOOTED.is_dir():
            return SystemdProbe(
                self, remembered=lambda: context.open_keys("systemd:"), memory=context.memory("systemd")
            )
        log.info("systemd.not_running")
        return None


class SystemdProbe:
    """`remembered` gives the keys of units that somebody still wants to hear about, although they may be well."""

    name = "systemd"

    def __init__(
        self,
        options: SystemdOptions,
        *,
        remembered: Callable[[], Iterable[str]] = tuple,
        memory: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ):
        self.every_seconds = options.every_seconds
        self._options = options
        self._clock = clock
        self._remembered = remembered
        self._wall = wall
        self._restarts: dict[str, deque[tuple[float, int]]] = {}
        self._changed: set[str] = set()
        kept = dict(memory or {})
        mounts = kept.pop(_MOUNTS_MEMORY, {})
        self._mounts = AbsentMounts(mounts if isinstance(mounts, dict) else {})
        bound = kept.pop(_BOUND_MEMORY, {})
        self._bound = BoundUnits(bound if isinstance(bound, dict) else {})
        self._crashes = RestartCounts(kept)
        self._stopped: dict[tuple[str, str], bool] = {}  # (unit, when it went down) -> somebody stopped it

    async def listen(self, hint: Hint) -> None:
        """Hints a full check whenever a unit came up or went down. OSError if the folder cannot be watched."""
        gone = asyncio.Event()

        def on_change(name: str | None) -> None:
            if name is None:
                gone.set()
            elif name.startswith("invocation:"):
                self._changed.add(name.removeprefix("invocation:"))
                hint(None)

        hint(None)
        with contextlib.closing(FolderWatch(UNITS_FOLDER, APPEARED | VANISHED, on_change)):
            await gone.wait()

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        text = await systemctl.run(
            *("systemctl", "list-units", "--all", "--state=failed,auto-restart,inactive", "--output=json", "--no-pager")
        )
        # Of what is inactive only a mount may be trouble: one that was never mounted since the boot fails nowhere.
        listed = {
            str(row["unit"])
            for row in json.loads(text or "[]")
            if row["active"] != "inactive" or (str(row["unit"]).endswith(".mount") and row["load"] == "loaded")
        }
        # What was unhealthy is not listed any more once it is healthy; who remembers it wants to hear that.
        remembered = {key.removeprefix("systemd:") for key in self._remembered()}
        # One that is up again within its RestartSec is not listed either; its coming and going was seen.
        # A mount whose disk went away is taken down in peace, as by a person.
        changed, self._changed = {unit for unit in self._changed if unit.endswith((".service", ".mount"))}, set()
        known = listed | remembered | self._restarts.keys() | changed
        units = sorted(unit for unit in known if not self._ignored(unit))
        shown = {unit["Id"]: unit for unit in await systemctl.show(units, _PROPERTIES)}
        found = {name: await self._verdict(unit) for name, unit in shown.items()}
        return list((found | await self._went_with(found, shown)).values())

    async def _went_with(self, found: Mapping[str, CheckResult], shown: dict[str, Unit]) -> dict[str, CheckResult]:
        """The verdicts about those that went down with what is in trouble, and in turn with them; adds to `shown`."""
        more: dict[str, CheckResult] = {}
        sick = [shown[name] for name, result in found.items() if result.condition is Condition.UNHEALTHY]
        for _ in range(_DEEPEST):
            needing = sorted({name for unit in sick for name in dependents_of(unit) if not self._ignored(name)})
            for unit in await systemctl.show([name for name in needing if name not in shown], _PROPERTIES):
                shown[unit["Id"]] = unit
            newly = [one for unit in sick for one in shown.values() if self._bound.note(one, unit)]
            if not newly:
                break
            more |= {unit["Id"]: await self._verdict(unit) for unit in newly}
            sick = newly
        return more

    async def listing(self) -> list[CheckResult]:
        """Each service that systemd has loaded: its state of now, and whether it is started with the host."""
        shown = await systemctl.show(["*.service"], _LISTED)
        found = (self._listed(unit) for unit in shown if not self._ignored(unit["Id"]))
        return [result for result in found if result is not None]

    def _listed(self, unit: Unit) -> CheckResult | None:
        """None for what never ran since the boot: nothing says whether it is meant to."""
        name, active = unit["Id"], unit.get("ActiveState", "")
        entered = int(unit.get(_ENTERED.get(active, ""), "") or 0) / 1e6
        condition = _LISTED_AS.get(active, Condition.UNKNOWN)
        if not entered or (condition is Condition.HEALTHY and unit.get("SubState") not in ("running", "dead")):
            return None
        facts = {
            "runtime": Runtime.SYSTEMD.value,
            "unit": name,
            "active_state": active,
            "sub_state": unit.get("SubState", ""),
            "enabled": unit.get("UnitFileState", "").startswith("enabled"),
            "since": rfc3339(datetime.fromtimestamp(self._wall() - self._clock() + entered, UTC)),
        }
        ended = {"ended": "at rest"} if active == "inactive" else {}
        return CheckResult(f"systemd:{name}", name, condition, RULE, "unit_failed", facts={**facts, **ended})

    def memory(self) -> dict[str, Any]:
        parts = {_MOUNTS_MEMORY: self._mounts.dump(), _BOUND_MEMORY: self._bound.dump()}
        return {**self._crashes.dump(), **{name: part for name, part in parts.items() if part}}

    async def describe(self, unit: str) -> dict[str, Any]:
        """What is known of the unit behind another probe, with its last journal lines."""
        for properties in await systemctl.show([unit], _PROPERTIES):
            result = await self._verdict(properties)
            return {**result.facts, **await self._told_of(properties["Id"])}
        return {}

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        """The unit's last journal lines, who needs it, and how that is which it needs."""
        if result.condition is not Condition.UNHEALTHY:
            return {}
        return await self._told_of(str(result.facts["unit"]))

    async def _told_of(self, unit: str) -> dict[str, Any]:
        company: dict[str, Any] = {}
        for shown in await systemctl.show([unit], f"Id,{bound_units.PROPERTIES}"):
            needed = await systemctl.show(needs_of(shown), "Id,ActiveState")
            states = {one["Id"]: one["ActiveState"] for one in needed}
            down = {name: state for name, state in states.items() if state == "failed" or name in self._bound.down}
            company = {"dependents": list(dependents_of(shown)), "depends_on": down}
        return {**{word: said for word, said in company.items() if said}, **await self._journal(unit)}

    @staticmethod
    async def _journal(unit: str) -> dict[str, Any]:
        text = await systemctl.run(
            *("journalctl", "--unit", unit, "--lines", str(LOG_LINES), "--no-pager", "--quiet"),
            *("--all", "--output", "json", "--output-fields", FIELDS),
        )
        lines = lines_of(text)
        return {"logs": lines} if lines else {}

    async def _verdict(self, unit: Unit) -> CheckResult:
        name, active = unit["Id"], unit.get("ActiveState", "")
        restarts = self._count_restarts(name, int(unit.get("NRestarts") or 0), active, unit.get("SubState", ""))
        target = CheckTarget(f"systemd:{name}", name, RULE, _facts_of(unit))
        if active == "failed":
            if await self._was_stopped(name, unit):
                return target.result(Condition.HEALTHY, ended="stopped_by_person", stopped_by_person=True)
            return target.result(Condition.UNHEALTHY, "unit_failed")
        if looping := self._looping(target, unit, restarts):
            return looping
        if active == "active":
            self._mounts.is_mounted(name)
            self._bound.is_up(name)
            return target.result(Condition.HEALTHY)
        return self._inactive(target, unit) if active == "inactive" else target.result(Condition.UNKNOWN)

    def _looping(self, target: CheckTarget, unit: Unit, restarts: int) -> CheckResult | None:
        """Started again and again, in a short time or slowly; None where it is not. `restarts`: within the window."""
        name, active, stable_seconds = unit["Id"], unit.get("ActiveState", ""), self._options.stable_seconds
        if restarts >= self._options.loop_restarts:
            up_since = int(unit.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
            if active != "active" or self._clock() - up_since < stable_seconds:
                return target.result(
                    Condition.UNHEALTHY, "unit_restart_loop", Severity.CRITICAL, stable_seconds, restarts=restarts
                )
            self._restarts.pop(name, None)
        ended_well = unit.get("SubState") == "auto-restart" and unit.get("Result") == "success"
        crashes = self._crashes.seen(name, int(unit.get("NRestarts") or 0), self._wall(), ended_well=ended_well)
        left = loop_seconds_left(crashes, self._options.loop_restarts, self._wall())
        if left <= 0 or active not in ("active", "activating"):
            return None
        loop = Condition.UNHEALTHY, "unit_restart_loop"
        return target.result(*loop, recheck_seconds=left, restarts=len(crashes), reason=SLOW_LOOP)

    def _inactive(self, target: CheckTarget, unit: Unit) -> CheckResult:
        name = unit["Id"]
        self._restarts.pop(name, None)
        if needed := self._bound.went_with(unit):
            reason = f"it went down with {needed}, which it needs, and nothing starts it again"
            return target.result(Condition.UNHEALTHY, "unit_failed", reason=reason, went_down_with=needed)
        absence = self._mounts.judged(unit) if name.endswith(".mount") else None
        if absence is None:
            return target.result(Condition.HEALTHY, ended="stopped_by_person")
        rule = RULE if absence.sudden else patient_rule(self._options.stable_seconds)
        return replace(target, rule=rule).result(
            Condition.UNHEALTHY, absence.type, reason=absence.reason, source_gone=absence.source_gone
        )

    def _count_restarts(self, name: str, count: int, active: str, sub: str) -> int:
        """Restarts within the window, for units that were seen waiting for one."""
        if sub != "auto-restart" and name not in self._restarts:
            return 0
        now = self._clock()
        counts = self._restarts.setdefault(name, deque(maxlen=64))
        if counts and count < counts[-1][1]:  # somebody started it anew: systemd counts from 0
            counts.clear()
        counts.append((now, count))
        while len(counts) > 1 and now - counts[0][0] > LOOP_WINDOW_SECONDS:
            counts.popleft()
        restarts = counts[-1][1] - counts[0][1] + 1
        if (
            active == "active"
            and restarts < self._options.loop_restarts
            and now - counts[0][0] > self._options.stable_seconds
        ):
            del self._restarts[name]
        return restarts

    async def _was_stopped(self, name: str, unit: dict[str, str]) -> bool:
        """A stop job after its last start means that somebody stopped it; asked once per failure.

        A restart is a stop job *before* that start: if the start then fails, nobody wanted that.
        """
        key = (name, unit.get("InactiveEnterTimestampMonotonic", ""))
        if key not in self._stopped:
            self._stopped = {k: v for k, v in self._stopped.items() if k[0] != name}
            text = await systemctl.run(
                *("journalctl", "--boot", "--no-pager", "--quiet", "--output", "json", "--lines", "1"),
                *(f"UNIT={name}", f"MESSAGE_ID={UNIT_STOPPING}"),
            )
            started = int(unit.get("InactiveExitTimestampMonotonic") or 0) / 1e6
            self._stopped[key] = _stopped_at(text) - time.time() + time.monotonic() > started
        return self._stopped[key]

    def _ignored(self, unit: str) -> bool:
        return any(fnmatchcase(unit, glob) for glob in self._options.ignore)


def _facts_of(unit: Unit) -> dict[str, Any]:
    name = unit["Id"]
    facts: dict[str, Any] = {
        "runtime": Runtime.SYSTEMD.value,
        "unit": name,
        "description": unit.get("Description", ""),
        "active_state": unit.get("ActiveState", ""),
        "sub_state": unit.get("SubState", ""),
        "result": unit.get("Result", ""),
        "restart_count": int(unit.get("NRestarts") or 0),
    }
    if name.endswith(".mount") and unit.get("Where"):
        facts |= {"mount": unit["Where"], "source": unit.get("What", "")}
    timers = [timer for timer in _named(unit, "TriggeredBy") if timer.endswith(".timer")]
    if unit.get("Type") == "oneshot" and timers:
        facts["timer"] = timers[0]
    if unit.get("ExecMainStatus"):
        facts |= {"exit_code": int(unit["ExecMainStatus"]), "oom_killed": unit.get("Result") == "oom-kill"}
    return facts


def _named(unit: Unit, property_: str) -> list[str]:
    """The units that one of its properties names."""
    return unit.get(property_, "").split()


def _stopped_at(journal: str) -> float:
    """Unix seconds at which the last of these journal entries was sent; 0 if there is none."""
    lines = journal.strip().splitlines()
    if not lines:
        return 0.0
    entry = json.loads(lines[-1])
    return int(entry.get("_SOURCE_REALTIME_TIMESTAMP") or entry.get("__REALTIME_TIMESTAMP") or 0) / 1e6
