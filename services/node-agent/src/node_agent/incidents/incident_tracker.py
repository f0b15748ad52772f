"""Which check results are a change worth an event? Folds them into incidents and remembers what is open. Pure.

The clock is passed in: `now` is monotonic seconds (a clock that jumps must not confirm anything), `now_ms` the wall
clock for incident ids. Never reads, writes or waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.severities import rank, worst
from mesh_core.models.events import Severity
from mesh_core.models.records import is_service_name
from node_agent.checks.check_result import CheckResult, Condition, as_healthy
from node_agent.checks.confirmation import ConfirmationRule, Streak
from node_agent.incidents.flapping import FlapHistory, FlapOptions

ChangeKind = Literal["opened", "changed", "recovered", "flapping", "still_open"]


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """What becomes an event. `was` is the type that recovered."""

    kind: ChangeKind
    type: str
    severity: Severity
    result: CheckResult
    incident: str
    opened_ms: int
    was: str = ""
    opens: int = 0


@dataclass(frozen=True, slots=True)
class IncidentUpdate:
    """What came of one check: changes, and in how many seconds to check again (None: at the next full round)."""

    changes: tuple[IncidentChange, ...] = ()
    recheck_seconds: float | None = None


@dataclass(slots=True)
class _Target:
    result: CheckResult
    open_type: str = ""
    open_severity: Severity = Severity.WARNING
    incident: str = ""
    opened_ms: int = 0
    flapping: bool = False
    evidence: dict[str, Any] = field(default_factory=dict)
    recovery: IncidentChange | None = None  # it is well again, but a sibling of the same service is not
    unhealthy: Streak = field(default_factory=Streak)
    healthy: Streak = field(default_factory=Streak)
    history: FlapHistory = field(default_factory=FlapHistory)

    def change(self, kind: ChangeKind, was: str = "") -> IncidentChange:
        recovered = kind == "recovered"
        result = self.result
        if kind == "still_open":
            result = replace(result, facts={**self.evidence, **result.facts})
        return IncidentChange(
            kind=kind,
            type=EventType.SERVICE_RECOVERED.value if recovered else self.open_type,
            severity=Severity.INFO if recovered else self.open_severity,
            result=result,
            incident=self.incident,
            opened_ms=self.opened_ms,
            was=was,
            opens=len(self.history),
        )


class IncidentTracker:
    """Nothing else in the agent keeps incidents."""

    def __init__(self, node: str, flapping: FlapOptions | None = None):
        self.node = node
        self._flapping = flapping or FlapOptions()
        self._targets: dict[str, _Target] = {}
        self._last_ms = 0

    def apply(self, result: CheckResult, now: float, now_ms: int) -> IncidentUpdate:
        """One check of one target."""
        target = self._targets.get(result.key)
        if target is None:
            if result.condition is not Condition.UNHEALTHY:
                return IncidentUpdate(recheck_seconds=result.recheck_seconds)
            target = self._targets[result.key] = _Target(result)
        if result.condition is not Condition.UNKNOWN:
            target.result = result
        if result.condition is Condition.UNHEALTHY:
            update = self._unhealthy(target, result, now, now_ms)
        elif result.condition is Condition.HEALTHY:
            update = self._healthy(target, result, now)
        else:
            target.unhealthy.reset()
            target.healthy.reset()
            update = IncidentUpdate()
        if result.recheck_seconds is not None:
            sooner = min(result.recheck_seconds, update.recheck_seconds or result.recheck_seconds)
            return IncidentUpdate(update.changes, sooner)
        return update

    def apply_missing(self, result: CheckResult, now: float) -> IncidentUpdate:
        """A target that a full check did not find any more (removed, unmounted): counts as healthy."""
        target = self._targets.get(result.key)
        return self._healthy(target, result, now) if target else IncidentUpdate()

    def close(self, key: str, **facts: Any) -> IncidentUpdate:
        """Nobody will look at this target again: what is open there ends now, whatever is wrong beside it."""
        target = self._targets.pop(key, None)
        if target is None or not target.open_type:
            return IncidentUpdate()
        target.result = as_healthy(target.result, **facts)
        return IncidentUpdate((target.change("recovered", was=target.open_type),))

    def known_results(self, prefix: str) -> list[CheckResult]:
        """The last result of each remembered target whose key starts with `prefix`."""
        return [target.result for key, target in self._targets.items() if key.startswith(prefix)]

    def known_keys(self, prefix: str) -> frozenset[str]:
        return frozenset(result.key for result in self.known_results(prefix))

    def is_open(self, key: str) -> bool:
        target = self._targets.get(key)
        return bool(target and target.open_type and target.recovery is None)

    def still_open(self) -> list[IncidentChange]:
        """One change per open incident, to be announced again under the same incident id."""
        return [target.change("still_open") for key, target in self._targets.items() if self.is_open(key)]

    def keep_evidence(self, key: str, evidence: dict[str, Any]) -> None:
        """What was gathered when the incident opened travels with each announcement of it."""
        if self.is_open(key):
            self._targets[key].evidence = evidence

    def renew_evidence(self, key: str, evidence: dict[str, Any]) -> None:
        """These words of it say another thing by now; of an empty list there is none any more."""
        if self.is_open(key):
            renewed = {**self._targets[key].evidence, **evidence}
            self._targets[key].evidence = {word: said for word, said in renewed.items() if said != []}

    def dump(self) -> list[dict[str, Any]]:
        """What is open, as plain JSON: survives a restart of the agent."""
        return [
            {
                "key": key,
                "service": target.result.service,
                "facts": target.result.facts,
                "type": target.open_type,
                "severity": target.open_severity.value,
                "incident": target.incident,
                "opened_ms": target.opened_ms,
                "flapping": target.flapping,
                "evidence": target.evidence,
            }
            for key, target in self._targets.items()
            if target.open_type
        ]

    def load(self, rows: list[dict[str, Any]]) -> None:
        """The opposite of `dump`. ValueError, KeyError or TypeError if it is unfit."""
        for row in rows:
            result = CheckResult(
                key=str(row["key"]),
                service=row["service"],
                condition=Condition.UNHEALTHY,
                rule=ConfirmationRule(),  # the next check brings its own
                type=str(row["type"]),
                severity=Severity(row["severity"]),
                facts=dict(row["facts"]),
            )
            self._targets[result.key] = _Target(
                result,
                open_type=result.type,
                open_severity=result.severity,
                incident=str(row["incident"]),
                opened_ms=int(row["opened_ms"]),
                flapping=bool(row["flapping"]),
                evidence=dict(row["evidence"]),
            )

    def _unhealthy(self, target: _Target, result: CheckResult, now: float, now_ms: int) -> IncidentUpdate:
        target.healthy.reset()
        target.recovery = None  # nobody was told of it yet
        streak, rule = target.unhealthy, result.rule
        streak.add(now, result.type)
        if target.flapping:
            if now - streak.since < self._flapping.quiet_seconds:
                return IncidentUpdate()
            target.flapping = False  # it stopped changing: it is plainly unhealthy
            return IncidentUpdate((self._changed(target, result),))
        if target.open_type == result.type:
            worse = rank(result.severity) > rank(target.open_severity)
            return IncidentUpdate((self._changed(target, result),) if worse else ())
        if not streak.reached(rule.unhealthy_checks, rule.unhealthy_seconds, now):
            return IncidentUpdate(recheck_seconds=streak.recheck_in(rule.unhealthy_seconds, rule.recheck_seconds, now))
        if target.open_type:
            return IncidentUpdate((self._changed(target, result),))
        return IncidentUpdate((self._opened(target, result, now, now_ms),))

    def _opened(self, target: _Target, result: CheckResult, now: float, now_ms: int) -> IncidentChange:
        self._last_ms = max(self._last_ms + 1, now_ms)  # one id per incident, even within a millisecond
        service = result.service if result.service and is_service_name(result.service) else ""
        target.incident = f"{self.node}/{service}/{self._last_ms}"
        target.opened_ms = now_ms
        target.flapping = target.history.add(now, self._flapping)
        if target.flapping:
            target.open_type = EventType.SERVICE_FLAPPING.value
            target.open_severity = worst((result.severity, Severity.ERROR))
            return target.change("flapping")
        target.open_type, target.open_severity = result.type, result.severity
        return target.change("opened")

    @staticmethod
    def _changed(target: _Target, result: CheckResult) -> IncidentChange:
        was = target.open_type
        target.open_type, target.open_severity = result.type, result.severity
        return target.change("changed", was=was)

    def _healthy(self, target: _Target, result: CheckResult, now: float) -> IncidentUpdate:
        target.unhealthy.reset()
        if not target.open_type:
            if target.history.is_over(now, self._flapping):
                del self._targets[target.result.key]
            return IncidentUpdate()
        if target.recovery:
            return IncidentUpdate()
        streak, rule = target.healthy, result.rule
        streak.add(now)
        seconds = self._flapping.quiet_seconds if target.flapping else rule.healthy_seconds
        if not streak.reached(rule.healthy_checks, seconds, now):
            return IncidentUpdate(recheck_seconds=streak.recheck_in(seconds, rule.recheck_seconds, now))
        target.result = result
        target.recovery = target.change("recovered", was=target.open_type)
        return IncidentUpdate(self._recovered(result))

    def _recovered(self, result: CheckResult) -> tuple[IncidentChange, ...]:
        """A service has recovered when everything that we watch of it has: its probe may be red while it runs."""
        if result.service is None:
            siblings = [self._targets[result.key]]
        else:
            siblings = [t for t in self._targets.values() if t.result.service == result.service and t.open_type]
        recoveries = tuple(target.recovery for target in siblings if target.recovery)
        if len(recoveries) < len(siblings):
            return ()
        for target in siblings:
            target.recovery, target.open_type, target.incident, target.flapping = None, "", "", False
            target.evidence = {}
            target.healthy.reset()
        return recoveries
