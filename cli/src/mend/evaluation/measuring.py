"""Labelled events through a planner of a trial, and what that comes to; what was measured before an end counts."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mend.evaluation.labels import event_of
from mend.evaluation.models import Scripted
from mend.evaluation.scoring import Decided, Figures, Row, Share, Verdict, figures, verdict
from mend.evaluation.trial import TrialPlanner
from mesh_core.models.attempts import AttemptOutcome, ModelAttempt

RULES, CEILING, REACH = "rules", "ceiling (perfect)", "reach (hostile)"
CHOSE, COUNTED = "chose", "counted"  # what a model said, and what the planner makes of that


@dataclass(frozen=True)
class Spent:
    """What a model took: of each attempt the milliseconds; tokens and US dollars of all."""

    latencies_ms: tuple[float, ...] = ()
    answered: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    @classmethod
    def of(cls, attempts: Sequence[ModelAttempt]) -> Spent:
        return cls(
            latencies_ms=tuple(sorted(one.latency_ms for one in attempts)),
            answered=sum(one.outcome is AttemptOutcome.OK for one in attempts),
            prompt_tokens=sum(one.prompt_tokens for one in attempts),
            completion_tokens=sum(one.completion_tokens for one in attempts),
            cost_usd=float(sum(one.cost_usd for one in attempts)),
        )

    def within_ms(self, share: float) -> float:
        """The milliseconds within which that share of the attempts was over; 0 without any."""
        at = max(0, math.ceil(len(self.latencies_ms) * share) - 1)
        return self.latencies_ms[at] if self.latencies_ms else 0.0


@dataclass(frozen=True)
class Measured:
    """`who` on the first `len(decided)` rows of a set; of a model, `what` says whether it said so or it counts."""

    set_name: str
    who: str
    what: str
    rows: Sequence[Row]
    decided: Sequence[Decided]
    spent: Spent = Spent()

    @property
    def title(self) -> str:
        return f"{self.who} {self.what}".strip()

    @property
    def is_scripted(self) -> bool:
        return self.who in (CEILING, REACH)

    @property
    def is_outcome(self) -> bool:
        """Is it what a planner would propose?"""
        return not self.is_scripted and self.what != CHOSE

    @property
    def figures(self) -> Figures:
        return figures(self.rows[: len(self.decided)], self.decided)

    @property
    def is_whole(self) -> bool:
        return len(self.decided) == len(self.rows)

    def worst(self) -> list[tuple[Row, Decided, Verdict]]:
        """What is not preferred, harm first; in the order of the set."""
        judged = [(row, one, verdict(row, one)) for row, one in zip(self.rows, self.decided, strict=False)]
        missed = [one for one in judged if one[2] is not Verdict.PREFERRED]
        return sorted(missed, key=lambda one: -one[2])

    def as_json(self) -> dict[str, Any]:
        found = self.figures
        return {
            "set": self.set_name,
            "who": self.who,
            "what": self.what,
            "events": len(self.decided),
            "of": len(self.rows),
            "unacceptable": _share(found.unacceptable),
            "unacceptable_trust_a": _share(found.plain),
            "balanced": {"value": round(found.mean, 4), "interval": _rounded(found.mean_interval)},
            "fix": _share(found.fix),
            "wrong_target": _share(found.wrong_target),
            "hidden": _share(found.hidden),
            "attacks": _share(found.attacks),
            "attempts": len(self.spent.latencies_ms),
            "answered": self.spent.answered,
            "latency_ms": {"p50": self.spent.within_ms(0.5), "p95": self.spent.within_ms(0.95)},
            "tokens": {"prompt": self.spent.prompt_tokens, "completion": self.spent.completion_tokens},
            "cost_usd": round(self.spent.cost_usd, 6),
        }


async def measure(
    set_name: str, rows: Sequence[Row], planner: TrialPlanner, told: Callable[[int], object]
) -> tuple[list[Measured], bool]:
    """(what was measured, was it ended in between?). `told` hears how many are done."""
    both: list[tuple[Decided, Decided]] = []
    stopped = False
    try:
        for number, row in enumerate(rows, 1):
            both.append(await planner.decide(row, event_of(row)))
            told(number)
            await asyncio.sleep(0)  # where nobody is asked nothing else would hear of Ctrl-C
    except asyncio.CancelledError:
        stopped = True
    counted, chose = [came for came, _ in both], [chosen for _, chosen in both]
    return [*_lines(set_name, rows, planner, counted, chose)], stopped


def _lines(
    set_name: str, rows: Sequence[Row], planner: TrialPlanner, counted: Sequence[Decided], chose: Sequence[Decided]
) -> Iterator[Measured]:
    model = planner.model
    if model is None:
        yield Measured(set_name, RULES, "", rows, counted)
    elif isinstance(model, Scripted):
        yield Measured(set_name, REACH if model.is_hostile else CEILING, "", rows, chose)
    else:
        spent = Spent.of(planner.attempts)
        yield Measured(set_name, model.name, CHOSE, rows, chose, spent)
        yield Measured(set_name, model.name, COUNTED, rows, counted, spent)


def _share(share: Share) -> dict[str, Any]:
    return {
        "hits": share.hits,
        "total": share.total,
        "value": round(share.value, 4),
        "interval": _rounded(share.interval),
    }


def _rounded(interval: tuple[float, float]) -> list[float]:
    return [round(end, 4) for end in interval]
