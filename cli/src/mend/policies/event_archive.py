"""Events of the archive with what was decided about them, out of events/. Reads files, believes none of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mesh_core.models.events import HealthEvent
from mesh_core.models.records import is_name
from mesh_core.models.streams import entered_ms, entry_order
from mesh_core.storage.event_files import (
    MAX_LINE_BYTES,
    PLAIN,
    blocks_of_a_day,
    day_folders,
    lines_about,
    node_of,
)
from mesh_core.storage.json_files import object_in, read_object
from mesh_core.storage.listing import entries

BENIGN = "benign"  # the observer's own verdict, which gives way to any other


@dataclass(frozen=True)
class PastEvent:
    """`verdict` is a planner's, or `benign`; '' where nothing is known. `action_id`: of what was proposed."""

    event: HealthEvent
    verdict: str = ""
    action_id: str = ""
    reason: str = ""
    at: str = ""


def find_event(runtime: Path, event_id: str) -> PastEvent | None:
    """The event of that id (`<node>/<stream id>`); None where the archive has none."""
    node = event_id.rpartition("/")[0]
    if not is_name(node) or not (ms := entered_ms(event_id)):
        return None
    day = runtime / "events" / datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
    lines = [object_in(line) for _, line in lines_about(day, node, [event_id])]
    before = read_object(day / node / f"evt-{event_id.rpartition('/')[2]}.json", MAX_LINE_BYTES)
    return _joined([*([before] if before else []), *lines])


def events_since(runtime: Path, since: datetime) -> Iterator[PastEvent]:
    """Every event that entered after `since`, day by day and node by node, each in the order of entering.

    Of how events lay there before (a file each) nothing is read: `mend migrate` makes lines of them.
    """
    for day in day_folders(runtime / "events"):
        if day.name >= since.astimezone(UTC).strftime("%Y-%m-%d"):
            nodes = sorted({node for entry in entries(day) if (node := node_of(entry.name))})
            for node in nodes:
                yield from _of_a_day(day / (node + PLAIN), since)


def _of_a_day(plain: Path, since: datetime) -> Iterator[PastEvent]:
    by_id: dict[str, list[dict[str, Any]]] = {}
    for block in blocks_of_a_day(plain):
        for said in map(object_in, block.splitlines()):
            if isinstance(event_id := said.get("id"), str):
                by_id.setdefault(event_id, []).append(said)
    for event_id in sorted(by_id, key=lambda one: entry_order(one.rpartition("/")[2])):
        if entered_ms(event_id) >= since.timestamp() * 1000 and (found := _joined(by_id[event_id])):
            yield found


def _joined(lines: list[dict[str, Any]]) -> PastEvent | None:
    """The first event counts, and the last decision that is not the observer's own."""
    events = (event for said in lines if (event := _event(said.get("event"))))
    event = next(events, None)
    if event is None:
        return None
    decided = [said["decision"] for said in lines if isinstance(said.get("decision"), dict)]
    planners = [one for one in decided if one.get("verdict") != BENIGN]
    last = (planners or decided or [{}])[-1]
    return PastEvent(event, *(str(last.get(key) or "") for key in ("verdict", "action_id", "reason", "ts")))


def _event(value: object) -> HealthEvent | None:
    try:
        return HealthEvent.model_validate(value)
    except ValidationError:
        return None
