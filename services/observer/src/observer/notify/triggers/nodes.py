"""A node's agent fell silent, or is heard again."""

from __future__ import annotations

from mesh_core.models.events import Severity, WorldUpdate
from observer.notify.notifications import Kind, Notification, Trigger
from observer.world import HealthState

KINDS = (
    Kind(
        "node_offline",
        "$node is silent",
        "Its agent gives no sign of life since $when.\n$link",
        heeds_silences=True,
    ),
    Kind(
        "node_online",
        "$node is back",
        "Its agent is heard again since $when; it is $state.\n$link",
        heeds_silences=True,
    ),
)


def notification_of_node(update: WorldUpdate, entry_id: str) -> Notification | None:
    """A node whose agent fell silent, or is back; None for everything else, one that was taken out among it."""
    if update.service is not None or HealthState.OFFLINE not in (update.from_state, update.to_state):
        return None
    if update.to_state == HealthState.UNKNOWN:
        return None
    gone = update.to_state == HealthState.OFFLINE
    return Notification(
        key=f"world:{entry_id}",
        kind="node_offline" if gone else "node_online",
        at=update.ts,
        severity=update.severity if gone else Severity.INFO,
        node=update.node,
        facts={"state": update.to_state},
    )


TRIGGER = Trigger(WorldUpdate, KINDS, lambda update, entry, proposal: notification_of_node(update, entry))
