"""Diagnosis: one event becomes one answer, from the fallback chain or from the rules. Writes nothing.

Evidence and policy come first; a model chooses among what they leave, and its form, names and grounding are checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mesh_core.actions.choices import NOTIFY
from mesh_core.incidents.subject import subject_of
from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.router import Attempt, ModelCall, Provider, ask_in_order
from mesh_core.llm.rules_fallback import RULES_FALLBACK, Answered, answer_or_rules
from mesh_core.messaging.bus import Bus
from mesh_core.models.attempts import NOT_SURE, ModelAnswer
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Considered, Evidence, ModelRef, RuleCited, RulesChoice
from mesh_core.policy.considered import considered_for, rule_cited
from mesh_core.policy.policy import Allowed, Policy
from mesh_core.policy.seen_before import EARLIER, in_words, tried
from mesh_core.policy.track_record import PastRun, TrackRecord
from mesh_core.runbooks.index import Match
from mesh_core.runbooks.wording import RUNBOOK, in_short, told
from mesh_core.security.redaction import redacted
from planner_agent.attempt_reports import AttemptReports
from planner_agent.budget_book import BudgetBook
from planner_agent.evidence import evidence_for
from planner_agent.outside_view import outside_view
from planner_agent.planner_store import PlannerStore
from planner_agent.prompts import because, call_for, rules_answer
from planner_agent.second_opinion import ASKED_WITHIN_SECONDS, as_evidence, is_wanted, settled

MAX_TOLD_RUNS = 5  # of a target's earlier ones, as evidence


@dataclass(frozen=True)
class Diagnosis:
    """An answer, who gave it, and what it was shown; `rules`: what they would have chosen, where that is another;
    `rule`: which one of the policy spoke; and what else was considered."""

    answer: ModelAnswer
    model: ModelRef
    evidence: tuple[Evidence, ...]
    rules: RulesChoice | None = None
    rule: RuleCited | None = None
    considered: tuple[Considered, ...] = ()


class Diagnostician:
    """The fallback chain of one planner; breakers live as long as it does. `policy` gives that of now; may block.

    `may_choose` says of which provider's model (both by name) another choice than the rules' own counts; may block for
    a look at a file's status. `is_outside` says of which provider, by name, a question leaves the house.
    """

    def __init__(
        self,
        bus: Bus,
        store: PlannerStore,
        policy: Callable[[], Policy],
        providers: Sequence[Provider],
        breakers: Breakers,
        may_choose: Callable[[str, str], bool] = lambda provider, model: False,
        is_outside: Callable[[str], bool] = lambda provider: False,
        budgets: BudgetBook | None = None,
    ):
        self._reports = AttemptReports(bus, budgets)
        self._closed = budgets.spent if budgets else None
        self._store = store
        self._policy = policy
        self._providers = providers
        self._breakers = breakers
        self._may_choose = may_choose
        self._is_outside = is_outside

    async def diagnose(self, event: HealthEvent, *, rules_only: bool = False) -> Diagnosis:
        """An answer that the policy allows, always. Raises BusDown."""
        past = await self._store.history.record(event)
        allowed = await self._allowed(event, past)
        seen = evidence_for(event)
        history = _history(past.runs, event)
        documented = allowed.runbook
        known = evidence_for(outside_view(event))

        async def tell(attempt: Attempt) -> None:
            await self._reports.tell(event.id or "", attempt)

        def asked(provider: Provider) -> ModelCall[ModelAnswer]:
            view = known if self._is_outside(provider.name) else seen
            shown = (*_in_short(documented), *view, *history)
            return call_for(
                event, allowed, view, shown, may_choose=lambda: self._may_choose(provider.name, provider.model)
            )

        async def ask(first: int, last: int) -> Answered[ModelAnswer]:
            """Those from the first to the last position, or the rules."""
            some = self._providers[first - 1 : last]
            result = await ask_in_order(
                some, asked, breakers=self._breakers, closed=self._closed, first=first, on_attempt=tell
            )
            return answer_or_rules(result, self._providers, rules_answer(event, allowed))

        answered = await ask(1, 0 if rules_only else len(self._providers))
        other = None
        if (second := self._second_for(answered, allowed)) is not None:
            said = await ask(second, second)
            if said.model.provider != RULES_FALLBACK:
                answered, other = settled(answered, said, allowed)
        answer = _without_doubt(answered.answer)
        evidence = (*_cited(documented), *([as_evidence(other)] if other else []), *seen, *history)
        rules, considered = _rules_choice(event, allowed, answer), considered_for(event, allowed, answer.action, past)
        return Diagnosis(answer, answered.model, evidence, rules, rule_cited(event, allowed), considered)

    def _second_for(self, first: Answered[ModelAnswer], allowed: Allowed) -> int | None:
        """The position of the next model that may choose, where a second opinion is wanted and time is left."""
        if first.model.provider == RULES_FALLBACK or not is_wanted(first.answer, allowed):
            return None
        if first.model.latency_ms > ASKED_WITHIN_SECONDS * 1000:
            return None
        behind = enumerate(self._providers[first.model.position :], first.model.position + 1)
        return next((at for at, one in behind if self._may_choose(one.name, one.model)), None)

    def message(self, event: HealthEvent, text: str) -> Diagnosis:
        """What people are told where nothing is to be repaired now; no model is asked."""
        answer = ModelAnswer(
            action=NOTIFY.word,
            service=event.service,
            node=event.node,
            reason=text,
            confidence=0.5,
            requires_human=True,
        )
        model = ModelRef(name=RULES_FALLBACK, provider=RULES_FALLBACK, position=len(self._providers) + 1, latency_ms=0)
        return Diagnosis(answer, model, evidence_for(event))

    async def preferred(self, event: HealthEvent) -> str:
        """What policy would choose for it by itself. Raises BusDown."""
        return (await self._allowed(event, await self._store.history.record(event))).preferred

    async def _allowed(self, event: HealthEvent, past: TrackRecord) -> Allowed:
        policy = await asyncio.to_thread(self._policy)
        return policy.allows(event, past)


def _without_doubt(answer: ModelAnswer) -> ModelAnswer:
    """Who is not sure tells a person why."""
    if answer.action != NOT_SURE:
        return answer
    return answer.model_copy(update={"action": NOTIFY.word, "reason": f"Not sure: {answer.reason}"})


def _rules_choice(event: HealthEvent, allowed: Allowed, answer: ModelAnswer) -> RulesChoice | None:
    if answer.action == allowed.preferred:
        return None
    return RulesChoice(action=allowed.preferred, reason=because(event, allowed)[:1000])


def _cited(match: Match | None) -> tuple[Evidence, ...]:
    """What is documented for it, for a person: all of it, and how sure it is."""
    return (Evidence(source=RUNBOOK, text=redacted(told(match))),) if match else ()


def _in_short(match: Match | None) -> tuple[Evidence, ...]:
    """The same for a model, among the evidence: data, whoever wrote it. A guess is for people only."""
    return (Evidence(source=RUNBOOK, text=redacted(in_short(match))),) if match and match.is_certain else ()


def _history(runs: Sequence[PastRun], event: HealthEvent) -> tuple[Evidence, ...]:
    """What was run for this target, and at the end, where a prompt cuts last, what helped against this very trouble."""
    if not runs:
        return ()
    lines = [f"{run.ts} {run.type}: {run.verdict} ({run.action_id})" for run in runs[:MAX_TOLD_RUNS]]
    if seen := in_words(tried(runs, subject_of(event)), lambda at: f"on {at[:10]}"):
        lines.append(f"seen before: {seen}")
    return (Evidence(source=EARLIER, text="\n".join(lines)),)
