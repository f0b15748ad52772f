"""Which probes of which node agents see nothing: what they should watch is not watched. Reads the agents' streams.

`mend status` and the page both ask here. A probe's name and its error are another machine's words.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass

from mesh_core.incidents.event_types import RECOVERIES, EventType
from mesh_core.messaging.bus import Bus
from mesh_core.models.streams import EVENT_STREAM_PREFIX

ANNOUNCED_SECONDS = 180.0  # an agent says each minute what is still so
MOST_PAGES = 4  # of one stream, by bytes and entries: one node may have flooded its own


@dataclass(frozen=True)
class FailingProbe:
    """`node` as its stream is called, `error` as the probe raised it: `PermissionError: ...`."""

    node: str
    probe: str
    error: str

    @property
    def told(self) -> str:
        return f"{self.node}: {self.probe}: {self.error}"


async def failing_probes(bus: Bus, streams: Iterable[bytes]) -> list[FailingProbe]:
    """Of each event stream of these that is an agent's. Raises BusDown."""
    found = []
    for stream in streams:
        # of no agent where it does not stay the same
        node = stream.decode("utf-8", "replace").removeprefix(EVENT_STREAM_PREFIX)
        if not node.startswith("_"):
            found += await failing_probes_of(bus, node)
    return sorted(found, key=lambda one: one.told)


async def failing_probes_of(bus: Bus, node: str) -> list[FailingProbe]:
    """Of one node. Raises BusDown."""
    since = int((time.time() - ANNOUNCED_SECONDS) * 1000)
    payloads = await _since(bus, f"{EVENT_STREAM_PREFIX}{node}", since)
    return [FailingProbe(node, probe, error) for probe, error in _failing(payloads)]


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


def _failing(payloads: list[bytes]) -> list[tuple[str, str]]:
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
                said.append((str(payload["probe"]), str(payload["error"])))
        except (KeyError, ValueError, TypeError):
            continue
    return said
