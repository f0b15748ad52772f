"""What stands against a yes, for the page: the one room of core asked with what an observer sees. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mesh_core.approvals.obstacles import Obstacle, Surroundings, obstacles_of
from mesh_core.messaging.bus import BusDown, masked
from mesh_core.messaging.redis_state import read_state
from mesh_core.models.proposals import Proposal
from observer.web.app_context import AppContext
from observer.world import HealthState


async def obstacles_for(context: AppContext, proposals: Sequence[Proposal]) -> list[tuple[Obstacle, ...]]:
    """Of each, in that order."""
    if not proposals:
        return []
    redis = await _refusal(context)

    def find() -> list[tuple[Obstacle, ...]]:
        around: Surroundings = context.surroundings.read(offline=_offline(context), redis=redis)
        now = context.now()
        return [obstacles_of(proposal, around, now) for proposal in proposals]

    return await asyncio.to_thread(find)


def _offline(context: AppContext) -> dict[str, str]:
    return {
        place.node: place.since
        for place in context.world().places.values()
        if place.service is None and place.state is HealthState.OFFLINE
    }


async def _refusal(context: AppContext) -> str:
    try:
        return (await read_state(context.bus)).refusal or ""
    except BusDown:
        return f"Redis at {masked(context.bus.url)} does not answer"
