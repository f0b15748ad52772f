"""What another system calls its alert. Pure."""

from __future__ import annotations

from mesh_core.models.events import HealthEvent


def alert_name_for(event: HealthEvent) -> str:
    """The monitoring system's own name of the alert, or ''."""
    payload = event.payload
    candidates = [payload.get("alertname"), payload.get("alert")]
    for key in ("commonLabels", "groupLabels", "labels"):
        labels = payload.get(key)
        if isinstance(labels, dict):
            candidates.append(labels.get("alertname"))
    return next((c for c in candidates if isinstance(c, str) and c), "")
