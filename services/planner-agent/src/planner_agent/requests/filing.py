"""One proposal of a request into pending/, exactly once, whatever dies when: the same steps as for an event's.

Its id follows from the entry of the request and the host, so whoever comes after a crash finds what was filed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.proposals import A_PERSON, Evidence, Playbook, Proposal, Risk, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.models.requests import Request
from planner_agent.planner_store import PlannerStore
from planner_agent.proposal_drafts import ProposalDrafts
from planner_agent.requests.wording import told_text

ACTION = "playbook"
NOT_CHECKED = Evidence(
    source="syntax check",
    text="not checked before it was filed: no executor answered; its run begins with it, before it reaches the host",
)


class RequestFiling:
    """`ttl`: how long a proposal may be decided. Raises BusDown, OSError; it may be repeated."""

    def __init__(
        self,
        store: PlannerStore,
        actions: PlannerFolders,
        drafts: ProposalDrafts,
        ttl: timedelta,
        clock: Callable[[], datetime],
    ):
        self._store = store
        self._actions = actions
        self._drafts = drafts
        self._ttl = ttl
        self._clock = clock

    async def file(
        self, request: Request, entry: str, playbook: Playbook, host: str, risk: Risk, *, checked: bool
    ) -> str:
        """The id of the proposal, which lies in pending/ now, or wherever a person has put it since. `checked`: an
        executor said that Ansible can read its playbook."""
        event = event_for(request, entry, host, playbook.name)
        action_id = proposal_id(event.id or "", host, event.service)
        receipt = await self._drafts.decided(action_id)
        if receipt is None:
            receipt = await self._drafts.decide(self._proposal(request, event, playbook, risk, checked))
        await asyncio.to_thread(self._actions.file_draft, action_id, receipt)
        await self._store.tell_filed(action_id)
        return action_id

    def _proposal(
        self, request: Request, event: HealthEvent, playbook: Playbook, risk: Risk, checked: bool
    ) -> Proposal:
        now = self._clock()
        return Proposal(
            id=proposal_id(event.id or "", event.node, event.service),
            type=ACTION,
            action=ACTION,
            risk_level=risk,
            node=event.node,
            service=event.service,
            reason=f"{request.by or 'somebody'} asked: {told_text(request)}"[:4000],
            confidence=1,
            created_at=rfc3339(now),
            expires_at=rfc3339(now + self._ttl),
            event=event,
            evidence=(Evidence(source="request", text=told_text(request)), *(() if checked else (NOT_CHECKED,))),
            model=A_PERSON,
            playbook=playbook,
        )


def event_for(request: Request, entry: str, host: str, slug: str) -> HealthEvent:
    """What the proposal says that happened: nothing, but that somebody asked. It is entered into no stream."""
    return HealthEvent(
        id=f"{host}/{entry}",
        type=EventType.PLAYBOOK_REQUESTED,
        node=host,
        service=slug,
        severity=Severity.INFO,
        payload={"request": request.id, "text": told_text(request), "by": request.by},
        timestamp=request.ts,
        incident=f"request/{request.id}",
        trust=Trust.FOREIGN,
    )
