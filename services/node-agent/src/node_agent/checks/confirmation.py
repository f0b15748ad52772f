"""How many checks have to agree before they count. Pure: the clock is passed in, as monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConfirmationRule:
    """How long a target must look unhealthy (or healthy) before it counts: both the checks and the seconds."""

    unhealthy_checks: int = 2
    unhealthy_seconds: float = 0.0
    healthy_checks: int = 2
    healthy_seconds: float = 0.0
    recheck_seconds: float = 1.0  # when to check again while it is undecided


@dataclass(slots=True)
class Streak:
    """Checks in a row that found the same kind of thing."""

    kind: str = ""
    count: int = 0
    since: float = 0.0

    def add(self, now: float, kind: str = "") -> None:
        if self.count == 0 or self.kind != kind:
            self.kind, self.count, self.since = kind, 0, now
        self.count += 1

    def reset(self) -> None:
        self.count = 0

    def reached(self, checks: int, seconds: float, now: float) -> bool:
        return self.count >= checks and now - self.since >= seconds

    def recheck_in(self, seconds: float, pause: float, now: float) -> float:
        """The next check: once all the seconds are over, but never sooner than the rule's pause."""
        return max(self.since + seconds - now, pause)
