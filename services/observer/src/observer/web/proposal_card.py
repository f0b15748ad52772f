"""The card of one proposal, out of what an observer knows: the one room of core asked with it. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mesh_core.approvals.card import Card, CardContext, card_for
from mesh_core.approvals.earlier_runs import EarlierRuns
from mesh_core.messaging.explained import Explained
from mesh_core.models.proposals import Proposal
from mesh_core.runtime.places_note import SickPlace
from observer.web.app_context import AppContext
from observer.world import HealthState


async def proposal_card(
    context: AppContext, p: Proposal, explained: Sequence[Explained], occurrences: int | None
) -> Card:
    """`occurrences`: None where Redis cannot say."""
    sick = [
        SickPlace(place.node, place.service, place.event_type or "", place.since)
        for place in context.world().places.values()
        if place.node == p.node and place.own_state is HealthState.UNHEALTHY
    ]
    runs = await asyncio.to_thread(lambda: EarlierRuns(context.actions).at(p.node, p.service))
    named = [(one.node, one.service) for one in explained]
    silent = [
        place.node
        for place in context.world().places.values()
        if place.service is None and place.state is HealthState.OFFLINE
    ]
    return card_for(p, CardContext(runs, sick, named, occurrences, silent), context.now())
