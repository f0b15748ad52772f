"""A silence and what a person asks for, at one moment. Not a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mesh_core.models.records import rfc3339
from mesh_core.silences.commands import SilenceRequest
from mesh_core.silences.silence import Silence

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def silence(kind: str = "maintenance", node: str = "web01", **changes: Any) -> Silence:
    fields: dict[str, Any] = {
        "id": f"{kind}-0123abcd",
        "kind": kind,
        "node": node,
        "starts_at": rfc3339(NOW - timedelta(hours=1)),
        "ends_at": rfc3339(NOW + timedelta(hours=1)),
        "by": "ann",
        "created_at": rfc3339(NOW - timedelta(hours=1)),
    }
    return Silence.model_validate({**fields, **changes})


def request(**changes: Any) -> SilenceRequest:
    return SilenceRequest(**{"node": "web01", "ends": NOW + timedelta(hours=2), "actor": "ann", **changes})
