"""One proposal of a request into pending/, exactly once, whatever dies when: the same steps as for an event's.

Its id follows from the entry of the request and the host, so whoever comes after a crash finds what was filed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.proposals import A_PERSON, Evidence, ModelRef, Playbook, Proposal, Risk, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.models.requests import Request, RequestedProposal, RequestState
from mesh_core.models.run_options import Verify
from planner_agent.proposals.proposal_drafts import ProposalDrafts
from planner_agent.requests.drafting import Drafted, Refused
from planner_agent.requests.syntax_check import SyntaxCheck
from planner_agent.requests.wording import told_text
from planner_agent.store.planner_store import PlannerStore

ACTION = "playbook"
NOBODY_CHECKS = "no executor answered, so nobody has checked its syntax; the lint has nothing against it; ask again"
NOT_CHECKED = Evidence(
    source="syntax check",
    text="not checked before it was filed: no executor answered; its run begins with it, before it reaches the host",
)


@dataclass(frozen=True)
class FiledRequest:
    """Its proposals, a host each. `checked`: an executor said that Ansible can read their playbook. `playbook`: of one
    that was only to be checked, and of which nothing is filed."""

    proposals: tuple[RequestedProposal, ...]
    checked: bool
    playbook: Playbook | None = None

    @property
    def state(self) -> RequestState:
        return RequestState.CHECKED if self.playbook else RequestState.FILED

    @property
    def told(self) -> dict[str, Any]:
        """As the request's status says it."""
        return {"proposals": self.proposals, "syntax_checked": self.checked, "playbook": self.playbook}


class RequestFiling:
    """`ttl`: how long a proposal may be decided. Raises BusDown, OSError; it may be repeated."""

    def __init__(
        self,
        store: PlannerStore,
        actions: PlannerFolders,
        drafts: ProposalDrafts,
        ttl: timedelta,
        clock: Callable[[], datetime],
        syntax: SyntaxCheck,
    ):
        self._store = store
        self._actions = actions
        self._drafts = drafts
        self._ttl = ttl
        self._clock = clock
        self._syntax = syntax

    async def file(
        self, request: Request, entry: str, draft: Drafted, model: ModelRef | None = None
    ) -> FiledRequest | Refused:
        """Its proposals, which lie in pending/ now, or wherever a person has put them since; refused where Ansible
        cannot read its playbook. `model` wrote the tasks; None where recipes made them of the words."""
        first, playbook = next(iter(draft.playbooks.items()))  # they differ in nothing but `hosts`
        said = await self._syntax.check(playbook, first)
        if said and said.problem:
            return Refused(f"Ansible cannot read its playbook: {said.problem}")
        if request.verify is Verify.SYNTAX:
            return FiledRequest((), checked=True, playbook=playbook) if said else Refused(NOBODY_CHECKS)
        filed: list[RequestedProposal] = []
        for host in draft.playbooks:
            action_id = await self._file(request, entry, draft, host, model, checked=said is not None)
            filed.append(RequestedProposal(host=host, action_id=action_id))
        return FiledRequest(tuple(filed), checked=said is not None)

    async def _file(
        self, request: Request, entry: str, draft: Drafted, host: str, model: ModelRef | None, *, checked: bool
    ) -> str:
        playbook = draft.playbooks[host]
        event = event_for(request, entry, host, playbook.name)
        action_id = proposal_id(event.id or "", host, event.service)
        receipt = await self._drafts.decided(action_id)
        if receipt is None:
            proposal = self._proposal(request, event, playbook, draft.risk, model)
            unchecked = proposal.model_copy(update={"evidence": (*proposal.evidence, NOT_CHECKED)})
            receipt = await self._drafts.decide(proposal if checked else unchecked)
        await asyncio.to_thread(self._actions.file_draft, action_id, receipt)
        await self._store.tell_filed(action_id)
        return action_id

    def _proposal(
        self, request: Request, event: HealthEvent, playbook: Playbook, risk: Risk, model: ModelRef | None
    ) -> Proposal:
        now = self._clock()
        asked = f"{request.by or 'somebody'} asked: {told_text(request)}"
        whose = f"No recipe knows these words; the model {model.name} wrote the tasks. " if model else ""
        return Proposal(
            id=proposal_id(event.id or "", event.node, event.service),
            type=ACTION,
            action=ACTION,
            risk_level=risk,
            node=event.node,
            service=event.service,
            reason=f"{whose}{asked}"[:4000],
            confidence=0.5 if model else 1,
            created_at=rfc3339(now),
            expires_at=rfc3339(now + self._ttl),
            event=event,
            evidence=(Evidence(source="request", text=told_text(request)),),
            model=model or A_PERSON,
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
