"""What a model may answer about one event: the schema of answers, narrowed to what policy offers. Pure."""

from __future__ import annotations

from mesh_core.models.events import HealthEvent
from mesh_core.policy.offer import Allowed


def narrow(schema: dict[str, object], event: HealthEvent, allowed: Allowed) -> dict[str, object]:
    """The schema for just this event: `action` only what is allowed (preferred first), `service` and `node` fixed.

    The rest is pinned as far as servers' grammars can hold it: they let 137 through as a number up to 1.
    """
    given = schema.get("properties")
    properties = given if isinstance(given, dict) else {}
    fixed: dict[str, object] = {
        **properties,
        "action": {"type": "string", "enum": list(allowed.order)},
        "service": {"const": event.service},
        "node": {"const": event.node},
        "reason": {"type": "string", "minLength": 10, "maxLength": 200},
        "confidence": {"type": "number", "enum": [0.9, 0.7, 0.5, 0.3, 0.1]},
        "requires_human": {"const": True},
    }
    return {**schema, "properties": fixed}
