"""The register: every metric of the product, by name, type, help and labels. Nothing is measured that is not here.

Rooms import a metric from here and count on it (`EVENTS_READ.add(...)`); docs/monitoring/README.md lists them. A label
never holds what an event or a stranger may choose: no node, no service, no address.
"""

from __future__ import annotations

from typing import TypeVar

from mesh_core.models.attempts import AttemptOutcome
from mesh_core.models.events import DecisionVerdict
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.runtime.metric_types import Counter, Gauge, Histogram, Measure, Words
from mesh_core.runtime.services import EXECUTOR, NODE_AGENT, OBSERVER, PLANNER, SERVICES

_REGISTER: dict[str, tuple[Measure, tuple[str, ...]]] = {}
M = TypeVar("M", bound=Measure)


def metrics_of(service: str) -> list[Measure]:
    """What that service shows, in the order of this file."""
    return [measure for measure, services in _REGISTER.values() if service in services]


def declared() -> dict[str, Measure]:
    """Every metric by its name."""
    return {name: measure for name, (measure, _) in _REGISTER.items()}


def services_of(name: str) -> tuple[str, ...]:
    """Which services show that metric."""
    return _REGISTER[name][1]


def _in(measure: M, *services: str) -> M:
    if measure.name in _REGISTER:
        raise ValueError(f"{measure.name} is declared twice")
    _REGISTER[measure.name] = (measure, services)
    return measure


SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
ACTIONS = TYPES = 36  # as many different words as the register of mesh_core.actions may have, and some
PROVIDERS = 12  # as many as a fallback chain has kinds of providers, and some

# -- every service
BUILD = _in(Gauge("mesh_build_info", "1; the version is in the label", version=1), *SERVICES)
HEARTBEAT_AGE = _in(Gauge("mesh_heartbeat_age_seconds", "since the loop last touched its heartbeat file"), *SERVICES)
STARTED = _in(Gauge("mesh_process_start_time_seconds", "when the process began, in seconds since 1970"), *SERVICES)
CPU = _in(Counter("mesh_process_cpu_seconds_total", "processor time of the process"), *SERVICES)
MEMORY = _in(Gauge("mesh_process_resident_memory_bytes", "memory of the process that is in use"), *SERVICES)
READY = _in(Gauge("mesh_ready", "1 if that part of readyz is ready, else 0", part=12), *SERVICES)
REDIS_FAILURES = _in(Counter("mesh_redis_failures_total", "calls of Redis that met an outage"), *SERVICES)

# -- who reads streams
EVENTS_READ = _in(Counter("mesh_events_read_total", "stream entries that were read as events"), PLANNER, OBSERVER)
EVENTS_BENIGN = _in(Counter("mesh_events_benign_total", "events that are never trouble"), PLANNER, OBSERVER)
DEAD_LETTERS = _in(Counter("mesh_dead_letters_total", "messages that were refused and kept"), PLANNER, OBSERVER)
BRIDGE_ADOPTED = _in(Counter("mesh_bridge_adopted_total", "hand-published messages taken in"), PLANNER, OBSERVER)
BRIDGE_GAPS = _in(
    Counter("mesh_bridge_gaps_total", "times in which hand-published messages may have gone unheard"),
    *(PLANNER, OBSERVER),
)

# -- node agent
AGENT_EVENTS = _in(
    Counter(
        "mesh_agent_events_total",
        "events of this node",
        kind=("opened", "changed", "recovered", "flapping", "still_open", "notice"),
    ),
    NODE_AGENT,
)
AGENT_PROBE_FAILURES = _in(
    Counter("mesh_agent_probe_failures_total", "looks that a probe could not finish", probe=64), NODE_AGENT
)
INCIDENTS_OPEN = _in(Gauge("mesh_agent_incidents_open", "incidents of this node that are open"), NODE_AGENT)
SPOOL_EVENTS = _in(Gauge("mesh_spool_events", "events on disk that Redis does not have yet"), NODE_AGENT)
SPOOL_BYTES = _in(Gauge("mesh_spool_bytes", "size of those events"), NODE_AGENT)
SPOOL_DROPPED = _in(Counter("mesh_spool_dropped_total", "events that a full spool had to drop"), NODE_AGENT)

# -- observer
ARCHIVED = _in(Counter("mesh_events_archived_total", "lines about events appended in events/"), OBSERVER)
PLACES = _in(
    Gauge(
        "mesh_places",
        "nodes and services by state",
        kind=("node", "service"),
        state=("unknown", "healthy", "sick", "offline"),
    ),
    OBSERVER,
)
PENDING = _in(Gauge("mesh_proposals_pending", "proposals that wait for a person"), OBSERVER)
PENDING_AGE = _in(
    Gauge("mesh_proposals_pending_oldest_age_seconds", "how long the oldest of them waits; 0 if none does"), OBSERVER
)
DECIDED = _in(
    Counter(
        "mesh_proposals_decided_total", "proposals that a person moved", decision=("approved", "rejected", "pending")
    ),
    OBSERVER,
)
STREAM_LAG = _in(
    Gauge("mesh_stream_lag_entries", "entries of all event streams that a group has not read yet", group=8), OBSERVER
)
STREAM_OPEN = _in(
    Gauge("mesh_stream_open_entries", "entries that a group has read and not acknowledged", group=8), OBSERVER
)
SILENCES = _in(
    Gauge("mesh_silences_active", "silences that hold now", kind=("maintenance", "snooze", "acknowledge")), OBSERVER
)
NOTIFICATIONS = _in(
    Counter(
        "mesh_notifications_total",
        "news for people: attempts at a target, and messages that were given up",
        result=("sent", "failed", "given_up"),
    ),
    OBSERVER,
)
NOTIFICATIONS_WAITING = _in(
    Gauge("mesh_notifications_waiting", "messages that some target has not taken yet"), OBSERVER
)
HOOKS = ("generic",)  # the observer adds its senders: Measure.allow
HOOK_REQUESTS = _in(
    Counter(
        "mesh_hook_requests_total",
        "requests at a hook by what was answered",
        hook=HOOKS,
        answer=("ok", "bad", "unauthorized", "replayed", "too_large", "too_many", "unavailable"),
    ),
    OBSERVER,
)
HOOK_ALERTS = _in(
    Counter(
        "mesh_hook_alerts_total",
        "alerts in those requests by what became of them",
        hook=HOOKS,
        became=("entered", "benign", "repeated", "ignored", "refused"),
    ),
    OBSERVER,
)
SIGN_INS = _in(
    Counter("mesh_sign_ins_total", "attempts to sign in at the page", result=("ok", "wrong", "too_many", "busy")),
    OBSERVER,
)
AUDIT_LINES = _in(Counter("mesh_audit_lines_total", "lines written to the audit log"), OBSERVER)
AUDIT_FAILURES = _in(Counter("mesh_audit_failures_total", "lines that it could not take at that moment"), OBSERVER)
AUDIT_DAMAGED = _in(
    Gauge("mesh_audit_damaged", "1 if this observer found lines of the audit log missing or changed"), OBSERVER
)

# -- planner
DECISIONS = _in(
    Counter(
        "mesh_decisions_total",
        "what was decided about events",
        verdict=tuple(DecisionVerdict),
    ),
    PLANNER,
)
PROPOSALS = _in(
    Counter("mesh_proposals_total", "proposals written, by action and who said it", action=ACTIONS, provider=PROVIDERS),
    PLANNER,
)
WITHDRAWN = _in(Counter("mesh_proposals_withdrawn_total", "proposals withdrawn: it was healthy again"), PLANNER)
TIME_TO_PROPOSAL = _in(
    Histogram("mesh_time_to_proposal_seconds", "from an event's stream entry to its proposal", bounds=SECONDS), PLANNER
)
IN_HAND = _in(Gauge("mesh_events_in_hand", "events that are being planned or wait for their lane"), PLANNER)
ATTEMPTS = _in(
    Counter(
        "mesh_model_attempts_total",
        "attempts at a provider of the fallback chain",
        provider=PROVIDERS,
        outcome=tuple(AttemptOutcome),
    ),
    PLANNER,
)
ATTEMPT_TIME = _in(
    Histogram("mesh_model_attempt_seconds", "how long they took", bounds=SECONDS, provider=PROVIDERS), PLANNER
)
TOKENS = _in(
    Counter(
        "mesh_model_tokens_total", "tokens as the vendor counted them", provider=PROVIDERS, side=("prompt", "answer")
    ),
    PLANNER,
)
COST = _in(Counter("mesh_model_cost_usd_total", "cost by the price list of the chain", provider=PROVIDERS), PLANNER)
CIRCUIT_OPEN = _in(
    Gauge("mesh_model_circuit_open", "1 while a provider is left alone after failures", rung=24), PLANNER
)
BUDGET_LABELS: dict[str, Words] = {"rung": 24, "unit": 3, "span": 3}
BUDGET_LIMIT = _in(
    Gauge("mesh_model_budget_limit", "what a provider may take in that span, where it is limited", **BUDGET_LABELS),
    PLANNER,
)
BUDGET_USED = _in(
    Gauge("mesh_model_budget_used", "what all planners took of that limit in this span so far", **BUDGET_LABELS),
    PLANNER,
)

# -- executor
EXECUTIONS = _in(
    Counter(
        "mesh_executions_total",
        "approved actions that came to an end",
        type=TYPES,
        result=("done", "failed", "interrupted", "withdrawn"),
        verdict=tuple(OutcomeVerdict),
    ),
    EXECUTOR,
)
EXECUTION_TIME = _in(
    Histogram("mesh_execution_seconds", "from the start of a run to its outcome", bounds=SECONDS, type=TYPES), EXECUTOR
)
APPROVE_TO_RUNNING = _in(
    Histogram("mesh_approve_to_running_seconds", "from a person's move to the claim", bounds=SECONDS), EXECUTOR
)
RUNNING = _in(Gauge("mesh_executions_running", "actions that are claimed and not at their end"), EXECUTOR)
QUARANTINED = _in(Counter("mesh_files_quarantined_total", "files in approved/ that could not be trusted"), EXECUTOR)
EXPIRED = _in(Counter("mesh_proposals_expired_total", "proposals that nobody decided in time"), EXECUTOR)
REPORTS_WAITING = _in(Gauge("mesh_reports_waiting", "reports on disk that Redis does not have yet"), EXECUTOR)
