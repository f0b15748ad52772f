"""What was used of each provider's budget, counted in Redis for all planners. Asks no model.

Asked before and counted after an attempt: those that are under way at the same moment may go beyond a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from mesh_core.llm.budget import MONEY, Budget
from mesh_core.llm.router import Attempt
from mesh_core.messaging.bus import Bus
from mesh_core.models.attempts import NOT_MADE
from mesh_core.models.records import utc_now
from mesh_core.runtime.metrics import BUDGET_LIMIT, BUDGET_USED

KEPT_SECONDS = 2 * 86400  # beyond the end of its span


class BudgetBook:
    """Every call raises BusDown."""

    def __init__(self, bus: Bus, budgets: Mapping[str, Budget], clock: Callable[[], datetime] = utc_now):
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

    async def figures(self) -> None:
        """What was used of each limit by all planners, for the metrics."""
        now = self._clock()
        windows = [(name, one) for name, budget in self._budgets.items() for one in budget.windows(name, now)]
        counted = await self._bus.call("MGET", *(one.key for _, one in windows)) if windows else ()
        limits: dict[tuple[str, ...], float] = {}
        used: dict[tuple[str, ...], float] = {}
        for (name, one), count in zip(windows, counted, strict=True):
            series = (name, one.unit.unit, one.span)
            limits[series], used[series] = one.unit.shown(one.limit), one.unit.shown(int(count or 0))
        BUDGET_LIMIT.set_all(limits)
        BUDGET_USED.set_all(used)

    async def count(self, attempt: Attempt) -> None:
        """What it took. An attempt that was not made takes nothing."""
        if attempt.outcome in NOT_MADE:
            return
        took = {
            "calls": 1,
            "tokens": attempt.prompt_tokens + attempt.completion_tokens,
            MONEY.counted: round(attempt.cost_usd * MONEY.parts),
        }
        now = self._clock()
        for one in self._budgets.get(attempt.name, Budget()).windows(attempt.name, now):
            await self._bus.call("INCRBY", one.key, took[one.unit.counted])
            await self._bus.call("EXPIRE", one.key, int((one.ends - now).total_seconds()) + KEPT_SECONDS)
