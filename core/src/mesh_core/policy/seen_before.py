"""What was tried before against one kind of trouble at one place, and what helped; and which remedy never failed. Pure.

Both are counted anew out of the last runs of that place each time that somebody asks: one run that does not help ends a
streak. Nothing here approves anything, and no choice follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mesh_core.incidents.subject import subject_of
from mesh_core.models.events import Trust
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.proposals import Proposal, Risk
from mesh_core.models.records import parse_time
from mesh_core.policy.track_record import PastRun

EARLIER = "earlier remediations"  # the source of the evidence that tells a model of them
NEWEST_RUNS = 20  # of a place that anybody looks at
STREAK = 5  # runs in a row that were proven, before a yes on sight is suggested
LASTS = timedelta(days=1)  # what is mended that often within such a time is not mended
COMES_BACK = 3
_ENDED = (OutcomeVerdict.PROVEN, OutcomeVerdict.NOT_HELPED, OutcomeVerdict.INCONCLUSIVE)


@dataclass(frozen=True)
class Tried:
    """One type of action against one kind of trouble. `last`: when its newest run ended, and `verdict` how; `seconds`
    of the newest that was proven."""

    type: str
    runs: int
    proven: int
    last: str
    verdict: str
    seconds: float | None


def tried(runs: Sequence[PastRun], subject: str) -> tuple[Tried, ...]:
    """Of the runs of one place, the newest first: what helped the last time goes first. A run of which nobody kept the
    trouble counts for any of that place."""
    same = [run for run in runs if run.subject in ("", subject) and run.verdict in _ENDED]
    found = [_tried([run for run in same if run.type == name]) for name in dict.fromkeys(run.type for run in same)]
    return tuple(sorted(found, key=lambda one: one.verdict != OutcomeVerdict.PROVEN))


def _tried(runs: Sequence[PastRun]) -> Tried:
    proven = [run for run in runs if run.verdict == OutcomeVerdict.PROVEN]
    newest = runs[0]
    seconds = proven[0].seconds if proven else None
    return Tried(newest.type, len(runs), len(proven), newest.ts, newest.verdict, seconds)


def in_words(found: Sequence[Tried], when: Callable[[str], str]) -> str:
    """`container restart did not help (2 runs, the last 3d ago)`; '' where nothing was tried. `when` tells a time."""
    return "; ".join(_sentence(one, when) for one in found)


def _sentence(one: Tried, when: Callable[[str], str]) -> str:
    name = one.type.replace("_", " ")
    runs = f"{one.runs} run{'s' if one.runs != 1 else ''}, the last {when(one.last)}"
    if one.verdict == OutcomeVerdict.PROVEN:
        how = "helped" if one.proven == one.runs else "helped the last time"
        took = f", proven after {one.seconds:.0f} s" if one.seconds is not None else ""
        return f"{name} {how} ({one.proven} of {runs}{took})"
    if one.verdict == OutcomeVerdict.INCONCLUSIVE:
        return f"{name}: nobody could say whether it helped ({runs})"
    return (
        f"{name} did not help the last time ({one.proven} of {runs})" if one.proven else f"{name} did not help ({runs})"
    )


def comes_back(runs: Sequence[PastRun], subject: str, now: datetime) -> str:
    """That what is proven each time does not last; '' where nobody can say so."""
    lately = [run for run in runs if run.subject in ("", subject) and run.verdict == OutcomeVerdict.PROVEN]
    times = sum(now - parse_time(run.ts) < LASTS for run in lately)
    return f"it comes back: mended {times} times within a day" if times >= COMES_BACK else ""


def streak(runs: Sequence[PastRun], name: str) -> int:
    """How many of the newest runs of this type there were proven, one after the other."""
    verdicts = [run.verdict for run in runs if run.type == name and run.verdict in _ENDED]
    return next((n for n, verdict in enumerate(verdicts) if verdict != OutcomeVerdict.PROVEN), len(verdicts))


def doubted(runs: Sequence[PastRun], proposal: Proposal, now: datetime) -> str:
    """What speaks against doing it once more; '' where nothing does."""
    subject = subject_of(proposal.event)
    own = next((one for one in tried(runs, subject) if one.type == proposal.type), None)
    if own and own.verdict == OutcomeVerdict.NOT_HELPED:
        return f"{proposal.type.replace('_', ' ')} did not help here the last time"
    return comes_back(runs, subject, now)


def suggested(runs: Sequence[PastRun], proposal: Proposal, now: datetime) -> str:
    """A suggestion to a person whose yes it needs all the same; '' where there is no ground for one."""
    times = streak(runs, proposal.type)
    told_by_anybody = proposal.event.trust is Trust.FOREIGN
    if times < STREAK or told_by_anybody or proposal.risk_level is Risk.HIGH:
        return ""
    if comes_back(runs, subject_of(proposal.event), now):
        return ""
    return f"{proposal.type.replace('_', ' ')}: the last {times} runs here were all proven; approve on sight?"
