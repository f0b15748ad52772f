"""Diagnosis: one event becomes one answer, from the fallback chain or from the rules. Writes nothing.

Evidence and policy come first; a model chooses among what they leave, and its form, names and grounding are checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mesh_core.actions.choices import NOTIFY
from mesh_core.incidents.subject import subject_of
from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.router import Provider
from mesh_core.llm.rules_fallback import RULES_FALLBACK
from mesh_core.messaging.bus import Bus
from mesh_core.models.attempts import NOT_SURE, ModelAnswer
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import RUNBOOK_SOURCE, Considered, Evidence, ModelRef, RuleCited, RulesChoice
from mesh_core.policy.considered import considered_for, rule_cited
from mesh_core.policy.policy import HOST_FENCE, Allowed, Policy
from mesh_core.policy.seen_before import EARLIER, in_words, tried
from mesh_core.policy.track_record import PastRun, TrackRecord
from mesh_core.runbooks.index import Match
from mesh_core.runbooks.wording import in_short, told
from mesh_core.security.redaction import redacted
from planner_agent.diagnosis.budget_book import BudgetBook
from planner_agent.diagnosis.model_chain import DiagnosisInput, ModelChain
from planner_agent.diagnosis.second_opinion import as_evidence
from planner_agent.prompts.evidence import evidence_for, kept_event
from planner_agent.prompts.prompts import because
from planner_agent.store.planner_store import PlannerStore

MAX_TOLD_RUNS = 5  # of a target's earlier ones, as evidence


@dataclass(frozen=True)
class Diagnosis:
    """An answer, who gave it, and what it was shown; `rules`: what they would have chosen, where that is another;
    `rule`: which one of the policy spoke; and what else was considered. `host_stands_against`: more would have been
    offered if anything could be run there."""

    answer: ModelAnswer
    model: ModelRef
    evidence: tuple[Evidence, ...]
    rules: RulesChoice | None = None
    rule: RuleCited | None = None
    considered: tuple[Considered, ...] = ()
    host_stands_against: bool = False


class Diagnostician:
    """What one planner makes of an event, by the policy of now (`policy`; may block) and its models (`ModelChain`).
    `untouchable` says why nothing can be run on its host, '' where it can."""

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
        self._store = store
        self._policy = policy
        self._models = ModelChain(bus, providers, breakers, may_choose, is_outside, budgets)

    async def diagnose(self, event: HealthEvent, untouchable: str = "", *, rules_only: bool = False) -> Diagnosis:
        """An answer that the policy allows, always. Raises BusDown."""
        past = await self._store.history.record(event)
        allowed = await self._allowed(event, past, untouchable)
        seen, history = evidence_for(event), _history(past.runs, event)
        matter = DiagnosisInput(event, allowed, seen, before=_in_short(allowed.runbook), after=history)
        answered, other = await self._models.answer(matter, rules_only=rules_only)
        answer = _without_doubt(answered.answer)
        return Diagnosis(
            answer,
            answered.model,
            (*_cited(allowed.runbook), *([as_evidence(other)] if other else []), *seen, *history),
            _rules_choice(event, allowed, answer),
            rule_cited(event, allowed),
            considered_for(event, allowed, answer.action, past),
            any(entry.name == HOST_FENCE for entry in allowed.trace),
        )

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
        model = ModelRef(name=RULES_FALLBACK, provider=RULES_FALLBACK, position=self._models.end, latency_ms=0)
        return Diagnosis(answer, model, evidence_for(event))

    async def preferred(self, event: HealthEvent, untouchable: str = "") -> str:
        """What policy would choose for it by itself. Raises BusDown."""
        return (await self._allowed(event, await self._store.history.record(event), untouchable)).preferred

    async def _allowed(self, event: HealthEvent, past: TrackRecord, untouchable: str) -> Allowed:
        """Nothing that is not offered for what a proposal keeps of the event: with that the executor asks again."""
        policy = await asyncio.to_thread(self._policy)
        allowed, kept = policy.allows(event, past, untouchable), kept_event(event)
        if kept == event:
            return allowed
        again = policy.allows(kept, past, untouchable)
        return allowed if allowed.actions <= again.actions else again


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
    return (Evidence(source=RUNBOOK_SOURCE, text=_redacted(told(match))),) if match else ()


def _in_short(match: Match | None) -> tuple[Evidence, ...]:
    """The same for a model, among the evidence: data, whoever wrote it. A guess is for people only."""
    return (Evidence(source=RUNBOOK_SOURCE, text=_redacted(in_short(match))),) if match and match.is_certain else ()


@lru_cache(maxsize=1024)
def _redacted(runbook: str) -> str:
    """Nothing of an event stands in it, so each is looked through once: 0.4 ms, and the rules take 0.9 for an event."""
    return redacted(runbook)


def _history(runs: Sequence[PastRun], event: HealthEvent) -> tuple[Evidence, ...]:
    """What was run for this target, and at the end, where a prompt cuts last, what helped against this very trouble."""
    if not runs:
        return ()
    lines = [f"{run.ts} {run.type}: {run.verdict} ({run.action_id})" for run in runs[:MAX_TOLD_RUNS]]
    if seen := in_words(tried(runs, subject_of(event)), lambda at: f"on {at[:10]}"):
        lines.append(f"seen before: {seen}")
    return (Evidence(source=EARLIER, text="\n".join(lines)),)
