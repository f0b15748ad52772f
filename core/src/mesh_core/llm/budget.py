"""Budgets: how much a provider of the chain may be asked in an hour, a day and a month, all of UTC. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

BUDGET_PREFIX = "mesh:budget:"
MICRO = 1_000_000  # money is counted in millionths of a dollar: whole numbers add up exactly


class Span(StrEnum):
    """What a limit is for."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class BudgetUnit(StrEnum):
    """What is limited, as config/chain.yml and the metrics call it."""

    CALLS = "calls"
    TOKENS = "tokens"
    USD = "usd"


@dataclass(frozen=True)
class CountedUnit:
    """A unit as it is counted: `counted` names the counter, which holds `parts` for one; people read `told`."""

    unit: BudgetUnit
    counted: str
    told: str
    parts: int = 1

    def shown(self, counted: int) -> float:
        """In the unit itself."""
        return counted / self.parts


MONEY = CountedUnit(BudgetUnit.USD, "micro_usd", "US dollars", MICRO)
_UNITS = (CountedUnit(BudgetUnit.CALLS, "calls", "calls"), CountedUnit(BudgetUnit.TOKENS, "tokens", "tokens"), MONEY)


@dataclass(frozen=True)
class Window:
    """One limit of a provider in one span of time. `key` counts what was used; `limit` is in the same unit."""

    key: str
    told: str
    limit: int
    ends: datetime
    span: Span
    unit: CountedUnit

    def problem(self, used: int) -> str:
        """Why nothing more may be asked, '' where it may."""
        return f"budget spent until {self.ends:%Y-%m-%d %H:%M} UTC: {self.told}" if used >= self.limit else ""

    def share(self, used: int) -> str:
        """What was used of it, for people."""
        shown = f"{self.unit.shown(used):.2f}" if self.unit is MONEY else str(used)
        return self.problem(used) or f"{shown} of {self.told} used, until {self.ends:%Y-%m-%d %H:%M} UTC"


class Budget(BaseModel):
    """As config/chain.yml says it of one provider; what is not said has no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    calls_per_hour: int | None = Field(None, ge=0)
    calls_per_day: int | None = Field(None, ge=0)
    calls_per_month: int | None = Field(None, ge=0)
    tokens_per_hour: int | None = Field(None, ge=0)
    tokens_per_day: int | None = Field(None, ge=0)
    tokens_per_month: int | None = Field(None, ge=0)
    usd_per_hour: float | None = Field(None, ge=0)
    usd_per_day: float | None = Field(None, ge=0)
    usd_per_month: float | None = Field(None, ge=0)

    def windows(self, provider: str, now: datetime) -> Iterator[Window]:
        """Those that `now` falls into."""
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        day, month = hour.replace(hour=0), hour.replace(day=1, hour=0)
        spans = (
            (Span.HOUR, "an hour", f"{hour:%Y%m%d%H}", hour + timedelta(hours=1)),
            (Span.DAY, "a day", f"{day:%Y%m%d}", day + timedelta(days=1)),
            (Span.MONTH, "a month", f"{month:%Y%m}", _next_month(month)),
        )
        for span, each, written, ends in spans:
            for unit in _UNITS:
                if (limit := getattr(self, f"{unit.unit}_per_{span}")) is not None:
                    key = f"{BUDGET_PREFIX}{provider}:{unit.counted}:{written}"
                    yield Window(key, f"{limit} {unit.told} {each}", round(limit * unit.parts), ends, span, unit)


def _next_month(month: datetime) -> datetime:
    return (month + timedelta(days=32)).replace(day=1)
