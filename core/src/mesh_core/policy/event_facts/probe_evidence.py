"""Does a probe say what it asked for, or what came of it? Else its failing is no more than a name. Pure."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from mesh_core.models.events import HealthEvent

STATUS_CODES = frozenset(
    {"httpstatus", "httpstatuscode", "httpcode", "statuscode", "responsecode", "responsestatus"}
)  # folded keys
_PROBES = ("_probe", "_probe_failed")
_TOLD = STATUS_CODES | {
    *("url", "uri", "target", "endpoint", "address", "hostport", "port", "heartbeat", "monitor", "alert", "check"),
    *("error", "errors", "status", "result", "latencyms", "responsetime", "responsetimems", "failures", "query"),
    *("attempts", "consecutivefailures", "output", "state", "duration", "durationms", "timeoutseconds"),
}


def is_unevidenced(event: HealthEvent, beside: AbstractSet[str]) -> bool:
    """`beside`: the folded keys of its payload. No log, body or label counts, which others write."""
    return event.type.endswith(_PROBES) and event.sighting is None and _TOLD.isdisjoint(beside)
