"""What executors did to each target lately, in Redis: for the loop guard and as evidence. A call may be repeated."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from mesh_core.actions.register import is_loop_guarded
from mesh_core.incidents.event_types import EventType
from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent
from mesh_core.models.streams import entered_ms

HISTORY_LENGTH = 5
HOUR_SECONDS = 3600


@dataclass(frozen=True)
class PastRun:
    """One earlier execution for the same node and service."""

    action_id: str
    type: str
    verdict: str
    ts: str


class TargetHistory:
    """All planners see the same."""

    def __init__(self, bus: Bus):
        self._bus = bus

    async def remember(self, event: HealthEvent) -> None:
        """A remediation event of an executor; what it began counts for the loop guard."""
        run, seconds = event.payload, entered_ms(event.id or "") / 1000
        action_id = str(run.get("action_id", event.id))
        pipe = self._bus.redis.pipeline(transaction=False)
        if event.type == EventType.REMEDIATION_STARTED:
            if is_loop_guarded(run.get("action")):
                pipe.zadd(f"mesh:restarts:{event.target_key}", {action_id: seconds})
                pipe.expire(f"mesh:restarts:{event.target_key}", 2 * HOUR_SECONDS)
        else:
            verdict = str(run.get("verdict", event.type))
            fact = {"action_id": action_id, "type": str(run.get("type", "")), "verdict": verdict, "ts": event.timestamp}
            pipe.zadd(f"mesh:history:{event.target_key}", {json.dumps(fact, sort_keys=True): seconds})
            pipe.zremrangebyrank(f"mesh:history:{event.target_key}", 0, -HISTORY_LENGTH - 1)
        await self._bus.run(pipe)

    async def recent_restarts(self, event: HealthEvent) -> int:
        """How many restarts of this target were executed within the hour."""
        since = time.time() - HOUR_SECONDS
        return int(await self._bus.call("ZCOUNT", f"mesh:restarts:{event.target_key}", since, "+inf"))

    async def past_runs(self, event: HealthEvent) -> tuple[PastRun, ...]:
        """The last executions for this target, newest first."""
        rows = await self._bus.call("ZREVRANGE", f"mesh:history:{event.target_key}", 0, HISTORY_LENGTH - 1)
        return tuple(PastRun(**json.loads(row)) for row in rows)
