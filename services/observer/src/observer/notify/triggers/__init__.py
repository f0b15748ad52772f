"""What people are told of: a file for each trigger, a line for each in this table. Pure; asks nobody."""

from __future__ import annotations

from observer.notify.notifications import Kind, Trigger
from observer.notify.triggers import actions, nodes

TRIGGERS: list[Trigger] = [
    actions.TRIGGER,
    nodes.TRIGGER,
]


def kinds() -> dict[str, Kind]:
    """Every word of the table, in its order."""
    return {kind.name: kind for trigger in TRIGGERS for kind in trigger.kinds}
