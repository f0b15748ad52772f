"""GET /metrics/models and /metrics/healing: numbers over time, for charts. Reads the index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query

from observer.index.healing_series import read_healing
from observer.index.model_series import BY_HOUR, read_models
from observer.index.results import HealingSeries, ModelSeries
from observer.web.app_context import AppContext
from observer.web.dependencies import Context, Viewer
from observer.web.index_query import query_index

T = TypeVar("T")
SHORT_SECONDS, LONG_SECONDS = 2.0, 30.0
MONTH_DAYS = 31

router = APIRouter(prefix="/metrics", tags=["metrics"])


@router.get("/models")
def models(
    context: Context, user: Viewer, hours: Annotated[int, Query(ge=1, le=8784, description="how far back")] = 24
) -> ModelSeries:
    """Model attempts by outcome, latency, tokens, cost and which rung answered: by the hour, past 72 by the day."""

    def ask() -> ModelSeries:
        return query_index(context, lambda c, complete: read_models(c, hours, _now_ms(context), complete=complete))

    return _kept(context, ("models", hours), ask, long=hours > BY_HOUR)


@router.get("/healing")
def healing(
    context: Context, user: Viewer, days: Annotated[int, Query(ge=1, le=366, description="how far back")] = 30
) -> HealingSeries:
    """Events and runs by day, times to proposal, decision and repair, success by action and service."""

    def ask() -> HealingSeries:
        return query_index(context, lambda c, complete: read_healing(c, days, _now_ms(context), complete=complete))

    return _kept(context, ("healing", days), ask, long=days > MONTH_DAYS)


def _kept(context: AppContext, key: tuple[str, int], ask: Callable[[], T], *, long: bool) -> T:
    """Every open page asks for the same charts: a long one may be some seconds old."""
    if context.index is None:
        return ask()
    return context.index.cache.get(key, LONG_SECONDS if long else SHORT_SECONDS, ask)


def _now_ms(context: AppContext) -> int:
    return int(context.now().timestamp() * 1000)
