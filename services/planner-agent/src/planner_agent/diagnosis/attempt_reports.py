"""What is told of each attempt at a model: a record in its stream, and the figures of this process. Asks no model."""

from __future__ import annotations

import asyncio

import structlog

from mesh_core.llm.router import Attempt
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.runtime.metrics import ATTEMPT_TIME, ATTEMPTS, COST, TOKENS
from planner_agent.diagnosis.budget_book import BudgetBook

METRIC_RETRY_SECONDS = 0.5

log = structlog.get_logger()


class AttemptReports:
    """Of one planner. What an attempt took is counted in its `budgets`."""

    def __init__(self, bus: Bus, budgets: BudgetBook | None = None):
        self._bus = bus
        self._budgets = budgets

    async def tell(self, about: str, attempt: Attempt) -> None:
        """`about`: the id of the event or request. Redis away delays it: what comes of the attempt needs it as well."""
        record = ModelAttempt(
            ts=rfc3339(utc_now()),
            event_id=about,
            model=attempt.model,
            provider=attempt.provider,
            position=attempt.position,
            outcome=attempt.outcome,
            latency_ms=attempt.latency_ms,
            prompt_tokens=attempt.prompt_tokens,
            completion_tokens=attempt.completion_tokens,
            cost_usd=attempt.cost_usd,
            detail=attempt.detail,
        )
        ATTEMPTS.add(attempt.provider, attempt.outcome)
        ATTEMPT_TIME.observe(attempt.latency_ms / 1000, attempt.provider)
        TOKENS.add(attempt.provider, "prompt", amount=attempt.prompt_tokens)
        TOKENS.add(attempt.provider, "answer", amount=attempt.completion_tokens)
        COST.add(attempt.provider, amount=attempt.cost_usd)
        log.info("model.attempt", about=about, model=attempt.model, outcome=attempt.outcome, ms=attempt.latency_ms)
        while True:
            try:
                await self._bus.publish(record)
                break
            except BusDown:
                await asyncio.sleep(METRIC_RETRY_SECONDS)
        if self._budgets is not None:
            await self._budgets.count(attempt)
