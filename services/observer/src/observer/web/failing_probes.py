"""The probes that see nothing, of the nodes of the world: the one room of core asked, and only when there is news.

Changes nothing. While Redis is away it says what it knew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.failing_probes import FailingProbe, failing_probes_of
from observer.world import HealthState, TargetHealth

AGAIN_SECONDS = 30.0  # an agent that stopped saying so is believed no longer than that after its word has grown old

Known = tuple[str | None, float, list[FailingProbe]]  # after which event, read when (monotonic)


class FailingProbesReader:
    """One for all requests: a node's stream is read again after an event about that node, or after AGAIN_SECONDS."""

    def __init__(self, bus: Bus, clock: Callable[[], float] = time.monotonic):
        self._bus = bus
        self._clock = clock
        self._known: dict[str, Known] = {}

    async def of(self, nodes: Iterable[TargetHealth]) -> Mapping[str, list[FailingProbe]]:
        """By node; only of those where something is open and whose agent is heard: a silent one is worse news."""
        known: dict[str, Known] = {}
        for node in nodes:
            if node.open and node.state is not HealthState.OFFLINE:
                known[node.node] = await self._read(node)
        self._known = known
        return {name: found for name, (_, _, found) in known.items()}

    async def _read(self, node: TargetHealth) -> Known:
        before = self._known.get(node.node)
        if before and before[0] == node.event_id and self._clock() - before[1] < AGAIN_SECONDS:
            return before
        try:
            return node.event_id, self._clock(), await failing_probes_of(self._bus, node.node)
        except BusDown:
            return before or (None, 0.0, [])
