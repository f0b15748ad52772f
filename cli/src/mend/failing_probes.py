"""Which probes of which node agents see nothing: what they should watch is not watched. Reads the agents' streams."""

from __future__ import annotations

import json
import time

from mend.text import plain
from mesh_core.incidents.event_types import RECOVERIES, EventType
from mesh_core.messaging.bus import Bus
from mesh_core.models.streams import EVENT_STREAM_PREFIX

ANNOUNCED_SECONDS = 180.0  # an agent says each minute what is still so
MOST_PAGES = 4  # of one stream, by bytes and entries: one node may have flooded its own


async def failing_probes(bus: Bus, streams: list[bytes]) -> list[str]:
    """`node: probe: error`, of each event stream of these that is an agent's. Raises BusDown."""
    since = int((time.time() - ANNOUNCED_SECONDS) * 1000)
    found = []
    for stream in streams:
        name = stream.decode("utf-8", "replace")  # of no agent where it does not stay the same
        node = name.removeprefix(EVENT_STREAM_PREFIX)
        if not node.startswith("_"):
            found += [plain(f"{node}: {said}", 300) for said in _failing(await _since(bus, name, since))]
    return sorted(found)


async def _since(bus: Bus, stream: str, ms: int) -> list[bytes]:
    """The payloads from that moment on, the newest first."""
    payloads: list[bytes] = []
    first = str(ms)
    for _ in range(MOST_PAGES):
        page = await bus.page(stream, first)
        payloads += [raw for _, raw in page.entries]
        if page.ended:
            break
        first = f"({page.entries[-1][0]}"
    return payloads[::-1]


def _failing(payloads: list[bytes]) -> list[str]:
    """What each probe last said, the newest first: nothing of one that has said since that it works."""
    known: set[str] = set()
    said = []
    for raw in payloads:
        try:
            event = json.loads(raw)
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
