"""What is wrong, in a few words for people: the trouble, and which disk, unit or alert it is about. Pure; never a key.

The words are somebody else's: who shows them makes them harmless.
"""

from __future__ import annotations

from mesh_core.incidents.event_types import SERVICE_STATES
from mesh_core.incidents.subject import alert_in, found_at, thing_of
from mesh_core.models.events import HealthEvent


def about(event: HealthEvent) -> str:
    """`/srv`, `backup.timer`: '' where place and type say it all."""
    if event.service is not None and event.type in SERVICE_STATES and alert_in(event):
        return ""  # the labels of such an alert name the service once more, its image, its container
    thing = thing_of(event)
    said = {_folded(word) for word in (event.node, event.service, event.type) if word}
    if _folded(thing) in said or (event.incident or "").startswith(f"{thing}/"):  # a sender's own key tells nobody more
        return found_at(event)
    return thing


def what_is_wrong(event: HealthEvent) -> str:
    """`disk space low: /srv`, as people say it."""
    words = event.type.replace("_", " ")
    return f"{words}: {subject}" if (subject := about(event)) else words


def _folded(word: str) -> str:
    """`shop` and `shop.service`, `HostDown` and `host_down` tell a person the same."""
    return "".join(c for c in word.removesuffix(".service").lower() if c.isalnum()) or word
