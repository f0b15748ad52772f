"""What was done to one target lately and what it came to, for who has to choose again. Pure; a planner reads it.

The newest run of a type that came to a verdict speaks for it: what helped goes first, what did not help within a day
goes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.proposals import Risk
from mesh_core.models.records import parse_time

FAILURE_COUNTS = timedelta(days=1)


@dataclass(frozen=True)
class PastRun:
    """One earlier execution for the same node and service. `subject`: of its trouble, '' where that was not kept;
    `seconds`: from its beginning to its verdict, None likewise."""

    action_id: str
    type: str
    verdict: str
    ts: str
    subject: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class TrackRecord:
    """Of one target. `runs`: the last ones, the newest first. `restarts`: how many began within the hour that count as
    one; `begun`: of each choice. `proven`: types that helped; `failed`: those that did not within a day, and when."""

    runs: tuple[PastRun, ...] = ()
    restarts: int = 0
    begun: Mapping[str, int] = field(default_factory=dict)
    proven: frozenset[str] = frozenset()
    failed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, runs: Sequence[PastRun], now: datetime, restarts: int = 0, begun: Mapping[str, int] | None = None
    ) -> TrackRecord:
        """Out of the last runs, the newest first."""
        newest: dict[str, PastRun] = {}
        for run in runs:
            if run.verdict in (OutcomeVerdict.PROVEN, OutcomeVerdict.NOT_HELPED):
                newest.setdefault(run.type, run)
        helped = {name for name, run in newest.items() if run.verdict == OutcomeVerdict.PROVEN}
        lately = {name: run.ts for name, run in newest.items() if now - parse_time(run.ts) < FAILURE_COUNTS}
        return cls(
            tuple(runs),
            restarts,
            begun or {},
            frozenset(helped),
            {n: at for n, at in lately.items() if n not in helped},
        )


NOTHING_KNOWN = TrackRecord()


@dataclass(frozen=True)
class RankedChoice:
    """A choice that is allowed and whose needs hold, and what would run for it."""

    word: str
    type: str
    risk: Risk


def ranked(candidates: Iterable[RankedChoice], past: TrackRecord, prefer: str = "") -> list[str]:
    """Their words: what did not help here within a day last, `prefer` before all others, what helped here before, what
    risks less, and then as they stand."""

    def key(one: RankedChoice) -> tuple[bool, bool, bool, int]:
        return (one.type in past.failed, one.word != prefer, one.type not in past.proven, one.risk.rank)

    return [one.word for one in sorted(candidates, key=key)]
