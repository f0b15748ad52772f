"""What was used of each provider's budget, counted in Redis for all planners. Asks no model.

Asked before and counted after an attempt: those that are under way at the same moment may go beyond a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from mesh_core.llm.budget import MICRO, Budget
from mesh_core.llm.router import Attempt
from mesh_core.messaging.bus import Bus
from mesh_core.models.attempts import NOT_MADE

KEPT_SECONDS = 2 * 86400  # beyond the end of its span


class BudgetBook:
    """Every call raises BusDown."""

    def __init__(
        self, bus: Bus, budgets: Mapping[str, Budget], clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ):
        self._bus = bus
        self._budgets = budgets
        self._clock = clock

    async def spent(self, provider: str) -> str:
        """Why that provider of the chain is not asked now; '' where it is."""
        windows = [*self._budgets.get(provider, Budget()).windows(provider, self._clock())]
        if not windows:
            return ""
        used = await self._bus.call("MGET", *(one.key for one in windows))
        problems = (one.problem(int(count or 0)) for one, count in zip(windows, used, strict=True))
        return next((problem for problem in problems if problem), "")

    async def count(self, attempt: Attempt) -> None:
        """What it took. An attempt that was not made takes nothing."""
        if attempt.outcome in NOT_MADE:
            return
        took = {
            "calls": 1,
            "tokens": attempt.prompt_tokens + attempt.completion_tokens,
            "micro_usd": round(attempt.cost_usd * MICRO),
        }
        now = self._clock()
        for one in self._budgets.get(attempt.name, Budget()).windows(attempt.name, now):
            await self._bus.call("INCRBY", one.key, took[one.unit])
            await self._bus.call("EXPIRE", one.key, int((one.ends - now).total_seconds()) + KEPT_SECONDS)
