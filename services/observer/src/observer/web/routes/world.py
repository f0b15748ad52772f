"""GET /world: nodes and services as the observer has folded them, trouble first."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mesh_core.incidents.severities import rank
from mesh_core.messaging.failing_probes import FailingProbe
from mesh_core.messaging.held import held_now
from mesh_core.models.events import Severity
from mesh_core.silences.silence import Silence, silences_for
from observer.web.cursors import Cursor, page_after
from observer.web.dependencies import Context, Viewer
from observer.world import HealthState, TargetHealth, World

router = APIRouter(tags=["world"])

_RANK = {HealthState.OFFLINE: 0, HealthState.UNHEALTHY: 1, HealthState.UNKNOWN: 2, HealthState.HEALTHY: 3}


class PlaceOut(BaseModel):
    """One service (or, with `service` null, one node) as it is now."""

    node: str
    service: str | None
    state: HealthState
    own_state: HealthState = Field(description="what it is apart from its node being offline")
    severity: Severity
    since: str
    event_id: str | None
    event_type: str | None
    occurrences: int = Field(description="how often the present trouble (or the last one) was announced")
    open: dict[str, Severity] = Field(description="what is open, by incident or else by type")
    silences: list[str] = Field(description="ids of the silences that hold here now; some for one type of trouble only")
    held: str = Field(
        description="what is at work there, so that nothing is proposed until it has ended; '' for nothing"
    )


class NodeOut(PlaceOut):
    beats: bool = Field(description="its agent was once heard giving signs of life")
    services: dict[HealthState, int] = Field(description="how many of its services are in each state")
    failing_probes: list[FailingProbe] = Field(
        description="its agent's probes that see nothing, so that what they should watch is not watched; foreign text"
    )


class Counts(BaseModel):
    nodes: dict[HealthState, int]
    services: dict[HealthState, int]


class WorldOut(BaseModel):
    """`places` is one page of services; `next` is the cursor of the page after it."""

    counts: Counts
    nodes: list[NodeOut]
    places: list[PlaceOut]
    total: int = Field(description="how many services fit the filters")
    next: str | None


@router.get("/world")
async def world(
    context: Context,
    user: Viewer,
    state: Annotated[HealthState | None, Query(description="only services in this state")] = None,
    node: Annotated[str | None, Query(max_length=128)] = None,
    q: Annotated[str | None, Query(max_length=200, description="a part of a node's or service's name")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    cursor: Cursor = None,
) -> WorldOut:
    """The world of this moment. Nodes always come whole (there are few); services come in pages, trouble first."""
    seen = context.world()
    silent = partial(_silences, await asyncio.to_thread(context.silences.current), context.now())
    nodes, services = _split(seen)
    failing = await context.failing_probes.of(nodes)
    held = {(one.node, one.service): one.reason for one in await held_now(context.bus, context.now())}
    wanted = sorted((p for p in services if _fits(p, state, node, q)), key=_order)
    page, following = page_after(wanted, cursor, limit, lambda p: p.target_key)
    per_node: dict[str, Counter[HealthState]] = defaultdict(Counter)
    for target in services:
        per_node[target.node][target.state] += 1
    return WorldOut(
        counts=Counts(nodes=Counter(p.state for p in nodes), services=Counter(p.state for p in services)),
        nodes=[
            NodeOut(
                **_fields(p),
                silences=silent(p),
                held=held.get((p.node, None), ""),
                beats=p.beats,
                services=per_node[p.node],
                failing_probes=failing.get(p.node, []),
            )
            for p in sorted(nodes, key=_order)
            if node in (None, p.node)
        ],
        places=[PlaceOut(**_fields(p), silences=silent(p), held=held.get((p.node, p.service), "")) for p in page],
        total=len(wanted),
        next=following,
    )


def _split(world: World) -> tuple[list[TargetHealth], list[TargetHealth]]:
    nodes: list[TargetHealth] = []
    services: list[TargetHealth] = []
    for target in world.places.values():
        (nodes if target.service is None else services).append(target)
    return nodes, services


def _fits(target: TargetHealth, state: HealthState | None, node: str | None, q: str | None) -> bool:
    return (
        state in (None, target.state)
        and node in (None, target.node)
        and (not q or q.lower() in target.target_key.lower())
    )


def _order(target: TargetHealth) -> tuple[int, int, str]:
    return _RANK[target.state], -rank(target.severity), target.target_key


def _fields(target: TargetHealth) -> dict[str, object]:
    return {name: getattr(target, name) for name in PlaceOut.model_fields if name not in ("silences", "held")}


def _silences(silences: Sequence[Silence], now: datetime, target: TargetHealth) -> list[str]:
    return [silence.id for silence in silences_for(silences, target.node, target.service, None, now)]
