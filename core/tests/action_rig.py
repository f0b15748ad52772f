"""Proposals of any type, for what reads or makes playbooks. Knows no service."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import ModelRef, Playbook, Proposal, Risk, proposal_id
from mesh_core.models.records import rfc3339

EVIL = "{{ lookup('pipe', 'id') }}"
NOW = rfc3339(datetime.now(UTC))
COMPOSE = {"runtime": "docker", "compose": {"project": "shop", "service": "web"}}


def a_proposal(
    kind: str, service: str | None = "web", payload: dict[str, Any] | None = None, text: str | None = None
) -> Proposal:
    event = HealthEvent(id="n1/1-0", type="container_died", node="n1", service=service, payload=payload or {})
    book = None if text is None else Playbook(name="b", sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)
    return Proposal(
        id=proposal_id("n1/1-0", "n1", service),
        type=kind,
        action="playbook",
        risk_level=Risk.LOW,
        node="n1",
        service=service,
        reason=f"a reason of more than ten characters {EVIL}",
        confidence=1,
        created_at=NOW,
        expires_at=NOW,
        event=event,
        model=ModelRef(name="m", provider="p", position=1, latency_ms=1),
        playbook=book,
    )
