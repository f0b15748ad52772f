"""What executors did to each target lately, in Redis: for the loop guard and as evidence. A call may be repeated."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict, fields
from typing import Any

from mesh_core.actions.register import is_loop_guarded
from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.subject import subject_of
from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent
from mesh_core.models.records import utc_now
from mesh_core.models.streams import entered_ms
from mesh_core.policy.seen_before import NEWEST_RUNS
from mesh_core.policy.track_record import PastRun, TrackRecord

HOUR_SECONDS = 3600


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
                pipe.zadd(f"mesh:restarts:{event.target_key}", {f"{action_id} {run.get('action')}": seconds})
                pipe.expire(f"mesh:restarts:{event.target_key}", 2 * HOUR_SECONDS)
        else:
            verdict = str(run.get("verdict", event.type))
            took = run.get("seconds")
            past = PastRun(
                action_id,
                str(run.get("type", "")),
                verdict,
                event.timestamp,
                subject=str(run.get("subject", "")),
                seconds=took if isinstance(took, int | float) else None,
            )
            pipe.zadd(f"mesh:history:{event.target_key}", {json.dumps(asdict(past), sort_keys=True): seconds})
            pipe.zremrangebyrank(f"mesh:history:{event.target_key}", 0, -NEWEST_RUNS - 1)
        await self._bus.run(pipe)

    async def record(self, event: HealthEvent) -> TrackRecord:
        """What was executed for this target lately, and what it came to."""
        key, since = f"mesh:restarts:{event.target_key}", time.time() - HOUR_SECONDS
        begun = await self._bus.call("ZRANGE", key, since, "+inf", "BYSCORE")
        words = Counter(row.decode().partition(" ")[2] for row in begun)
        runs = await self.past_runs(event)
        return TrackRecord.of(runs, utc_now(), len(begun), words, subject_of(event))

    async def past_runs(self, event: HealthEvent) -> tuple[PastRun, ...]:
        """The last executions for this target, newest first."""
        rows = await self._bus.call("ZREVRANGE", f"mesh:history:{event.target_key}", 0, NEWEST_RUNS - 1)
        return tuple(PastRun(**_known(json.loads(row))) for row in rows)


def _known(row: dict[str, Any]) -> dict[str, Any]:
    """What a newer planner keeps beside it is not ours to read."""
    return {field.name: row[field.name] for field in fields(PastRun) if field.name in row}
