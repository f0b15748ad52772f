"""What was decided of one event: kept, told and acknowledged in one step of Redis. Decides nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.approvals.reasons import quoted
from mesh_core.incidents.causes import Cause
from mesh_core.models.events import Decision, DecisionVerdict
from mesh_core.models.records import rfc3339
from mesh_core.silences.silence import Silence
from planner_agent.diagnosis.diagnosis import Diagnosis
from planner_agent.intake.batch import PlanningTask
from planner_agent.intake.silence_filter import SilenceFilter
from planner_agent.proposals.proposal_drafts import ProposalDrafts
from planner_agent.store.planner_store import KnownTrouble, PlannerStore

MAX_REASON = 500  # characters

log = structlog.get_logger()


class EventDecisions:
    """Every method may be repeated; with it the event is over for this planner."""

    def __init__(
        self,
        store: PlannerStore,
        actions: PlannerFolders,
        drafts: ProposalDrafts,
        silences: SilenceFilter,
        clock: Callable[[], datetime],
    ):
        self._store = store
        self._actions = actions
        self._drafts = drafts
        self._silences = silences
        self._clock = clock

    async def proposed(self, task: PlanningTask) -> None:
        decision = self._decision(task, DecisionVerdict.PROPOSED, "", task.action_id)
        await self._store.settle(task.entry, task.event, decision, task.action_id)

    async def ignored(self, task: PlanningTask, diagnosis: Diagnosis) -> None:
        log.info("planner.ignored", event_id=task.event.id, reason=diagnosis.answer.reason)
        said = quoted(diagnosis.answer.reason, diagnosis.model)[:MAX_REASON]
        decision = self._decision(task, DecisionVerdict.IGNORED, said)
        await self._store.settle(task.entry, task.event, decision, task.action_id)

    async def recovered(self, task: PlanningTask, withdrawn: str | None) -> None:
        told = f"withdrew {withdrawn}" if withdrawn else "nothing open"
        decision = self._decision(task, DecisionVerdict.RECOVERED, told)
        await self._store.settle(task.entry, task.event, decision, f"recovery:{task.event.id}")

    async def counted(self, task: PlanningTask, owner: str, reason: str) -> None:
        """Trouble that is known already: one more occurrence beside the proposal, never in its bytes."""
        decision = self._decision(task, DecisionVerdict.COUNTED, reason)
        await self._store.count([KnownTrouble(task.entry, owner, decision)])

    async def silenced(self, task: PlanningTask, silences: tuple[Silence, ...]) -> None:
        """Nothing is proposed; the gate is open for the first trouble after the end of the silence."""
        await self._silences.note([(task.event, silences)])
        log.info("planner.silenced", event_id=task.event.id, silence=silences[0].id)
        await self._nothing_proposed(task, self._silences.decision(task.event, silences[0]))

    async def explained(self, task: PlanningTask, cause: Cause) -> None:
        """Nothing is proposed for it. As long as it lasts it comes again, and is asked anew."""
        log.info("planner.explained", event_id=task.event.id, by=cause.told_by)
        await self._nothing_proposed(task, self._decision(task, DecisionVerdict.EXPLAINED, cause.told))

    async def held(self, task: PlanningTask, why: str) -> None:
        """It may come from what is at work there. As long as it lasts it comes again, and is asked anew."""
        log.info("planner.held", event_id=task.event.id, why=why)
        await self._nothing_proposed(task, self._decision(task, DecisionVerdict.HELD, why))

    async def _nothing_proposed(self, task: PlanningTask, decision: Decision) -> None:
        """The gate is open for the next word about this."""
        event, action_id = task.event, task.action_id
        await self._store.gates.free(event)
        await self._store.settle(task.entry, event, decision, f"{decision.verdict}:{event.id}")
        if decided := await self._drafts.decided(action_id):
            self._actions.drop_draft(action_id, decided.token)

    def _decision(
        self, task: PlanningTask, verdict: DecisionVerdict, reason: str, action_id: str | None = None
    ) -> Decision:
        ts, event_id = rfc3339(self._clock()), task.event.id or ""
        return Decision(ts=ts, event_id=event_id, verdict=verdict, action_id=action_id, reason=reason)
