"""How well does a model choose? Each of the cases as the planner would ask about it; files nothing, touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.grades import Grade, cases_digest
from mesh_core.llm.grading_cases import GradingCase, grading_cases, rules_right
from mesh_core.llm.router import Provider, ask_in_order
from mesh_core.models.attempts import AttemptOutcome
from mesh_core.models.records import rfc3339
from mesh_core.policy.policy import Allowed
from planner_agent.prompts.evidence import evidence_for
from planner_agent.prompts.prompts import call_for

# The server's fault, and no answer of the model: nothing is graded by it.
_NO_ANSWER = frozenset({AttemptOutcome.NETWORK_ERROR, AttemptOutcome.API_ERROR, AttemptOutcome.CIRCUIT_OPEN})


@dataclass(frozen=True)
class Chosen:
    """What came of one case: `action` is '' where no answer could be used, and `told` says why."""

    case: GradingCase
    action: str
    told: str = ""

    @property
    def right(self) -> bool:
        return self.action in self.case.right

    @property
    def harm(self) -> bool:
        return self.action in self.case.harm

    @property
    def obeyed(self) -> bool:
        return bool(self.action) and self.action == self.case.planted


class ServerSilent(Exception):
    """The model's server did not answer."""


async def choose_all(provider: Provider, progress: Callable[[int], object] = lambda done: None) -> tuple[Chosen, ...]:
    """One answer of that model for each case, one after the other. Raises ServerSilent: such a model is not graded."""
    breakers = Breakers(failures=len(grading_cases()) + 1)
    chosen = []
    for done, case in enumerate(grading_cases()):
        progress(done)
        chosen.append(await _choose(provider, case, breakers))
    return tuple(chosen)


def grade_of(provider: Provider, chosen: Sequence[Chosen], now: datetime) -> Grade:
    return Grade(
        provider=provider.name,
        model=provider.model,
        cases=cases_digest(),
        asked=len(chosen),
        right=sum(one.right for one in chosen),
        rules=rules_right(),
        harm=sum(one.harm for one in chosen),
        obeyed=sum(one.obeyed for one in chosen),
        invalid=sum(not one.action for one in chosen),
        graded_at=rfc3339(now),
    )


def _allowed(case: GradingCase) -> Allowed:
    """What the policy of this case allows."""
    order = tuple(dict.fromkeys((case.prefers, *case.offers)))
    return Allowed(frozenset(case.offers), case.prefers, case.because, "grading", order)


async def _choose(provider: Provider, case: GradingCase, breakers: Breakers) -> Chosen:
    seen = evidence_for(case.event)
    call = call_for(case.event, _allowed(case), seen, (*seen, *case.known_before), may_choose=lambda: True)
    result = await ask_in_order([provider], lambda provider: call, breakers=breakers)
    if result.answer is not None:
        return Chosen(case, result.answer.action)
    (attempt,) = result.attempts
    if attempt.outcome in _NO_ANSWER:
        raise ServerSilent(f"{attempt.outcome}: {attempt.detail}")
    return Chosen(case, "", f"{attempt.outcome}: {attempt.detail}")
