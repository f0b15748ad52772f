"""Drafts of proposals: written beside pending/, and Redis decides which one of an id counts. Files none."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from mesh_core.actions import notify
from mesh_core.actions.register import risk_of_its_type, type_for, with_digest
from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.approvals.proposal_files import Receipt
from mesh_core.approvals.reasons import told_reason
from mesh_core.messaging.bus import BusDown
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import ActionUpdate, Folder, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.runtime.metrics import PROPOSALS
from mesh_core.runtime.service import pause
from planner_agent.diagnosis.diagnosis import Diagnosis
from planner_agent.prompts.evidence import kept_event
from planner_agent.store.planner_store import PlannerStore

SWEEP_SECONDS = 600.0
ORPHAN_SECONDS = 3600.0

log = structlog.get_logger()


class ProposalDrafts:
    """`ttl`: how long a proposal may be decided. Raises BusDown, OSError; every call may be repeated."""

    def __init__(self, store: PlannerStore, actions: PlannerFolders, ttl: timedelta, clock: Callable[[], datetime]):
        self._store = store
        self._actions = actions
        self._ttl = ttl
        self._clock = clock

    async def sweep(self, stop: asyncio.Event) -> None:
        """Every ten minutes, remove drafts of dead planners that are older than an hour and not the decision, and
        receipts of proposals that nobody could approve any more."""
        while not await pause(stop, SWEEP_SECONDS):
            try:
                now = self._clock().timestamp()
                for action_id, token, modified in list(self._actions.drafts()):
                    if now - modified > ORPHAN_SECONDS and not await self._is_decision(action_id, token):
                        self._actions.drop_draft(action_id, token)
                        log.info("drafts.orphan_removed", action_id=action_id)
                self._actions.drop_receipts(now - self._ttl.total_seconds() - ORPHAN_SECONDS)
            except (BusDown, OSError) as error:
                log.warning("drafts.sweep_failed", error=str(error))

    async def decided(self, action_id: str) -> Receipt | None:
        """Which draft is the proposal of this id. The folder reminds a Redis that lost its last seconds."""
        known = await self._store.decided(action_id)
        if known is None and (receipt := self._actions.receipt(action_id)) is not None:
            log.warning("planner.redis_forgot", action_id=action_id)
            known = await self._store.decide(action_id, receipt)
        return known

    async def _is_decision(self, action_id: str, token: str) -> bool:
        decided = await self.decided(action_id)
        return decided is not None and decided.token == token

    async def write(self, event: HealthEvent, diagnosis: Diagnosis, action_id: str) -> Receipt:
        """Write the draft and let Redis decide which draft counts. Returns the winner."""
        return await self.decide(self._proposal(event, diagnosis, action_id))

    async def decide(self, proposal: Proposal) -> Receipt:
        """The same of a proposal that is made already."""
        token = secrets.token_hex(8)
        await asyncio.to_thread(self._actions.draft, proposal, token)
        reason, timestamp = told_reason(proposal), rfc3339(self._clock())
        update = ActionUpdate.of(proposal, "", Folder.PENDING, actor="planner", timestamp=timestamp, reason=reason)
        winner = await self._store.decide(proposal.id, Receipt(token, update.wire()))
        if winner.token != token:
            self._actions.drop_draft(proposal.id, token)
        else:
            PROPOSALS.add(proposal.action, proposal.model.provider)
        return winner

    def _proposal(self, event: HealthEvent, diagnosis: Diagnosis, action_id: str) -> Proposal:
        now = self._clock()
        word, reason = diagnosis.answer.action, diagnosis.answer.reason
        action = type_for(word, event)
        if action is None:  # a remedy that was there when it was chosen
            action, reason = notify.ACTION, f"{reason.rstrip('. ')}; but the remedy {word} was taken away meanwhile"
        proposal = Proposal(
            id=action_id,
            type=action.name,
            action=action.action,
            risk_level=action.risk,
            node=event.node,
            service=event.service,
            reason=reason,
            confidence=diagnosis.answer.confidence,
            created_at=rfc3339(now),
            expires_at=rfc3339(now + self._ttl),
            event=kept_event(event),
            evidence=diagnosis.evidence,
            model=diagnosis.model,
            rules_choice=diagnosis.rules,
            rule=diagnosis.rule,
            considered=diagnosis.considered,
        )
        proposal = proposal.model_copy(update={"risk_level": risk_of_its_type(proposal)})
        try:
            return with_digest(proposal)
        except ValueError:  # no playbook can be made of it, as its card says
            return proposal
