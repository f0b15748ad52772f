"""What another system calls its alert. Pure."""

from __future__ import annotations

from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.owner_labels import bare_key

MAX_TITLE = 80
# Where senders say what their alert is called, by the letters of the key; what people wrote for people first.
_TITLES = (
    *("title", "alarmname", "rulename", "ruletitle", "triggername", "problemname", "eventname", "monitorname"),
    *("checkname", "issuename", "subject"),
)


def alert_name_for(event: HealthEvent) -> str:
    """The monitoring system's own name of the alert, or ''."""
    payload = event.payload
    candidates = [payload.get("alertname"), payload.get("alert")]
    for key in ("commonLabels", "groupLabels", "labels"):
        labels = payload.get(key)
        if isinstance(labels, dict):
            candidates.append(labels.get("alertname"))
    return next((c for c in candidates if isinstance(c, str) and c), "")


def title_of(event: HealthEvent) -> str:
    """What an alert from outside is called by its sender, on one line of at most MAX_TITLE characters; '' where he does
    not say, and of what the mesh itself noticed. His words: whoever shows them makes them harmless."""
    if event.trust is not Trust.FOREIGN:
        return ""
    by_key = {bare_key(key): text for key, text in event.payload.items() if isinstance(text, str)}
    said = (alert_name_for(event), *(by_key.get(key, "") for key in _TITLES))
    title = next((words for text in said if (words := " ".join(text[:1000].split()))), "")
    return title if len(title) <= MAX_TITLE else f"{title[: MAX_TITLE - 3]}..."
