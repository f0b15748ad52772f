"""The world as a pure fold: (world, event, now) -> (world, updates). Never reads, writes or waits, and never raises.

A target is a node (`pi4/`) or a service on it (`pi4/web`). Its state is what the last word from its stream says:

| told | the target becomes |
|---|---|
| warning or worse, not benign | sick, until each open incident is well again |
| service_recovered, service_healthy, a remediation that the executor proved | healthy, when nothing is left open |
| node_offline | that node and all its services offline |
| node_online | the node and its services as they were before |
| node_retired | the node and its services are in the world no more |
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
from mesh_core.models.records import Name, Record, ServiceName, Timestamp, rfc3339
from mesh_core.models.streams import ENTERED, EVENT_STREAM_PREFIX, entry_order

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
    signs of life, `listed` that the inventory once had it.
    """

    node: Name
    service: ServiceName | None = None
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
    listed: bool = False

    @property
    def target_key(self) -> str:
        return f"{self.node}/{self.service or ''}"


class World(Record):
    """Every target by its key, and up to which entry each stream is folded in."""

    schema_version: Literal[1] = 1
    places: dict[str, TargetHealth] = Field(default_factory=dict)
    positions: dict[str, str] = Field(default_factory=dict)


def fold(world: World, event: HealthEvent, now: datetime) -> tuple[World, tuple[WorldUpdate, ...]]:
    """The world after `event`, and one update for each target whose state is another now."""
    stream, entry = position_of(event)
    if entry is not None and entry_order(entry) <= entry_order(world.positions.get(stream, "")):
        return world, ()
    positions = world.positions if entry is None else {**world.positions, stream: entry}
    if event.type == EventType.NODE_RETIRED and event.service is None:
        return _without_node(world.model_copy(update={"positions": positions}), event, now)
    changed = _agent_speaks(world, event) | _told(world, event)
    return _changed(world.model_copy(update={"positions": positions}), changed.values(), event, now)


def with_beat(world: World, node: str, now: datetime, *, listed: bool = False) -> tuple[World, tuple[WorldUpdate, ...]]:
    """A node's agent gave a sign of life: from now on its silence means something. `listed`: the inventory has it."""
    target = world.places.get(f"{node}/") or TargetHealth(node=node, since=rfc3339(now))
    if target.beats and (target.listed or not listed):
        return world, ()
    own = HealthState.HEALTHY if target.own_state is HealthState.UNKNOWN else target.own_state
    state = own if target.state is HealthState.UNKNOWN else target.state
    target = replace(target, beats=True, listed=target.listed or listed, own_state=own, state=state)
    return _changed(world, [target], None, now)


def position_of(event: HealthEvent) -> tuple[str, str | None]:
    """The stream that an event lies in, and its entry id there; None if it has none."""
    stream = ENTERED.get(event.trust, f"{EVENT_STREAM_PREFIX}{event.node}")
    entry = (event.id or "").rpartition("/")[2]
    return stream, entry if _ENTRY.fullmatch(entry) else None


def _without_node(world: World, event: HealthEvent, now: datetime) -> tuple[World, tuple[WorldUpdate, ...]]:
    gone = {key: target for key, target in world.places.items() if target.node == event.node}
    forgotten = [replace(target, state=HealthState.UNKNOWN, severity=Severity.INFO) for target in gone.values()]
    changed, updates = _changed(world, forgotten, event, now)
    left = {key: target for key, target in changed.places.items() if key not in gone}
    return world.model_copy(update={"places": left}), updates


def _changed(
    world: World, places: Iterable[TargetHealth], event: HealthEvent | None, now: datetime
) -> tuple[World, tuple[WorldUpdate, ...]]:
    changed = {target.target_key: target for target in places}
    updates = []
    for key, target in changed.items():
        before = world.places[key].state if key in world.places else HealthState.UNKNOWN
        if target.state is not before:
            updates.append(
                WorldUpdate(
                    ts=rfc3339(now),
                    node=target.node,
                    service=target.service,
                    from_state=before,
                    to_state=target.state,
                    severity=target.severity,
                    event_id=event.id if event else None,
                    event_type=event.type if event else None,
                )
            )
    return world.model_copy(update={"places": {**world.places, **changed}}), tuple(updates)


def _agent_speaks(world: World, event: HealthEvent) -> dict[str, TargetHealth]:
    """An agent that speaks runs: its node is not unknown any more."""
    key = f"{event.node}/"
    target = _target_of(world, key, event)
    if event.trust is not Trust.NODE or target is None or target.own_state is not HealthState.UNKNOWN:
        return {}
    state = HealthState.HEALTHY if target.state is HealthState.UNKNOWN else target.state
    return {key: replace(target, own_state=HealthState.HEALTHY, state=state)}


def _told(world: World, event: HealthEvent) -> dict[str, TargetHealth]:
    target = _target_of(world, event.target_key, event)
    if target is None:
        return {}
    if event.service is None and event.type == EventType.NODE_OFFLINE:
        return _node_goes(world, target, event)
    if event.service is None and event.type == EventType.NODE_ONLINE:
        return _node_comes(world, target, event)
    return {target.target_key: _heard(target, event, offline=_is_offline(world, event.node))}


def _heard(target: TargetHealth, event: HealthEvent, *, offline: bool) -> TargetHealth:
    own = target.own_state
    if addresses_reached(event):
        target = _without_ended(target, event)
        own = HealthState.UNHEALTHY if target.open else HealthState.HEALTHY
    elif is_trouble(event):
        target = _with_trouble(target, event)
        own = HealthState.UNHEALTHY
    elif own is HealthState.UNKNOWN and event.trust is Trust.NODE and event.service is None:
        own = HealthState.HEALTHY
    return _settled(replace(target, own_state=own), HealthState.OFFLINE if offline else own, event)


def _with_trouble(target: TargetHealth, event: HealthEvent) -> TargetHealth:
    key = event.incident or event.type
    still_open = dict([*((k, v) for k, v in target.open.items() if k != key), (key, event.severity)][-MAX_OPEN:])
    named = event.incident is not None
    unnamed = tuple(k for k in still_open if (not named if k == key else k in target.unnamed))
    occurrences = target.occurrences + 1 if target.open else 1
    return replace(target, open=still_open, unnamed=unnamed, occurrences=occurrences)


def _without_ended(target: TargetHealth, recovery: HealthEvent) -> TargetHealth:
    still_open = {
        key: severity
        for key, severity in target.open.items()
        if not ends(recovery, OpenTrouble(target.node, target.service, "", None if key in target.unnamed else key))
    }
    return replace(target, open=still_open, unnamed=tuple(key for key in target.unnamed if key in still_open))


def _node_goes(world: World, target: TargetHealth, event: HealthEvent) -> dict[str, TargetHealth]:
    gone = {target.target_key: replace(_settled(target, HealthState.OFFLINE, event), severity=event.severity)}
    for service in _services(world, event.node):
        gone[service.target_key] = replace(service, state=HealthState.OFFLINE, since=event.timestamp)
    return gone


def _node_comes(world: World, target: TargetHealth, event: HealthEvent) -> dict[str, TargetHealth]:
    target = _without_ended(target, event)
    own = HealthState.UNHEALTHY if target.open else HealthState.HEALTHY
    back = {target.target_key: _settled(replace(target, own_state=own), own, event)}
    for service in _services(world, event.node):
        if service.state is HealthState.OFFLINE:
            back[service.target_key] = replace(service, state=service.own_state, since=event.timestamp)
    return back


def _settled(target: TargetHealth, state: HealthState, event: HealthEvent) -> TargetHealth:
    """What stays sick is called after trouble, and not after the end of another one of it."""
    still_sick = state is HealthState.UNHEALTHY and not is_trouble(event)
    return replace(
        target,
        state=state,
        severity=worst(target.open.values()),
        since=target.since if state is target.state else event.timestamp,
        event_id=target.event_id if still_sick else event.id,
        event_type=target.event_type if still_sick else event.type,
    )


def _target_of(world: World, key: str, event: HealthEvent) -> TargetHealth | None:
    """The target as it is, or a new one; None when somebody invents more names than a world holds."""
    known = world.places.get(key)
    if known is not None or len(world.places) >= MAX_PLACES:
        return known
    state = HealthState.OFFLINE if _is_offline(world, event.node) else HealthState.UNKNOWN
    service = key.partition("/")[2] or None
    return TargetHealth(node=event.node, service=service, state=state, since=event.timestamp)


def _is_offline(world: World, node: str) -> bool:
    target = world.places.get(f"{node}/")
    return target is not None and target.state is HealthState.OFFLINE


def _services(world: World, node: str) -> list[TargetHealth]:
    return [target for target in world.places.values() if target.node == node and target.service is not None]
