"""The models of one planner, asked about one event in their order, and the rules under all. Writes nothing.

Of a model that may choose and is in doubt another one is asked as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.router import Attempt, ModelCall, Provider, ask_in_order
from mesh_core.llm.rules_fallback import RULES_FALLBACK, Answered, answer_or_rules
from mesh_core.messaging.bus import Bus
from mesh_core.models.attempts import ModelAnswer
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Evidence
from mesh_core.policy.policy import Allowed
from planner_agent.diagnosis.attempt_reports import AttemptReports
from planner_agent.diagnosis.budget_book import BudgetBook
from planner_agent.diagnosis.second_opinion import ASKED_WITHIN_SECONDS, is_wanted, settled
from planner_agent.prompts.evidence import evidence_for
from planner_agent.prompts.outside_view import outside_view
from planner_agent.prompts.prompts import call_for, rules_answer

Pieces = tuple[Evidence, ...]


@dataclass(frozen=True)
class DiagnosisInput:
    """What the models are asked about: an event, what it may lead to, and what is known before and after it."""

    event: HealthEvent
    allowed: Allowed
    seen: Pieces  # what `evidence_for` made of the event
    before: Pieces
    after: Pieces


class ModelChain:
    """Breakers live as long as it does. `may_choose` says of which provider's model (both by name) another choice than
    the rules' own counts; may block for a look at a file's status. `is_outside` says of which provider, by name, a
    question leaves the house.
    """

    def __init__(
        self,
        bus: Bus,
        providers: Sequence[Provider],
        breakers: Breakers,
        may_choose: Callable[[str, str], bool],
        is_outside: Callable[[str], bool],
        budgets: BudgetBook | None,
    ):
        self._reports = AttemptReports(bus, budgets)
        self._closed = budgets.spent if budgets else None
        self._providers = providers
        self._breakers = breakers
        self._may_choose = may_choose
        self._is_outside = is_outside

    @property
    def end(self) -> int:
        """The position of the rules, behind all models."""
        return len(self._providers) + 1

    async def answer(
        self, matter: DiagnosisInput, *, rules_only: bool = False
    ) -> tuple[Answered[ModelAnswer], Answered[ModelAnswer] | None]:
        """(the answer that counts, another model's where one was asked as well). Raises BusDown."""
        first = await self._ask(matter, 1, 0 if rules_only else len(self._providers))
        position = self._second_for(first, matter.allowed)
        second = None if position is None else await self._ask(matter, position, position)
        if second is None or second.model.provider == RULES_FALLBACK:
            return first, None
        return settled(first, second, matter.allowed)

    async def _ask(self, matter: DiagnosisInput, first: int, last: int) -> Answered[ModelAnswer]:
        """Those from the first to the last position, or the rules."""
        event = matter.event

        async def tell(attempt: Attempt) -> None:
            await self._reports.tell(event.id or "", attempt)

        result = await ask_in_order(
            self._providers[first - 1 : last],
            lambda provider: self._call(matter, provider),
            breakers=self._breakers,
            closed=self._closed,
            first=first,
            on_attempt=tell,
        )
        return answer_or_rules(result, self._providers, rules_answer(event, matter.allowed))

    def _call(self, matter: DiagnosisInput, provider: Provider) -> ModelCall[ModelAnswer]:
        event = matter.event
        view = evidence_for(outside_view(event)) if self._is_outside(provider.name) else matter.seen
        return call_for(
            event,
            matter.allowed,
            view,
            (*matter.before, *view, *matter.after),
            may_choose=lambda: self._may_choose(provider.name, provider.model),
        )

    def _second_for(self, first: Answered[ModelAnswer], allowed: Allowed) -> int | None:
        """The position of the next model that may choose, where a second opinion is wanted and time is left."""
        if first.model.provider == RULES_FALLBACK or not is_wanted(first.answer, allowed):
            return None
        if first.model.latency_ms > ASKED_WITHIN_SECONDS * 1000:
            return None
        behind = enumerate(self._providers[first.model.position :], first.model.position + 1)
        return next((at for at, one in behind if self._may_choose(one.name, one.model)), None)
