"""Edges: which looks are a change worth an event? Confirmation, hysteresis, flap detection, incidents. Pure.

The clock is passed in: `now` is monotonic seconds (a clock that jumps must not confirm anything), `now_ms` the wall
clock for incident ids. Never reads, writes or waits.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mesh_core.models.events import Severity
from mesh_core.models.records import is_name
from node_agent.findings import Condition, Finding, Rule

_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2, Severity.CRITICAL: 3}


@dataclass(frozen=True, slots=True)
class FlapRule:
    """The `opens`-th incident of a thing in `window_seconds` is flapping, until `quiet_seconds` without a change."""

    opens: int = 4
    window_seconds: float = 3600.0
    quiet_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes an event. `was` is the type that recovered."""

    kind: Literal["opened", "changed", "recovered", "flapping", "still_open"]
    type: str
    severity: Severity
    finding: Finding
    incident: str
    opened_ms: int
    was: str = ""
    opens: int = 0


@dataclass(frozen=True, slots=True)
class Fold:
    """What came of one look: changes, and in how many seconds to look again (None: at the next round)."""

    changes: tuple[Change, ...] = ()
    again_seconds: float | None = None


@dataclass(slots=True)
class _Thing:
    finding: Finding
    open_type: str = ""
    open_severity: Severity = Severity.WARNING
    incident: str = ""
    opened_ms: int = 0
    flapping: bool = False
    evidence: dict[str, Any] = field(default_factory=dict)
    held: Change | None = None  # recovered, but a sibling of the same service is still sick
    sick_type: str = ""
    sick_looks: int = 0
    sick_since: float = 0.0
    well_looks: int = 0
    well_since: float = 0.0
    opens: deque[float] = field(default_factory=deque)


class Edges:
    """Folds findings into changes; remembers what is open. Nothing else in the agent keeps incidents."""

    def __init__(self, node: str, flap: FlapRule | None = None):
        self._node = node
        self._flap = flap or FlapRule()
        self._things: dict[str, _Thing] = {}
        self._last_ms = 0

    def fold(self, finding: Finding, now: float, now_ms: int) -> Fold:
        """One look at one thing."""
        thing = self._things.get(finding.key)
        if thing is None:
            if finding.condition is not Condition.SICK:
                return Fold(again_seconds=finding.again_seconds)
            thing = self._things[finding.key] = _Thing(finding)
        thing.finding = finding if finding.condition is not Condition.UNSURE else thing.finding
        if finding.condition is Condition.SICK:
            fold = self._sick(thing, finding, now, now_ms)
        elif finding.condition is Condition.WELL:
            fold = self._well(thing, finding, now)
        else:
            thing.sick_looks = thing.well_looks = 0
            fold = Fold()
        if finding.again_seconds is not None:
            again = min(finding.again_seconds, fold.again_seconds or finding.again_seconds)
            return Fold(fold.changes, again)
        return fold

    def absent(self, finding: Finding, now: float) -> Fold:
        """A thing that a full look did not see any more (removed, unmounted): counts as looking well."""
        thing = self._things.get(finding.key)
        return self._well(thing, finding, now) if thing else Fold()

    def known(self, prefix: str) -> list[Finding]:
        """The last finding of each remembered thing whose key starts with `prefix`."""
        return [thing.finding for key, thing in self._things.items() if key.startswith(prefix)]

    def is_open(self, key: str) -> bool:
        thing = self._things.get(key)
        return bool(thing and thing.open_type and thing.held is None)

    def still_open(self) -> list[Change]:
        """One change per open incident, to be announced again under the same incident id."""
        return [_change("still_open", thing) for thing in self._things.values() if thing.open_type and not thing.held]

    def keep_evidence(self, key: str, evidence: dict[str, Any]) -> None:
        """What was gathered when the incident opened travels with each announcement of it."""
        if self.is_open(key):
            self._things[key].evidence = evidence

    def dump(self) -> list[dict[str, Any]]:
        """What is open, as plain JSON: survives a restart of the agent."""
        return [
            {
                "key": key,
                "service": thing.finding.service,
                "facts": thing.finding.facts,
                "type": thing.open_type,
                "severity": thing.open_severity.value,
                "incident": thing.incident,
                "opened_ms": thing.opened_ms,
                "flapping": thing.flapping,
                "evidence": thing.evidence,
            }
            for key, thing in self._things.items()
            if thing.open_type
        ]

    def load(self, rows: list[dict[str, Any]]) -> None:
        """The opposite of `dump`. ValueError, KeyError or TypeError if it is unfit."""
        for row in rows:
            finding = Finding(
                key=str(row["key"]),
                service=row["service"],
                condition=Condition.SICK,
                rule=Rule(),  # the next look brings its own
                type=str(row["type"]),
                severity=Severity(row["severity"]),
                facts=dict(row["facts"]),
            )
            thing = _Thing(finding, open_type=finding.type, open_severity=finding.severity)
            thing.incident = str(row["incident"])
            thing.opened_ms = int(row["opened_ms"])
            thing.flapping = bool(row["flapping"])
            thing.evidence = dict(row["evidence"])
            self._things[finding.key] = thing

    def _sick(self, thing: _Thing, finding: Finding, now: float, now_ms: int) -> Fold:
        thing.well_looks = 0
        if thing.held:  # sick again before anybody was told that it was well
            thing.held = None
        if thing.sick_looks == 0 or thing.sick_type != finding.type:
            thing.sick_since, thing.sick_looks, thing.sick_type = now, 0, finding.type
        thing.sick_looks += 1
        rule = finding.rule
        confirmed = thing.sick_looks >= rule.sick_looks and now - thing.sick_since >= rule.sick_seconds
        if not thing.open_type:
            if not confirmed:
                return Fold(again_seconds=_again(thing.sick_since + rule.sick_seconds - now, rule.again_seconds))
            return Fold((self._open(thing, finding, now, now_ms),))
        if thing.flapping:
            if now - thing.sick_since < self._flap.quiet_seconds:
                return Fold()
            thing.flapping = False  # it stopped changing: it is plainly sick
            return Fold((self._changed(thing, finding),))
        if finding.type != thing.open_type:
            if confirmed:
                return Fold((self._changed(thing, finding),))
            return Fold(again_seconds=_again(thing.sick_since + rule.sick_seconds - now, rule.again_seconds))
        if _RANK[finding.severity] > _RANK[thing.open_severity]:
            return Fold((self._changed(thing, finding),))
        return Fold()

    def _open(self, thing: _Thing, finding: Finding, now: float, now_ms: int) -> Change:
        self._last_ms = max(self._last_ms + 1, now_ms)  # one id per incident, even within a millisecond
        service = finding.service if finding.service and is_name(finding.service) else ""
        thing.incident = f"{self._node}/{service}/{self._last_ms}"
        thing.opened_ms = now_ms
        thing.opens.append(now)
        while thing.opens and now - thing.opens[0] > self._flap.window_seconds:
            thing.opens.popleft()
        if len(thing.opens) >= self._flap.opens:
            thing.flapping = True
            thing.open_type, thing.open_severity = (
                "service_flapping",
                max(finding.severity, Severity.ERROR, key=_RANK.__getitem__),
            )
            return _change("flapping", thing)
        thing.open_type, thing.open_severity = finding.type, finding.severity
        return _change("opened", thing)

    @staticmethod
    def _changed(thing: _Thing, finding: Finding) -> Change:
        was = thing.open_type
        thing.open_type, thing.open_severity = finding.type, finding.severity
        return _change("changed", thing, was=was)

    def _well(self, thing: _Thing, finding: Finding, now: float) -> Fold:
        thing.sick_looks = 0
        if not thing.open_type:
            self._forget_if_quiet(thing, now)
            return Fold()
        if thing.held:
            return Fold()
        if thing.well_looks == 0:
            thing.well_since = now
        thing.well_looks += 1
        rule = finding.rule
        needed = self._flap.quiet_seconds if thing.flapping else rule.well_seconds
        if thing.well_looks < rule.well_looks or now - thing.well_since < needed:
            return Fold(again_seconds=_again(thing.well_since + needed - now, rule.again_seconds))
        thing.finding = finding
        thing.held = _change("recovered", thing, was=thing.open_type)
        return Fold(self._release(finding))

    def _release(self, finding: Finding) -> tuple[Change, ...]:
        """A service has recovered when everything that we watch of it has: its probe may be red while it runs."""
        if finding.service is None:
            siblings = [self._things[finding.key]]
        else:
            siblings = [t for t in self._things.values() if t.finding.service == finding.service and t.open_type]
        if not all(thing.held for thing in siblings):
            return ()
        changes = tuple(thing.held for thing in siblings if thing.held)
        for thing in siblings:
            thing.held, thing.open_type, thing.incident, thing.flapping = None, "", "", False
            thing.well_looks, thing.evidence = 0, {}
        return changes

    def _forget_if_quiet(self, thing: _Thing, now: float) -> None:
        if not thing.opens or now - thing.opens[-1] > self._flap.window_seconds:
            del self._things[thing.finding.key]


def _again(left: float, pause: float) -> float:
    """The next look: once all the seconds are over, but never busier than the rule's pause."""
    return max(left, pause)


def _change(
    kind: Literal["opened", "changed", "recovered", "flapping", "still_open"], thing: _Thing, was: str = ""
) -> Change:
    recovered = kind == "recovered"
    finding = thing.finding
    if kind == "still_open":
        finding = replace(finding, facts={**thing.evidence, **finding.facts})
    return Change(
        kind=kind,
        type="service_recovered" if recovered else thing.open_type,
        severity=Severity.INFO if recovered else thing.open_severity,
        finding=finding,
        incident=thing.incident,
        opened_ms=thing.opened_ms,
        was=was,
        opens=len(thing.opens),
    )
