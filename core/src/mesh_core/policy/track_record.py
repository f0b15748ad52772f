"""What was done to one target lately and what it came to, for who has to choose again. Pure; a planner reads it.

The newest run of a type that came to a verdict speaks for it, of those against this very kind of trouble if there are
any: what helped goes first, what did not help goes last, for a day at its place and for a week against that kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.proposals import Risk
from mesh_core.models.records import parse_time

FAILURE_COUNTS = timedelta(days=1)  # against whatever is wrong at that place
SAME_TROUBLE_COUNTS = timedelta(days=7)  # against the kind of trouble that it did not help; what returns weekly is one
GIVEN_UP_AFTER = 2  # runs in a row that did not help: one may be chance


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
    one; `begun`: of each choice. `proven`: types that helped; `failed`: those that did not, and when.

    `given_up`: of these the ones that did not help twice in a row against the kind of trouble that is there now.
    """

    runs: tuple[PastRun, ...] = ()
    restarts: int = 0
    begun: Mapping[str, int] = field(default_factory=dict)
    proven: frozenset[str] = frozenset()
    failed: Mapping[str, str] = field(default_factory=dict)
    given_up: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        runs: Sequence[PastRun],
        now: datetime,
        restarts: int = 0,
        begun: Mapping[str, int] | None = None,
        subject: str = "",
    ) -> TrackRecord:
        """Out of the last runs, the newest first; `subject` of what is wrong now."""
        ended = [run for run in runs if run.verdict in (OutcomeVerdict.PROVEN, OutcomeVerdict.NOT_HELPED)]
        of_its_kind = [run for run in ended if subject and run.subject == subject]
        same = _newest_by_type([run for run in of_its_kind if _within(run, SAME_TROUBLE_COUNTS, now)])
        newest = {name: found[0] for name, found in (_newest_by_type(ended) | same).items()}
        helped = {name for name, run in newest.items() if run.verdict == OutcomeVerdict.PROVEN}
        counts = {name for name, run in newest.items() if name in same or _within(run, FAILURE_COUNTS, now)}
        return cls(
            tuple(runs),
            restarts,
            begun or {},
            frozenset(helped),
            {name: newest[name].ts for name in newest if name in counts - helped},
            frozenset(name for name, found in same.items() if _is_given_up(found)),
        )


def _newest_by_type(runs: Sequence[PastRun]) -> dict[str, list[PastRun]]:
    return {name: [run for run in runs if run.type == name] for name in dict.fromkeys(run.type for run in runs)}


def _within(run: PastRun, span: timedelta, now: datetime) -> bool:
    return now - parse_time(run.ts) < span


def _is_given_up(runs: Sequence[PastRun]) -> bool:
    lately = [run.verdict for run in runs[:GIVEN_UP_AFTER]]
    return lately == [OutcomeVerdict.NOT_HELPED] * GIVEN_UP_AFTER


NOTHING_KNOWN = TrackRecord()


@dataclass(frozen=True)
class RankedChoice:
    """A choice that is allowed and whose needs hold, and what would run for it."""

    word: str
    type: str
    risk: Risk


def ranked(candidates: Iterable[RankedChoice], past: TrackRecord, prefer: str = "") -> list[str]:
    """Their words: what did not help here lately last, `prefer` before all others, what helped here before, what risks
    less, and then as they stand."""

    def key(one: RankedChoice) -> tuple[bool, bool, bool, bool, int]:
        failed, given_up = one.type in past.failed, one.type in past.given_up
        return (given_up, failed, one.word != prefer, one.type not in past.proven, one.risk.rank)

    return [one.word for one in sorted(candidates, key=key)]
