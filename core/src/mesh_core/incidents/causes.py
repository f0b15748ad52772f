"""Which trouble explains other trouble: one cause, one proposal. Pure.

| cause | what it explains there |
|---|---|
| the node is offline | services that do not run or answer, storms, and what else began after its last sign of life |
| a file system that programs write to is full | services that do not run or answer, storms |
| a service does not run or answer | of these the ones that its own agent found to need it, or to live in its network |
| a container does not run or answer | a probe of a port that it publishes, wherever that probe is |
| the unit of a container engine does not run | of these the ones of that engine, and that a probe lost it |

Of another node it explains a service that does not run or answer there, if its agent was told that this needs it
(`depends_on` in node.yml): the service itself, or whatever ails its whole node and explains it. A node that is offline
explains what is mounted from there as well. A mount that is missing counts as a service that does not run.

Only an agent's or the observer's own word makes a cause: else a stranger could hide trouble behind one. Services that
need each other in a circle do not explain each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from mesh_core.incidents.event_types import SERVICE_STATES, EventType
from mesh_core.incidents.subject import subject_of
from mesh_core.incidents.wording import what_is_wrong
from mesh_core.models.events import HealthEvent, Runtime, Severity, Trust
from mesh_core.models.records import Name, Record, ServiceName, Timestamp, is_name, is_service_name, parse_time
from mesh_core.models.streams import entered_ms

DISK_FULL = "disk_space_low"
# Where an engine, a package and a unit keep what they write; a full /mnt/media stops none of them.
WRITTEN_TO = frozenset(
    {"/", "/var", "/var/lib", *(f"/var/lib/{name}" for name in ("docker", "containerd", "containers"))}
)
NEEDS_ELSEWHERE = "needs_elsewhere"  # of an agent's payload: [{node, service}]
ASKS = "asks"  # of a probe's payload, noted by a planner: {node, port}
MOST_NAMES = 64
_EARLIER = timedelta(seconds=60)  # whoever looks from outside may notice it before the last sign of life
# Whose unit carries which containers. Those of Podman run without one.
_ENGINES = dict.fromkeys(
    ("docker.service", "docker.socket", "containerd.service", "snap.docker.dockerd.service"), Runtime.DOCKER
)
_MOUNTS = frozenset({"mount_stale", "mount_missing"})
_NEEDING = ("in_its_network", "dependents")  # what an agent says of a container's company


class Cause(Record):
    """What one trouble explains. `names`: whom it goes by; `needed_by`: by which names those go that need it.

    `needs`: the places elsewhere that it needs, as `node/service` or `node/`. `asks`: where its probe looks for an
    answer, and `answers_at` where it gives one, as `node:port`. `runtime` keeps it running; `carries` is the one that
    it is itself, as a container engine. `wrong` says it in a few words. `told_by` is the id of its proposal; '' while
    it has none, because something else explains it.
    """

    subject: str
    node: Name
    service: ServiceName | None
    names: Annotated[tuple[ServiceName, ...], Field(max_length=MOST_NAMES)] = ()
    needed_by: Annotated[tuple[ServiceName, ...], Field(max_length=MOST_NAMES)] = ()
    needs: Annotated[tuple[str, ...], Field(max_length=MOST_NAMES)] = ()
    asks: str = ""
    answers_at: Annotated[tuple[str, ...], Field(max_length=MOST_NAMES)] = ()
    runtime: str = ""
    carries: str = ""
    type: str
    incident: str | None
    since: Timestamp
    wrong: str = ""
    told_by: str = ""

    @property
    def told(self) -> str:
        """Why nothing is proposed for what this explains, at most 500 characters."""
        return f"explained by {self.told_by}: {self.service or self.node}: {self.wrong}"[:500]

    def explains(self, other: Cause) -> bool:
        """Is the other one there because of this one?"""
        if self.subject == other.subject:
            return False
        of_a_service = other.service is not None and other.type in SERVICE_STATES
        if of_a_service and other.asks in self.answers_at:
            return True
        if self.node != other.node:
            mounted = other.type in _MOUNTS and self.type == EventType.NODE_OFFLINE
            return (of_a_service or mounted) and self._is_needed_elsewhere(other)
        if self.service is not None:
            of_the_engine = bool(self.carries) and other.runtime == self.carries
            if of_the_engine and (of_a_service or other.type == EventType.PROBE_FAILED):
                return True
            return of_a_service and not {*other.names}.isdisjoint(self.needed_by)
        of_services = of_a_service or other.type == EventType.TROUBLE_STORM
        if self.type == EventType.NODE_OFFLINE:
            return of_services or parse_time(other.since) >= parse_time(self.since) - _EARLIER
        return of_services

    def _is_needed_elsewhere(self, other: Cause) -> bool:
        if self.service is not None:
            return any(f"{self.node}/{name}" in other.needs for name in self.names)
        return self.node in nodes_needed(other)


def cause_of(event: HealthEvent, told_by: str = "") -> Cause:
    """This trouble as a cause, and as what another may explain."""
    silent = event.type == EventType.NODE_OFFLINE and event.trust is Trust.OBSERVER
    return Cause(
        subject=subject_of(event),
        node=event.node,
        service=event.service,
        names=_names([event.service, event.payload.get("container")]),
        needed_by=_needed_by(event),
        needs=places_needed(event),
        asks=_asks(event),
        answers_at=_answers_at(event),
        runtime=_runtime_of(event),
        carries=_ENGINES.get(event.service or "", "") if event.runtime is Runtime.SYSTEMD else "",
        type=event.type,
        incident=event.incident,
        since=str(event.payload.get("last_heard") or event.timestamp) if silent else event.timestamp,
        wrong=what_is_wrong(event),
        told_by=told_by,
    )


def nodes_needed(trouble: Cause) -> list[str]:
    return [*dict.fromkeys(place.partition("/")[0] for place in trouble.needs)]


def may_explain(event: HealthEvent) -> bool:
    """Is this trouble of a kind that explains other trouble?"""
    if event.service is not None:
        return event.trust is Trust.NODE and event.type in SERVICE_STATES | _MOUNTS
    if event.type == EventType.NODE_OFFLINE:
        return event.trust is Trust.OBSERVER
    full = event.type == DISK_FULL and event.severity is Severity.CRITICAL
    return full and event.trust is Trust.NODE and str(event.payload.get("mount")) in WRITTEN_TO


def root_cause(event: HealthEvent, causes: Collection[Cause]) -> Cause | None:
    """What this trouble comes from in the end, as far as it was told; None where that is itself.

    Those of a circle come from what stands outside it. Where nothing does each of them stands for itself, and explains
    what hangs on the circle.
    """
    trouble = cause_of(event)
    above = _all_above(trouble, _of_the_node_first(causes))
    firsts = [one for one in above if not any(other.explains(one) for other in above)]
    if not firsts and all(one.subject != trouble.subject for one in above):
        firsts = above
    return next((one for one in firsts if one.told_by), None)


def began_ms(event: HealthEvent) -> int:
    """When this trouble began, in ms: when its agent says so, whenever it is announced; of others, when it came."""
    said = event.payload.get("opened_at") if event.trust is Trust.NODE else None
    try:
        return int(parse_time(str(said)).timestamp() * 1000) if said else entered_ms(event.id or "")
    except ValueError:
        return entered_ms(event.id or "")


def places_needed(event: HealthEvent) -> tuple[str, ...]:
    """Where on other nodes something is that this needs, as its own agent was told: `node/service`, or `node/`."""
    said = event.payload.get(NEEDS_ELSEWHERE) if event.trust is Trust.NODE else None
    rows = [row for row in said if isinstance(row, dict)] if isinstance(said, list) else []
    places = [(row.get("node"), row.get("service") or "") for row in rows]
    named = [f"{node}/{service}" for node, service in places if _is_place(node, service)]
    return tuple(dict.fromkeys(named))[:MOST_NAMES]


def _asks(event: HealthEvent) -> str:
    said = event.payload.get(ASKS) if event.trust is Trust.NODE else None
    node, port = (said.get("node"), said.get("port")) if isinstance(said, dict) else (None, None)
    return f"{node}:{port}" if isinstance(node, str) and is_name(node) and _is_port(port) else ""


def _answers_at(event: HealthEvent) -> tuple[str, ...]:
    """Where the ports of a container are published."""
    said = event.payload.get("ports") if event.trust is Trust.NODE else None
    ports = [port for port in said if _is_port(port)] if isinstance(said, list) else []
    return tuple(f"{event.node}:{port}" for port in dict.fromkeys(ports))[:MOST_NAMES]


def _is_place(node: object, service: object) -> bool:
    return (
        isinstance(node, str)
        and is_name(node)
        and isinstance(service, str)
        and (not service or is_service_name(service))
    )


def _is_port(said: object) -> bool:
    """Is it the number of a TCP port?"""
    return isinstance(said, int) and not isinstance(said, bool) and 0 < said < 65536


def _runtime_of(event: HealthEvent) -> str:
    """Who keeps it running; of a probe that lost its source, that source."""
    said = event.payload.get("probe") if event.type == EventType.PROBE_FAILED else event.runtime
    return said if isinstance(said, str) else ""


def _all_above(trouble: Cause, causes: Sequence[Cause]) -> list[Cause]:
    """What explains it, and what explains that, each once."""
    found: dict[str, Cause] = {}
    wanted = [trouble]
    for below in wanted:
        for cause in causes:
            if cause.subject not in found and cause.explains(below):
                found[cause.subject] = cause
                wanted.append(cause)
    return [cause for cause in causes if cause.subject in found]


def _of_the_node_first(causes: Iterable[Cause]) -> list[Cause]:
    return sorted(causes, key=lambda cause: (cause.service is not None, cause.type != EventType.NODE_OFFLINE))


def _needed_by(event: HealthEvent) -> tuple[str, ...]:
    said = [event.payload.get(word) for word in _NEEDING]
    return _names(name for names in said if isinstance(names, list) for name in names)


def _names(said: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in said if isinstance(name, str) and is_service_name(name)))[:MOST_NAMES]
