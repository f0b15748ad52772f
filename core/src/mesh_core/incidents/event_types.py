"""The types of events that some room of ours asks for by name, and what kind of word each is. Pure.

Any other type is as legal on the wire: most trouble is announced under a name that nobody here knows.
"""

from __future__ import annotations

from enum import StrEnum


class EventType(StrEnum):
    SERVICE_HEALTHY = "service_healthy"
    SERVICE_RECOVERED = "service_recovered"
    SERVICE_FLAPPING = "service_flapping"
    NODE_ONLINE = "node_online"
    NODE_OFFLINE = "node_offline"
    NODE_RETIRED = "node_retired"
    DEPLOYMENT_STARTED = "deployment_started"
    DEPLOYMENT_COMPLETED = "deployment_completed"
    REMEDIATION_STARTED = "remediation_started"
    REMEDIATION_COMPLETED = "remediation_completed"
    REMEDIATION_FAILED = "remediation_failed"
    HTTP_PROBE_FAILED = "http_probe_failed"
    TCP_PROBE_FAILED = "tcp_probe_failed"
    PROBE_FAILED = "probe_failed"
    CERTIFICATE_EXPIRING = "certificate_expiring"
    EVENTS_DROPPED = "events_dropped"
    RECORDS_ERASED = "records_erased"
    STREAM_OVERFLOW = "stream_overflow"
    TROUBLE_STORM = "trouble_storm"  # much began at once
    PLAYBOOK_REQUESTED = "playbook_requested"  # nothing is wrong, somebody asked for something


# Only inside proposals: who could tell of one could hide what is wrong behind his word, or speak as a person here.
PLANNERS_OWN = frozenset({EventType.TROUBLE_STORM, EventType.PLAYBOOK_REQUESTED})
RECOVERIES = frozenset(
    {EventType.SERVICE_HEALTHY, EventType.SERVICE_RECOVERED, EventType.NODE_ONLINE, EventType.NODE_RETIRED}
)
REMEDIATIONS = frozenset({EventType.REMEDIATION_STARTED, EventType.REMEDIATION_COMPLETED, EventType.REMEDIATION_FAILED})
# Never trouble, so no model ever sees one.
BENIGN = RECOVERIES | {
    EventType.DEPLOYMENT_STARTED,
    EventType.DEPLOYMENT_COMPLETED,
    EventType.REMEDIATION_STARTED,
    EventType.REMEDIATION_COMPLETED,
}
# About an agent's own work, or about Redis: no recovery ever follows.
NOTICES = frozenset({EventType.EVENTS_DROPPED, EventType.RECORDS_ERASED, EventType.STREAM_OVERFLOW})
NODE_UNREACHABLE = "node_unreachable"  # as others say it: NodeDown, InstanceDown of a host
SERVICE_DOWN, SERVICE_UNHEALTHY = "service_down", "service_unhealthy"  # whatever another system calls it
# Of a service, in the words of our agents and of whoever speaks like them.
DOES_NOT_RUN = frozenset(
    {
        *(f"container_{word}" for word in ("died", "exited", "stopped", "down", "missing", "crash", "crashed")),
        *(f"container_{word}" for word in ("oom", "oom_killed", "restart_loop")),
        *("unit_failed", "unit_restart_loop", "program_exited", "program_fatal", "program_restart_loop"),
        *(f"service_{word}" for word in ("down", "stopped", "failed", "crash")),
        *("process_down", "process_died", "oom_kill"),
    }
)
DOES_NOT_ANSWER = frozenset(
    {
        *(f"{what}_unhealthy" for what in ("container", "unit", "program", "service")),
        EventType.SERVICE_FLAPPING,
        EventType.HTTP_PROBE_FAILED,
        EventType.TCP_PROBE_FAILED,
    }
)
SERVICE_STATES = DOES_NOT_RUN | DOES_NOT_ANSWER  # one repair is for all of them
