"""Budgets: how much a provider of the chain may be asked in an hour, a day and a month, all of UTC. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

BUDGET_PREFIX = "mesh:budget:"
MICRO = 1_000_000  # money is counted in millionths of a dollar: whole numbers add up exactly


@dataclass(frozen=True)
class Window:
    """One limit of a provider in one span of time. `key` counts what was used; `limit` is in the same unit."""

    key: str
    told: str
    limit: int
    ends: datetime
    unit: str

    def problem(self, used: int) -> str:
        """Why nothing more may be asked, '' where it may."""
        return f"budget spent until {self.ends:%Y-%m-%d %H:%M} UTC: {self.told}" if used >= self.limit else ""

    def share(self, used: int) -> str:
        """What was used of it, for people."""
        shown = f"{used / MICRO:.2f}" if self.unit == "micro_usd" else str(used)
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
            ("hour", "an hour", f"{hour:%Y%m%d%H}", hour + timedelta(hours=1)),
            ("day", "a day", f"{day:%Y%m%d}", day + timedelta(days=1)),
            ("month", "a month", f"{month:%Y%m}", _next_month(month)),
        )
        for span, each, written, ends in spans:
            for name, unit, told, parts in _UNITS:
                if (limit := getattr(self, f"{name}_per_{span}")) is not None:
                    key = f"{BUDGET_PREFIX}{provider}:{unit}:{written}"
                    yield Window(key, f"{limit} {told} {each}", round(limit * parts), ends, unit)


# What a limit is called, what is counted for it, what people read, and how many of those that are counted it is.
_UNITS = (("calls", "calls", "calls", 1), ("tokens", "tokens", "tokens", 1), ("usd", "micro_usd", "US dollars", MICRO))


def _next_month(month: datetime) -> datetime:
    return (month + timedelta(days=32)).replace(day=1)
