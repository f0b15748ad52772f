"""Do the parts of a thing, each with a state of its own, say that some are well and others are not? Then it works, and
what is ill lies behind one of its parts: a restart would end those that are well. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.models.owner_labels import bare_key
from mesh_core.policy.event_facts.lost_part import PROCESSES

_WELL = (
    *("ok", "okay", "up", "online", "healthy", "running", "active", "connected", "established", "synced", "in sync"),
    *("up to date", "uptodate", "available", "reachable", "alive", "good", "green", "playing", "streaming", "ready"),
    *("verbunden", "läuft", "erreichbar", "connecté", "conectado", "connesso", "verbonden", "połączon", "работает"),
)
_ILL = (
    *("down", "offline", "error", "timeout", "timed out", "i/o timeout", "stalled", "stuck", "failed", "failing"),
    *("unreachable", "unavailable", "disconnected", "not connected", "lost", "dead", "no signal", "no data", "stale"),
    *("unhealthy", "degraded", "not ready", "not reachable", "refused", "connection", "nicht", "getrennt", "gestört"),
    *("hors ligne", "injoignable", "déconnecté"),
    *("desconectado", "sin ", "scollegato", "niet", "brak", "rozłączon", "не ", "отключен", "ping 100"),
)
_STATES = ("state", "status", "health", "result")
# No part of the thing: ways of looking at it, things beside it, what it needs, what its alert or its maker says.
_NO_PARTS = frozenset(
    {
        *("checks", "tests", "probes", "results", "status", "alerts", "events", "labels", "annotations", "ports"),
        *("mounts", "dependencies", "needs", "requires", "services", "containers", "units", "siblings"),
        *("neighbours", *PROCESSES),
        *("logs", "lines", "steps", "tasks", "runs", "env", "dns", "address", "https"),
    }
)


def is_partly_well(payload: Mapping[str, Any]) -> bool:
    """`{"streams": {"door": "timeout", "yard": "ok"}}`, `{"tunnels": [{"name": "a", "status": "down"}, ...]}`."""
    return any(_differ(value) for key, value in payload.items() if _names_parts(bare_key(key)))


def _names_parts(key: str) -> bool:
    return key.endswith("s") and key not in _NO_PARTS


def _differ(parts: Any) -> bool:
    said = [" ".join(state.lower().split())[:40] for state in _states(parts)]
    return any(state.startswith(_WELL) for state in said) and any(state.startswith(_ILL) for state in said)


def _states(parts: Any) -> Iterator[str]:
    each = parts.values() if isinstance(parts, Mapping) else parts if isinstance(parts, list) else ()
    for part in each:
        if isinstance(part, Mapping):
            yield from (state for key in _STATES if isinstance(state := part.get(key), str))
        elif isinstance(parts, Mapping) and isinstance(part, str):
            yield part
