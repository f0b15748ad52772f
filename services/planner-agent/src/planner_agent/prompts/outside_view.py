"""What a model outside the house is shown of an event: fields whose meaning is known, by name; the rest stays. Pure.

The names are those of our agents' facts and of what monitoring systems post (docs/privacy.md has them as a table). What
is under another name may be anything, a customer's or a person's included. Secrets are hidden afterwards, as always.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.incidents.investigation import INVESTIGATION, investigated
from mesh_core.models.events import HealthEvent

MAX_DEPTH = 6
GROUPS: Mapping[str, tuple[str, ...]] = {
    "what it is": (
        *("runtime", "kind", "container", "image", "unit", "program", "instance", "monitor", "probe", "check"),
        *("compose", "compose_project", "compose_service", "project", "service", "swarm", "name", "names"),
    ),
    "where it is": (
        *("url", "address", "host", "hostname", "port", "mount", "device", "filesystem", "point", "path", "source"),
    ),
    "its state": (
        *("status", "state", "health", "active_state", "sub_state", "result", "exit_code", "exit_status", "signal"),
        *("errno", "oom_killed", "restart_count", "restart_policy", "failing_streak", "enabled", "expected", "stopped"),
        *("stopped_by_person", "declared_in_compose", "running", "is_mounted", "stale", "is_synchronised", "flapping"),
        *("started_at", "finished_at", "opened_at", "open_seconds", "was", "last_type", "announced_again"),
        *("http_status", "status_code", "name_resolves", "port_open", "certificate", "ended_with_engine"),
        *("lived_ms", "first_start"),
    ),
    "numbers": (
        *("used_percent", "used_pct", "free_bytes", "size_bytes", "bytes", "inodes_used_percent", "memory", "disk"),
        *("limit_bytes", "available_bytes", "pss_bytes", "rss_bytes", "cpu_percent", "load", "load_per_core", "cores"),
        *("latency_ms", "took_ms", "offset_ms", "celsius", "limit_percent", "left_seconds", "days_left", "value"),
        *("values", "uptime_seconds", "crashes", "recent_deaths", "hangs_seconds", "changed_seconds_ago", "count"),
    ),
    "what it said": (
        *("logs", "log_tail", "health_log", "health_output", "events", "message", "msg", "summary", "description"),
        *("error", "errors", "reason", "output", "title", "subject", "text"),
    ),
    "the alert": (
        *("alertname", "alert", "labels", "annotations", "severity", "level", "type", "job", "namespace", "pod"),
        *("startsAt", "eventType", "heartbeat", "ping", "duration", "condition", "fields"),
    ),
    "around it": ("depends_on", "failed_requirements", "dependents", "replicas", "previous_image", "image_changed"),
}
SHOWN = frozenset(name for names in GROUPS.values() for name in names)


def outside_view(event: HealthEvent) -> HealthEvent:
    """The event with known fields only. What its own agent looked up stays: it is told in sentences of ours."""
    looked_up = {INVESTIGATION: event.payload[INVESTIGATION]} if investigated(event) else {}
    return event.model_copy(update={"payload": {**_known(event.payload, 0), **looked_up}})


def _known(fields: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """Those of a known name; below one of them also numbers and yes or no under any name."""
    kept = {name: value for name, value in fields.items() if name in SHOWN or (depth and _is_figure(value))}
    return {name: _value(value, depth + 1) for name, value in kept.items()}


def _value(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return _known(value, depth) if depth < MAX_DEPTH else {}
    if isinstance(value, list):
        return [_value(item, depth) for item in value if not isinstance(item, list)]
    return value


def _is_figure(value: Any) -> bool:
    return isinstance(value, bool | int | float)
