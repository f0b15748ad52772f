"""The world as a pure fold: (world, event, now) -> (world, updates). Never reads, writes or waits, and never raises.

A place is a node (`pi4/`) or a service on it (`pi4/web`). Its state is what the last word from its stream says:

| told | the place becomes |
|---|---|
| warning or worse, not benign | sick, until each open incident is well again |
| service_recovered, service_healthy, a remediation that the executor proved | healthy, when nothing is left open |
| node_offline | that node and all its services offline |
| node_online | the node and its services as they were before |
| anything else | as it was |

What a recovery ends is the incident rule's to say (mesh_core.incidents.rule).
Each stream is folded in order and only forwards, so that an entry that comes twice changes nothing the second time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.rule import OpenTrouble, addresses_reached, ends, is_trouble
from mesh_core.incidents.severities import worst
from mesh_core.models.events import HealthEvent, Severity, Trust, WorldUpdate
from mesh_core.models.records import Name, Record, Timestamp, rfc3339
from mesh_core.models.streams import ENTERED, EVENT_STREAM_PREFIX

MAX_PLACES = 20_000
MAX_OPEN = 32
_ENTRY = re.compile(r"(\d{1,20})-(\d{1,20})")


class HealthState(StrEnum):
    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "sick"  # the word on the wire
    OFFLINE = "offline"


# Not a Record: of those each object keeps a dictionary and a set of names, and a world has thousands of places.
@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TargetHealth:
    """One node (`service` None) or one service. `own_state` is what it is apart from its node being offline.

    `occurrences` counts how often the present trouble (or the last one) was announced; `open` is what is open, by
    incident or else by type (these are in `unnamed` as well); `beats` says that this node's agent was once heard giving
    signs of life.
    """

    node: Name
    service: Name | None = None
    state: HealthState = HealthState.UNKNOWN
    own_state: HealthState = HealthState.UNKNOWN
    severity: Severity = Severity.INFO
    since: Timestamp
    event_id: str | None = None
    event_type: str | None = None
    occurrences: int = 0
    open: dict[str, Severity] = field(default_factory=dict)
    unnamed: tuple[str, ...] = ()
    beats: bool = False

    @property
    def pair(self) -> str:
        return f"{self.node}/{self.service or ''}"


class World(Record):
    """Every place by its pair, and up to which entry each stream is folded in."""

    schema_version: Literal[1] = 1
    places: dict[str, TargetHealth] = Field(default_factory=dict)
    positions: dict[str, str] = Field(default_factory=dict)


def fold(world: World, event: HealthEvent, now: datetime) -> tuple[World, tuple[WorldUpdate, ...]]:
    """The world after `event`, and one update for each place whose state is another now."""
    stream, entry = position_of(event)
    if entry is not None and _order(entry) <= _order(world.positions.get(stream, "")):
        return world, ()
    positions = world.positions if entry is None else {**world.positions, stream: entry}
    changed = _node_place_speaks(world, event) | _told(world, event)
    return _changed(world.model_copy(update={"positions": positions}), changed.values(), event, now)


def with_beat(world: World, node: str, now: datetime) -> tuple[World, tuple[WorldUpdate, ...]]:
    """A node's agent gave a sign of life: from now on its silence means something."""
    place = world.places.get(f"{node}/") or TargetHealth(node=node, since=rfc3339(now))
    if place.beats:
        return world, ()
    own = HealthState.HEALTHY if place.own_state is HealthState.UNKNOWN else place.own_state
    state = own if place.state is HealthState.UNKNOWN else place.state
    place = replace(place, beats=True, own_state=own, state=state)
    return _changed(world, [place], None, now)


def position_of(event: HealthEvent) -> tuple[str, str | None]:
    """The stream that an event lies in, and its entry id there; None if it has none."""
    stream = ENTERED.get(event.trust, f"{EVENT_STREAM_PREFIX}{event.node}")
    entry = (event.id or "").rpartition("/")[2]
    return stream, entry if _ENTRY.fullmatch(entry) else None


def _changed(
    world: World, places: Iterable[TargetHealth], event: HealthEvent | None, now: datetime
) -> tuple[World, tuple[WorldUpdate, ...]]:
    changed = {place.pair: place for place in places}
    updates = []
    for pair, place in changed.items():
        before = world.places[pair].state if pair in world.places else HealthState.UNKNOWN
        if place.state is not before:
            updates.append(
                WorldUpdate(
                    ts=rfc3339(now),
                    node=place.node,
                    service=place.service,
                    from_state=before,
                    to_state=place.state,
                    severity=place.severity,
                    event_id=event.id if event else None,
                    event_type=event.type if event else None,
                )
            )
    return world.model_copy(update={"places": {**world.places, **changed}}), tuple(updates)


def _node_place_speaks(world: World, event: HealthEvent) -> dict[str, TargetHealth]:
    """An agent that speaks runs: its node is not unknown any more."""
    pair = f"{event.node}/"
    place = _place(world, pair, event)
    if event.trust is not Trust.NODE or place is None or place.own_state is not HealthState.UNKNOWN:
        return {}
    state = HealthState.HEALTHY if place.state is HealthState.UNKNOWN else place.state
    return {pair: replace(place, own_state=HealthState.HEALTHY, state=state)}


def _told(world: World, event: HealthEvent) -> dict[str, TargetHealth]:
    place = _place(world, event.pair, event)
    if place is None:
        return {}
    if event.service is None and event.type == EventType.NODE_OFFLINE:
        return _node_goes(world, place, event)
    if event.service is None and event.type == EventType.NODE_ONLINE:
        return _node_comes(world, place, event)
    return {place.pair: _heard(place, event, offline=_is_offline(world, event.node))}


def _heard(place: TargetHealth, event: HealthEvent, *, offline: bool) -> TargetHealth:
    own = place.own_state
    if addresses_reached(event):
        place = _without_ended(place, event)
        own = HealthState.UNHEALTHY if place.open else HealthState.HEALTHY
    elif is_trouble(event):
        place = _with_trouble(place, event)
        own = HealthState.UNHEALTHY
    elif own is HealthState.UNKNOWN and event.trust is Trust.NODE and event.service is None:
        own = HealthState.HEALTHY
    return _settled(replace(place, own_state=own), HealthState.OFFLINE if offline else own, event)


def _with_trouble(place: TargetHealth, event: HealthEvent) -> TargetHealth:
    key = event.incident or event.type
    still_open = dict([*((k, v) for k, v in place.open.items() if k != key), (key, event.severity)][-MAX_OPEN:])
    named = event.incident is not None
    unnamed = tuple(k for k in still_open if (not named if k == key else k in place.unnamed))
    occurrences = place.occurrences + 1 if place.open else 1
    return replace(place, open=still_open, unnamed=unnamed, occurrences=occurrences)


def _without_ended(place: TargetHealth, recovery: HealthEvent) -> TargetHealth:
    still_open = {
        key: severity
        for key, severity in place.open.items()
        if not ends(recovery, OpenTrouble(place.node, place.service, "", None if key in place.unnamed else key))
    }
    return replace(place, open=still_open, unnamed=tuple(key for key in place.unnamed if key in still_open))


def _node_goes(world: World, place: TargetHealth, event: HealthEvent) -> dict[str, TargetHealth]:
    gone = {place.pair: replace(_settled(place, HealthState.OFFLINE, event), severity=event.severity)}
    for service in _services(world, event.node):
        gone[service.pair] = replace(service, state=HealthState.OFFLINE, since=event.timestamp)
    return gone


def _node_comes(world: World, place: TargetHealth, event: HealthEvent) -> dict[str, TargetHealth]:
    place = _without_ended(place, event)
    own = HealthState.UNHEALTHY if place.open else HealthState.HEALTHY
    back = {place.pair: _settled(replace(place, own_state=own), own, event)}
    for service in _services(world, event.node):
        if service.state is HealthState.OFFLINE:
            back[service.pair] = replace(service, state=service.own_state, since=event.timestamp)
    return back


def _settled(place: TargetHealth, state: HealthState, event: HealthEvent) -> TargetHealth:
    return replace(
        place,
        state=state,
        severity=worst(place.open.values()),
        since=place.since if state is place.state else event.timestamp,
        event_id=event.id,
        event_type=event.type,
    )


def _place(world: World, pair: str, event: HealthEvent) -> TargetHealth | None:
    """The place as it is, or a new one; None when somebody invents more names than a world holds."""
    known = world.places.get(pair)
    if known is not None or len(world.places) >= MAX_PLACES:
        return known
    state = HealthState.OFFLINE if _is_offline(world, event.node) else HealthState.UNKNOWN
    service = pair.partition("/")[2] or None
    return TargetHealth(node=event.node, service=service, state=state, since=event.timestamp)


def _is_offline(world: World, node: str) -> bool:
    place = world.places.get(f"{node}/")
    return place is not None and place.state is HealthState.OFFLINE


def _services(world: World, node: str) -> list[TargetHealth]:
    return [place for place in world.places.values() if place.node == node and place.service is not None]


def _order(entry: str) -> tuple[int, int]:
    ms, _, sequence = entry.partition("-")
    return (int(ms), int(sequence)) if entry else (-1, -1)
