"""Which probes of which node agents see nothing: what they should watch is not watched. Reads the agents' streams."""

from __future__ import annotations

import json
import time
from typing import Any

from mend.text import plain
from mesh_core.incidents.event_types import RECOVERIES, EventType
from mesh_core.messaging.bus import Bus
from mesh_core.models.streams import EVENT_STREAM_PREFIX

ANNOUNCED_SECONDS = 180.0  # an agent says each minute what is still so
MOST_ENTRIES = 300  # of one stream


async def failing_probes(bus: Bus, streams: list[bytes]) -> list[str]:
    """`node: probe: error`, of each event stream of these that is an agent's. Raises BusDown."""
    since = int((time.time() - ANNOUNCED_SECONDS) * 1000)
    found = []
    for stream in streams:
        node = stream.decode("utf-8", "replace").removeprefix(EVENT_STREAM_PREFIX)
        if not node.startswith("_"):
            entries = await bus.call("XREVRANGE", stream, "+", since, "COUNT", MOST_ENTRIES)
            found += [plain(f"{node}: {said}", 300) for said in _failing(entries)]
    return sorted(found)


def _failing(entries: Any) -> list[str]:
    """What each probe last said, newest entries first: nothing of one that has said since that it works."""
    known: set[str] = set()
    said = []
    for _, fields in entries or ():
        pairs = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
        try:
            event = json.loads(pairs[b"p"])
            incident = str(event["incident"])
            payload = event["payload"]
            if incident in known or event["type"] not in (*RECOVERIES, EventType.PROBE_FAILED):
                continue
            known.add(incident)
            if event["type"] == EventType.PROBE_FAILED:
                said.append(f"{payload['probe']}: {payload['error']}")
        except (KeyError, ValueError, TypeError):
            continue
    return said
