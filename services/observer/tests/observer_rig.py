"""The observer's API in this process, on real Redis and folders; asked in HTTP's own shapes, without a port."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from mesh_core.approvals.proposal_files import ActionName
from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent, Severity
from mesh_core.models.proposals import Folder, ModelRef, Proposal, Risk, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.testing import AllFolders
from observer.web.sse import SseBroadcaster
from observer.world import World


@dataclass
class Desk:
    """One observer's API and what lies around it."""

    actions: AllFolders
    bus: Bus
    http: httpx.AsyncClient
    live: SseBroadcaster
    seen: list[World] = field(default_factory=lambda: [World()])
    filed: int = 0

    def propose(self, node: str = "pi4", service: str = "web", **changed: Any) -> ActionName:
        """A new proposal in pending/, as a planner files it."""
        self.filed += 1
        moment = datetime.now(UTC)
        event_id = f"{node}/{1_700_000_000_000 + self.filed}-0"
        event = HealthEvent(
            id=event_id,
            type="container_died",
            node=node,
            service=service,
            severity=Severity.ERROR,
            payload={"runtime": "docker", "exit_code": 137},
        )
        proposal = Proposal(
            id=proposal_id(event_id, node, service),
            type="container_restart",
            action="restart",
            risk_level=Risk.LOW,
            node=node,
            service=service,
            reason="it died and does not run any more",
            confidence=0.7,
            created_at=rfc3339(moment),
            expires_at=rfc3339(moment + timedelta(hours=1)),
            event=event,
            model=ModelRef(name="floor", provider="floor", position=1, latency_ms=0),
        ).model_copy(update=changed)
        name = self.actions.propose_again(proposal)
        assert name is not None
        return name

    def lies_in(self, name: ActionName) -> list[Folder]:
        return [folder for folder, _ in self.actions.find(name.id)]

    async def detail(self, action_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"/proposals/{action_id}")
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said


def oom_proposal(number: int = 1, **changed: Any) -> Proposal:
    """A proposal of the node pi4 that waits for another hour; another number is another one."""
    event = HealthEvent(
        id=f"pi4/{number}-0", type="oom", node="pi4", service="web", timestamp="2026-05-05T12:00:00.000Z"
    )
    made = Proposal(
        id=proposal_id(event.id or "", "pi4", "web"),
        type="container_restart",
        action="restart",
        risk_level=Risk.LOW,
        node="pi4",
        service="web",
        reason="the container is out of memory",
        confidence=0.9,
        created_at=event.timestamp,
        expires_at=rfc3339(datetime.now(UTC) + timedelta(hours=1)),
        event=event,
        model=ModelRef(name="floor", provider="floor", position=1, latency_ms=1),
    )
    return made.model_copy(update=changed)
