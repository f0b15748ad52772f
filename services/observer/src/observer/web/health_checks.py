"""What the observer says of itself and of the whole mesh: its parts' readiness, and figures that only it can see.

One observer per mesh, so places, pending proposals and the lag of the groups are told once. Changes nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import redis.exceptions

from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.messaging.bus import Bus, or_down
from mesh_core.messaging.redis_state import takes_writes
from mesh_core.models.records import parse_time, utc_now
from mesh_core.models.streams import EVENT_STREAM_PREFIX
from mesh_core.runtime import metrics
from mesh_core.runtime.health import Figure, Probes, writable
from mesh_core.runtime.services import OBSERVER
from observer.world import World


def probes_for(runtime: Path, actions: ActionFolders, bus: Bus, world: Callable[[], World]) -> Probes:
    """The observer's own probes."""
    checks = {
        "redis": takes_writes(bus),
        "folders": writable(lambda: (runtime / "state", *(f for f in (runtime / "events",) if f.exists()))),
    }
    return Probes(OBSERVER, runtime, checks=checks, figures=(_places(world), _pending(actions), _lag(bus)))


def _places(world: Callable[[], World]) -> Figure:
    async def figure() -> None:
        counted: Counter[tuple[str, ...]] = Counter(
            ("node" if place.service is None else "service", place.state.value) for place in world().places.values()
        )
        metrics.PLACES.set_all(counted)

    return figure


def _pending(actions: ActionFolders) -> Figure:
    async def figure() -> None:
        filed = await asyncio.to_thread(actions.pending)
        ages = [(utc_now() - parse_time(one.proposal.created_at)).total_seconds() for one in filed]
        metrics.PENDING.set(len(filed))
        metrics.PENDING_AGE.set(max(0.0, *ages) if ages else 0.0)

    return figure


def _lag(bus: Bus) -> Figure:
    async def figure() -> None:
        unread: Counter[tuple[str, ...]] = Counter()
        unacknowledged: Counter[tuple[str, ...]] = Counter()
        for group in await _groups(bus):
            name = (group["name"].decode("utf-8", "replace"),)
            # None: Redis cannot say any more, because somebody deleted entries in the middle.
            unread[name] += int(group.get("lag") or 0)
            unacknowledged[name] += int(group.get("pending") or 0)
        metrics.STREAM_LAG.set_all(unread)
        metrics.STREAM_OPEN.set_all(unacknowledged)

    return figure


async def _groups(bus: Bus) -> list[Mapping[str, Any]]:
    """XINFO GROUPS of every event stream, in one round trip."""
    with or_down():
        streams = [key async for key in bus.redis.scan_iter(f"{EVENT_STREAM_PREFIX}*", count=1000, _type="stream")]
        async with bus.redis.pipeline(transaction=False) as pipe:
            for stream in streams:
                pipe.xinfo_groups(stream)
            replies = await pipe.execute(raise_on_error=False)
    return [group for reply in replies if not isinstance(reply, redis.exceptions.ResponseError) for group in reply]
