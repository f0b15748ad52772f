"""From an alert to a health event: which node and service, which type, how bad. Pure; config/hooks.yml adds to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import MAX_EVENT_BYTES, HealthEvent, Runtime, Severity, Trust, raw_name
from mesh_core.models.parsing import problems
from mesh_core.models.records import EventTypeName, Name, is_service_name, rfc3339
from mesh_core.models.sightings import MATCHED_BY, MatchedBy
from mesh_core.models.slugs import folded, plain_name
from mesh_core.policy.names.hosts import host_in, key_of_host, node_for
from mesh_core.policy.names.known_names import UNIT_SUFFIXES, KnownNames, host_as_ours
from mesh_core.security.redaction import pruned, redacted
from observer.hooks.alert import Alert, Unfit, raw_of
from observer.hooks.service_in_names import service_in_names, watched_there
from observer.hooks.severities import severity_in

ROOM_BYTES = 2048  # in an event's 64 KiB, for its id and what else is added on entry
NOBODY = KnownNames()
CONTAINER_LABELS = ("container", "container_name", "docker_container")
UNIT_LABELS = ("unit", "systemd_unit", "unit_name")
# Who measured may stand in one of these, and what was measured in another.
ASKED_OF = ("instance", "url", "target", "address", "ip_address", "ip")
_ENGINES_OWN = "com_docker_compose_project"  # in its event; an exporter puts something before it
EXPORTED = "exported_"  # Prometheus puts it before a label of the measurement that it gives another value itself
# Names that many rule collections share, as the types that our own agents use for the same trouble.
TYPES = {
    "watchdog": "heartbeat",
    "deadmansswitch": "heartbeat",
    "instancedown": "node_unreachable",
    "nodedown": "node_unreachable",
    "hostdown": "node_unreachable",
    "targetdown": "node_unreachable",
    "prometheustargetmissing": "node_unreachable",
    "containerdown": "container_down",
    "containerkilled": "container_died",
    "container die": "container_died",
    "container oom": "container_oom",
    "container unhealthy": "container_unhealthy",
    "containerunhealthy": "container_unhealthy",
    "containerhealthcheckfailed": "container_unhealthy",
    "containeroomkilled": "container_oom",
    "systemdservicefailed": "unit_failed",
    "systemdservicecrashed": "unit_failed",
    "systemdunitfailed": "unit_failed",
    "hostsystemdservicecrashed": "unit_failed",
    "nodesystemdservicefailed": "unit_failed",
    "hostoutofdiskspace": "disk_space_low",
    "nodefilesystemspacefillingup": "disk_space_low",
    "nodefilesystemalmostoutofspace": "disk_space_low",
    "hostoutofmemory": "memory_low",
    "nodememoryhighutilization": "memory_low",
    "hosthighcpuload": "load_high",
    "nodecpuhighusage": "load_high",
    "nodesystemsaturation": "load_high",
    "blackboxprobefailed": EventType.HTTP_PROBE_FAILED,
    "blackboxprobehttpfailure": EventType.HTTP_PROBE_FAILED,
    "probefailed": EventType.HTTP_PROBE_FAILED,
}
_OF_A_TARGET = ("targetdown", "prometheustargetmissing")  # where a service is named, the target is that, and no host
_OF_ITS_PORT = ("instancedown",)  # likewise where that service is known by the port of the instance
NODE_LABELS = (
    *("node", "nodename", "kubernetes_node", "host", "hostname", "agent_hostname", "server", "instance", "url"),
    *("target", "machine", "computer", "host_name", "fqdn", "address", "ip_address", "ip"),
)
SERVICE_LABELS = (
    *("service", *CONTAINER_LABELS, *UNIT_LABELS, "program", "name"),
    *("service_name", "process_name", "groupname", "compose_service"),
)


class Mapped(BaseModel):
    """Which labels say what. Each list is looked through in order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    node_labels: tuple[str, ...] = NODE_LABELS
    node_default: Name = "unknown"
    domains: tuple[Name, ...] = ()
    service_labels: tuple[str, ...] = SERVICE_LABELS
    severity_label: str = "severity"
    severity_default: Severity = Severity.WARNING
    severities: dict[str, Severity] = Field(default_factory=dict)
    types: dict[str, EventTypeName] = Field(default_factory=dict)

    def event_for(self, alert: Alert, episode: str, now: datetime, names: KnownNames = NOBODY) -> HealthEvent | Unfit:
        """The health event of one alert; `episode` makes its incident another one than the last.

        Its node and service are those of the mesh where `names` knows them, else as the alert writes them.
        """
        payload: dict[str, Any] = dict(alert.details)
        host = host_in(alert.node or self._host_label(alert, names))
        node = names.node(host) or node_for(host) or self.node_default
        host_as_ours(payload, host, node)
        service, runtime, more = self._service_on(node, host, alert, names)
        payload |= more
        if runtime and service:
            payload.setdefault("runtime", runtime)
        event_type = self._type_of(alert, service) if alert.firing else EventType.SERVICE_RECOVERED
        try:
            event = HealthEvent(
                type=event_type,
                node=node,
                service=service or None,
                severity=self._severity_of(alert) if alert.firing else Severity.INFO,
                payload=payload,
                timestamp=alert.at or rfc3339(now),
                incident=incident_of(alert, episode),
                trust=Trust.FOREIGN,
            )
        except ValidationError as error:
            return Unfit(problems(error), raw_of(alert.details))
        return _bounded(event)

    def labels_name_a_service(self, alert: Alert) -> bool:
        """Or its sender's own expression does; a monitor that is called something says only what people call it."""
        is_its_name = alert.service == plain_name(alert.name.strip().lower(), "monitor")
        return bool(alert.service and not is_its_name) or bool(self._first(self.service_labels, alert.labels))

    def _service_on(self, node: str, host: str, alert: Alert, names: KnownNames) -> tuple[str, str, dict[str, object]]:
        """Which service of the node it is about, '' for the node itself; who runs it; and what else that says."""
        labels, more = alert.labels, dict[str, object]()
        of_its_name = watched_there(alert, node, names) if alert.service else ""
        said = of_its_name or alert.service or self._service_label(labels) or _unit_of_cgroup(labels)
        said = said.removesuffix(f"@{host}") if host else said  # as people write where it runs
        service = "" if _is_the_host(said, host, labels) and said not in names.services.get(node, ()) else said
        if service and not is_service_name(service):  # of a check that is called by several words
            service = watched_there(alert, node, names) or service
        service = service or names.only_service(node, alert.called) or service_in_names(alert, node, names)
        known = names.services.get(node, frozenset())
        service, runtime = names.service(node, *_runtime_of(service, labels))
        if runtime == Runtime.SYSTEMD.value and service not in known:
            service = _unit_as_called(service, host, alert)
        if runtime == Runtime.DOCKER.value and (task_of := names.swarm(service, labels)):
            more = {"swarm": {"service": task_of}, "container": service}
            service = task_of
        elif runtime in ("", Runtime.DOCKER.value) and (claim := names.compose(node, service, labels)):
            project, name = claim
            more = {"compose": {"project": project, "service": name}, **({"container": service} if service else {})}
            ours, runtime = f"{project}.{name}", Runtime.DOCKER.value
            is_its_engines = bool(service) and _ENGINES_OWN in labels and ours not in known
            service = service if is_its_engines else ours
        if service and not is_service_name(service):
            return "", runtime, {**more, **raw_name(service)}
        return service, runtime, more

    def _type_of(self, alert: Alert, service: str) -> str:
        configured = {name.lower(): event_type for name, event_type in self.types.items()}
        for name in (alert.name, alert.type):
            plain = name.lower().replace("_", "")
            targets = _OF_A_TARGET + (_OF_ITS_PORT if alert.details.get(MATCHED_BY) == MatchedBy.PORT else ())
            ours = "" if service and plain in targets else TYPES.get(plain, "")
            if event_type := configured.get(name.lower()) or ours:
                return event_type
        return type_out_of(alert.type or alert.name)

    def _severity_of(self, alert: Alert) -> Severity:
        word = (alert.severity or alert.labels.get(self.severity_label, "")).strip().lower()
        configured = {name.lower(): severity for name, severity in self.severities.items()}
        return configured.get(word) or severity_in(word) or self.severity_default

    def _host_label(self, alert: Alert, names: KnownNames) -> str:
        """The first that says a host; of those for what was asked, the first whose host the mesh knows.

        A URL may as well lead to the sender's own page: a host of ours that is called by its name comes before it.
        """
        first = self._first(self.node_labels, alert.labels)
        asked = [text for text in (self._first((label,), alert.labels) for label in ASKED_OF) if text]
        if first and first not in asked:
            return first
        beside = filter(None, (names.node(where) for _, where in alert.what_and_where))
        called = names.only_host(alert.named) or names.only_host((*alert.called, *beside))
        ours = next((text for text in asked if names.node(host_in(text))), "") or called
        return ours or next(filter(None, (names.node_above(host_in(text)) for text in asked)), first)

    def _service_label(self, labels: Mapping[str, str]) -> str:
        """The first that can be a name: beside what people call it there may be what its manager does."""
        told = (self._first((name,), labels) for name in self.service_labels)
        return next(filter(is_service_name, told), "") or self._first(self.service_labels, labels)

    @staticmethod
    def _first(names: tuple[str, ...], labels: Mapping[str, str]) -> str:
        """What a measurement says of something else (a pod, a host that pushed) stands before who was asked for it."""
        both = (*(f"{EXPORTED}{name}" for name in names), *names)
        return next((labels[name].strip() for name in both if labels.get(name, "").strip()), "")


def incident_of(alert: Alert, episode: str) -> str:
    """`sender/key/run`: the same for every announcement of one run of an alert."""
    return f"{alert.source}/{alert.key}/{re.sub(r'[^A-Za-z0-9._:-]', '-', episode)[:64]}"


def type_out_of(name: str) -> str:
    """`HostHighCpuLoad` -> `host_high_cpu_load`: any name as an event type."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", folded(name[:200])))
    words = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")
    if not words:
        return "alert"
    return (words if words[0].isalpha() else f"alert_{words}")[:64].rstrip("_")


def _is_the_host(service: str, host: str, labels: Mapping[str, str]) -> bool:
    """Monit and others call a whole host a service of its own name. What runs as a container or unit is none."""
    return bool(service) and key_of_host(service) == key_of_host(host) and not _runtime_of(service, labels)[1]


def _unit_as_called(unit: str, host: str, alert: Alert) -> str:
    """`wiki` of `wiki.service`, where the alert calls it so elsewhere: systemd takes either for the other."""
    bare = unit.removesuffix(".service")
    elsewhere = (text for label, text in alert.labels.items() if not label.endswith(UNIT_LABELS))
    return bare if bare in (*alert.called, *elsewhere) and bare != host else unit


def _unit_of_cgroup(labels: Mapping[str, str]) -> str:
    """cAdvisor knows a unit by its control group only: `/system.slice/caddy.service`."""
    group = labels.get("id", "")
    return group.rpartition("/")[2] if group.startswith("/") and group.endswith(".service") else ""


def _runtime_of(service: str, labels: Mapping[str, str]) -> tuple[str, str]:
    """(the service, who runs it) as far as the labels say."""
    cadvisor = service == labels.get("name") and bool(labels.get("image"))
    containers = (labels.get(f"{prefix}{label}") for label in CONTAINER_LABELS for prefix in ("", EXPORTED))
    if service and (cadvisor or service in containers):
        return service.lstrip("/"), Runtime.DOCKER.value
    if service.endswith(UNIT_SUFFIXES) or (service and service in map(labels.get, UNIT_LABELS)):
        return service, Runtime.SYSTEMD.value
    return service, ""


def _bounded(event: HealthEvent) -> HealthEvent | Unfit:
    """Secrets hidden; what is bulky goes first if it does not fit."""
    payload = pruned(event.payload)
    for bulky in ("", "annotations", "values", "labels"):
        payload.pop(bulky, None)
        smaller = event.model_copy(update={"payload": payload})
        if len(smaller.wire()) <= MAX_EVENT_BYTES - ROOM_BYTES:
            return smaller
    text = redacted(raw_of(event.payload).decode("utf-8", "replace"))
    return event.model_copy(update={"payload": {"cut_to_fit": text}})
