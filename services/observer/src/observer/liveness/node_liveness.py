"""Silent nodes: whose agent gave no sign of life for too long is offline, and is noticed when it comes back.

A sign is an event in the node's own stream, or the key `mesh:alive:<node>`, which its agent sets every 30 s for 120 s.
Only a node that once gave one is judged: an agent that never did has nothing to be silent about. Time in which
we could not listen (Redis away, our own start) counts for nobody. A silent node that was taken out of the inventory is
no trouble: it was retired, and what is open there ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from mesh_core.incidents.event_types import EventType
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.events import Severity, Trust
from mesh_core.models.records import is_name, rfc3339
from mesh_core.models.streams import ALIVE_PREFIX
from mesh_core.policy.names.known_names import KnownNames
from mesh_core.runtime.service import pause
from observer.own_events import own_event
from observer.world import HealthState, TargetHealth, World

ALIVE_SECONDS = 120.0
LOOK_SECONDS, SELDOM_SECONDS = 5.0, 15.0
# Out of the inventory for so long, it was not left out by a mistake that is being put right.
TAKEN_OUT_SECONDS = 300.0

log = structlog.get_logger()


class NodeLiveness:
    """`world` gives the present world, `heard` tells it of a sign of life. What is entered comes by the streams."""

    def __init__(
        self,
        bus: Bus,
        world: Callable[[], World],
        heard: Callable[[str, bool], Awaitable[None]],
        *,
        limit_seconds: float,
        names: Callable[[], KnownNames] = KnownNames,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._bus = bus
        self._world = world
        self._heard = heard
        self._limit = limit_seconds
        self._names = names
        self._clock = clock
        self._signs: dict[str, float] = {}
        self._silences: dict[str, str] = {}
        self._taken_out: dict[str, float] = {}  # since when the inventory has it no more
        self._retired: dict[str, float] = {}
        self._listening_since: float | None = None

    def sign(self, node: str) -> None:
        """An event in the node's own stream."""
        self._signs[node] = self._clock()

    def retired(self, node: str) -> None:
        """There is no such node any more; its last sign of life may lie in Redis for a while."""
        self._retired[node] = self._clock()

    async def run(self, stop: asyncio.Event) -> None:
        while not await pause(stop, self._rest_seconds(), shared=True):
            try:
                await self.look()
            except BusDown as error:
                log.warning("liveness.redis_away", error=str(error))

    async def look(self) -> None:
        """One look at every node. Raises BusDown; then the time until the next good look counts for nobody."""
        try:
            await self._look()
        except BusDown:
            self._listening_since = None
            raise

    def _rest_seconds(self) -> float:
        """Until the next look: soon where somebody is offline or about to be, else not so often."""
        nodes = [target for target in self._world().places.values() if target.service is None and target.beats]
        often, now = min(LOOK_SECONDS, self._limit / 3), self._clock()
        if self._listening_since is None or any(node.state is HealthState.OFFLINE for node in nodes):
            return often
        oldest = min((self._signs.get(node.node, now) for node in nodes), default=now)
        return max(often, min(oldest + self._limit - now, SELDOM_SECONDS))

    async def _look(self) -> None:
        names = self._names()
        for node, age_seconds in (await self._signs_of_life()).items():
            at = self._clock() - age_seconds
            if at > self._retired.get(node, float("-inf")):
                self._signs[node] = max(self._signs.get(node, 0.0), at)
                await self._heard(node, bool(names.node(node)))
        if self._listening_since is None:
            self._listening_since = self._clock()
        for target in list(self._world().places.values()):
            if target.service is not None:
                continue
            sign = self._signs.get(target.node)
            silent = self._clock() - max(sign or 0.0, self._listening_since)
            if self._was_taken_out(target, names) and silent > self._limit:
                await self._say_retired(target.node, target.event_id or "")
            elif target.state is HealthState.OFFLINE:
                if sign is not None and self._clock() - sign < self._limit:
                    await self._say_online(target.node, target.event_id or "")
                self._silences.pop(target.node, None)
            elif target.beats and silent > self._limit:
                await self._say_offline(target.node, silent)
            else:
                self._silences.pop(target.node, None)

    def _was_taken_out(self, target: TargetHealth, names: KnownNames) -> bool:
        """Was this node in the inventory, and is it there no more, for long enough? An unreadable one says nothing."""
        if not target.listed or not names.hosts or names.node(target.node):
            self._taken_out.pop(target.node, None)
            return False
        return self._clock() - self._taken_out.setdefault(target.node, self._clock()) >= TAKEN_OUT_SECONDS

    async def _signs_of_life(self) -> dict[str, float]:
        """{node: seconds since it was set} of every node whose key is there."""
        found: dict[str, float] = {}
        cursor: object = 0
        while True:
            cursor, keys = await self._bus.call("SCAN", cursor, "MATCH", f"{ALIVE_PREFIX}*", "COUNT", 1000)
            for key in keys:
                node = key.decode("utf-8", "replace").removeprefix(ALIVE_PREFIX)
                left_ms = int(await self._bus.call("PTTL", key))
                if is_name(node) and left_ms != -2:
                    found[node] = max(0.0, ALIVE_SECONDS - left_ms / 1000) if left_ms > 0 else 0.0
            if not cursor:
                return found

    async def _say_offline(self, node: str, silent_seconds: float) -> None:
        since = datetime.fromtimestamp(time.time() - silent_seconds, UTC)
        # Once per silence: the first look that finds it names it, whatever happens to the replies.
        idempotency_key = self._silences.setdefault(node, f"offline:{node}:{rfc3339(since)}")
        seen = {"silent_seconds": round(silent_seconds), "last_heard": rfc3339(since)}
        event = own_event(EventType.NODE_OFFLINE, node, Severity.ERROR, **seen)
        if await self._bus.enter(event, Trust.OBSERVER, idempotency_key=idempotency_key):
            log.warning("liveness.node_offline", node=node, silent_seconds=round(silent_seconds))

    async def _say_retired(self, node: str, last_event: str) -> None:
        ended = "the node was taken out of the inventory"
        event = own_event(EventType.NODE_RETIRED, node, Severity.INFO, ended=ended)
        # Under a name of the kind that the ACL of an older mesh lets us keep.
        if await self._bus.enter(event, Trust.OBSERVER, idempotency_key=f"online:{node}:retired:{last_event}"):
            log.info("liveness.node_retired", node=node)

    async def _say_online(self, node: str, offline_event: str) -> None:
        event = own_event(EventType.NODE_ONLINE, node, Severity.INFO, after=offline_event)
        if await self._bus.enter(event, Trust.OBSERVER, idempotency_key=f"online:{node}:{offline_event}"):
            log.info("liveness.node_online", node=node)
