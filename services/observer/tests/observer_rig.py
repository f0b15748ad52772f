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
