"""From one event that passed the gate to one proposal in pending/, exactly once, whatever dies when.

The order of the steps is the design (docs/delivery.md has the crash table): draft, decide in Redis, rename, settle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog

from mesh_core.actions.choices import IGNORE, NOTIFY
from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.approvals.proposal_files import Receipt
from mesh_core.incidents.at_work import hold_on
from mesh_core.incidents.causes import Cause
from mesh_core.incidents.causes_over import with_causes_over
from mesh_core.incidents.rule import ends
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.records import utc_now
from mesh_core.models.streams import entered_ms
from mesh_core.policy.inventory import Inventory
from mesh_core.runtime.metrics import TIME_TO_PROPOSAL
from planner_agent.correlation.cause_book import CauseBook
from planner_agent.correlation.correlation import Correlation
from planner_agent.correlation.held import HeldTroubles, message_of
from planner_agent.correlation.storm_book import StormBook
from planner_agent.correlation.storms import Storms
from planner_agent.diagnosis.diagnosis import Diagnosis, Diagnostician
from planner_agent.enrichment.needed_node import asks_a_host, with_needed_node
from planner_agent.enrichment.sightings import with_sighting
from planner_agent.enrichment.touchable import why_untouchable
from planner_agent.intake.batch import PlanningTask
from planner_agent.intake.silence_filter import SilenceFilter
from planner_agent.intake.triage import is_poison
from planner_agent.proposals.event_decisions import EventDecisions
from planner_agent.proposals.proposal_drafts import ProposalDrafts
from planner_agent.proposals.reported_before import Reported, ReportedBefore
from planner_agent.proposals.withdrawals import Withdrawals
from planner_agent.store.planner_store import PlannerStore
from planner_agent.store.worsening import Weight, weight_of

RETRY_SECONDS = 1.0

log = structlog.get_logger()


@dataclass(frozen=True)
class _Trouble:
    """What nothing else explains. `preferred`: the policy's choice, '' where nobody asked it yet. `reported`: what was
    told of its subject before; `raised`: how bad it is by now, where that is worse than told."""

    task: PlanningTask
    preferred: str
    reported: Reported | None = None
    raised: Weight | None = None


class ProposalWriter:
    """The slow half of a planner, run by the keyed queue. Every method may be repeated from the start. `inventory` is
    that of now; may block."""

    Job: TypeAlias = Callable[[PlanningTask], Awaitable[None]]
    Step: TypeAlias = Callable[[PlanningTask, bool], Awaitable[None]]

    def __init__(
        self,
        bus: Bus,
        store: PlannerStore,
        actions: PlannerFolders,
        diagnostician: Diagnostician,
        silences: SilenceFilter,
        *,
        ttl_seconds: int,
        hold_seconds: float,
        storm_subjects: int = 0,
        inventory: Callable[[], Inventory | str] = lambda: "no inventory is known",
        clock: Callable[[], datetime] = utc_now,
    ):
        self._bus = bus
        self._store = store
        self._actions = actions
        self._diagnostician = diagnostician
        self._silences = silences
        self._reported = ReportedBefore(store, actions, diagnostician, clock=clock)
        self._withdrawals = Withdrawals(bus, store, actions, clock=clock)
        self._held = HeldTroubles(
            bus, store, self._withdrawals, hold_seconds=hold_seconds, keep_seconds=ttl_seconds, clock=clock
        )
        book = StormBook(bus, keep_seconds=ttl_seconds)
        self.storms = Storms(book, store.gates, actions, self._withdrawals, many=storm_subjects)
        causes = CauseBook(bus, keep_seconds=ttl_seconds)
        self.correlation = Correlation(causes, self.storms, store, actions, self._withdrawals)
        self.drafts = ProposalDrafts(store, actions, timedelta(seconds=ttl_seconds), clock)
        self._decided = EventDecisions(store, actions, self.drafts, silences, clock)
        self._inventory = inventory
        self._clock = clock

    async def plan(self, task: PlanningTask) -> None:
        """Until it is settled: Redis away or a full disk only delay it."""
        await self._until_done(task, self._join_and_plan)

    async def withdraw(self, task: PlanningTask) -> None:
        """The target is well again: its proposal leaves pending/, if nobody has decided yet."""
        await self._until_done(task, self._withdraw)

    async def _until_done(self, task: PlanningTask, step: ProposalWriter.Step) -> None:
        """The step is told whether it may have been begun before: by us just now, or by a planner that died."""
        again = task.entry.deliveries > 1
        while True:
            try:
                return await step(task, again)
            except BusDown as error:
                log.warning("proposal_writer.redis_away", event_id=task.event.id, error=str(error))
            except OSError as error:
                # A full or read-only disk: the event stays ours, unacknowledged, and nothing half-written is left.
                log.error("proposal_writer.disk", event_id=task.event.id, error=str(error))
            again = True
            await asyncio.sleep(RETRY_SECONDS)

    async def _join_and_plan(self, task: PlanningTask, again: bool) -> None:
        event = await with_sighting(self._bus, task.event)
        if asks_a_host(event):
            event = with_needed_node(event, await asyncio.to_thread(self._inventory))
        await self._plan(replace(task, event=event), again)

    async def _plan(self, task: PlanningTask, again: bool) -> None:
        receipt = await self.drafts.decided(task.action_id)
        if receipt is not None and not self._actions.has_draft(task.action_id, receipt.token):
            return await self._conclude(task, again=True)  # filed before: whoever has the gate by now, or is silenced
        if silences := self._silences.about(task.event):
            return await self._decided.silenced(task, silences)
        trouble = await self._on_its_own(task, again, decided=receipt is not None)
        trouble = trouble and await self._past_its_gate(trouble, again, decided=receipt is not None)
        if trouble is None:
            return None
        receipt = receipt or await self._answered(trouble)
        if receipt is None:
            return None
        await self._file(trouble.task, receipt)
        return await self._conclude(trouble.task, again=again, worse=trouble.raised is not None)

    async def _on_its_own(self, task: PlanningTask, again: bool, *, decided: bool) -> _Trouble | None:
        """Nothing explains it, it waits for nothing, and it is in no storm; None: it is settled by what does.
        `decided`: a draft of it was, before."""
        event = task.event
        known = await self.correlation.known_for(event)
        if cause := self.correlation.cause_of(event, known):
            await self._leave_to(cause, task, again=again)
            return None
        untouchable = why_untouchable(event, await asyncio.to_thread(self._inventory), known.lasting)
        event = with_causes_over(event, known.over)
        task = replace(task, event=event, untouchable=untouchable)
        if why := await self._held.waits(event, hold_on(event), again=again):
            await self._decided.held(task, why)
            return None
        asked = not decided and (self.storms.may_tell(event) or known.lasting)
        preferred = await self._diagnostician.preferred(event, untouchable) if asked else ""
        if cause := self.correlation.cause_of(event, known, choice=preferred):
            await self._leave_to(cause, task, again=again)
            return None
        # What policy would ignore makes no storm.
        counts = preferred not in ("", IGNORE.word) and self.storms.may_tell(event)
        storm = await self.correlation.storm_of(event, preferred) if counts else None
        if storm is None:
            return _Trouble(task, preferred)
        if not storm.opens:
            await self._explain(task, storm.cause, again=again)
            return None
        await self._store.gates.free(event)  # as for every other member
        await self.correlation.tell_with_storm(event, storm)
        await self._plan(replace(task, event=storm.event), again)
        return None

    async def _past_its_gate(self, trouble: _Trouble, again: bool, *, decided: bool) -> _Trouble | None:
        """The same with what was told of its subject before; None: it is settled, as known trouble."""
        task, event = trouble.task, trouble.task.event
        deferred = self._silences.put_aside()
        (gate,) = await self._store.gates.pass_each([event])
        if gate.holder in deferred:  # its proposal was snoozed, and that is over: its cooldown, too
            await self._store.gates.free(event, gate.holder)
            (gate,) = await self._store.gates.pass_each([event])
        if decided and not gate.holder:
            return trouble
        reported = await self._reported.of(event, task.action_id, gate, deferred)
        raised = await self._reported.raised(event, reported, task.untouchable) if reported else None
        if reported and raised is None:
            if hold_on(event):
                await self._store.gates.free(event)  # as for what is held in silence
            await self._decided.counted(task, reported.owner, reported.reason)
            return None
        if gate.holder and not await self._store.gates.take(event, gate.holder):
            await self._plan(task, again)  # another planner was faster: held against its word, now
            return None
        return replace(trouble, reported=reported, raised=raised)

    async def _answered(self, trouble: _Trouble) -> Receipt | None:
        """The decided draft of a proposal; None: the event is settled without one."""
        task, event, action_id = trouble.task, trouble.task.event, trouble.task.action_id
        reported, raised = trouble.reported, trouble.raised
        preferred = trouble.preferred or await self._diagnostician.preferred(event, task.untouchable)
        # Until there is an answer, a message is the least of it.
        await self._store.gates.tell_weight(event, raised or weight_of(event, NOTIFY.word, preferred))
        diagnosis = await self._diagnosed(task)
        if reported and raised:
            diagnosis = replace(diagnosis, evidence=(*diagnosis.evidence, reported.as_evidence()))
        answer = weight_of(event, diagnosis.answer.action, preferred)._replace(
            host_stood_against=diagnosis.host_stands_against
        )
        await self._store.gates.tell_weight(event, raised.and_then(answer) if raised else answer)
        if diagnosis.answer.action == IGNORE.word:
            await self._decided.ignored(task, diagnosis)
            return None
        if silences := self._silences.about(event):  # set while the model was thinking
            if reported and reported.weight:
                await self._store.gates.tell_weight(event, reported.weight)  # nobody was told that it is worse
            await self._decided.silenced(task, silences)
            return None
        await self.correlation.tell(event, action_id)
        return await self.drafts.write(event, diagnosis, action_id)

    async def _diagnosed(self, task: PlanningTask) -> Diagnosis:
        """By a message where it is held, else by the models, or by the rules where it took planners down."""
        if poison := is_poison(begun := await self._store.begin(task.action_id)):
            await self._dead_letter(task, begun)
        if message := message_of(task.event):
            await self._held.note(task.event, told_by=task.event.id or "")
            return self._diagnostician.message(task.event, message)
        try:
            return await self._diagnostician.diagnose(task.event, task.untouchable, rules_only=poison)
        except asyncio.CancelledError:  # this is what takes long, and where an event may take its planner down
            with suppress(BusDown):
                await self._store.put_down(task.action_id)
            raise

    async def _file(self, task: PlanningTask, receipt: Receipt) -> None:
        event = task.event
        if await asyncio.to_thread(self._actions.file_draft, task.action_id, receipt) is None:
            return
        TIME_TO_PROPOSAL.observe(max(0.0, self._clock().timestamp() - entered_ms(event.id or "") / 1000))
        log.info("planner.proposed", event_id=event.id, action_id=task.action_id, node=event.node, target=event.service)

    async def _conclude(self, task: PlanningTask, *, again: bool, worse: bool = False) -> None:
        """It was filed. Looks for a recovery and for its cause after that, and before it is acknowledged: who dies here
        does it again."""
        event = task.event
        await self.correlation.look_around(event, task.action_id, again=again)
        if await self._store.recovered_after(event):
            await self.correlation.forget(event)
            reason = f"it recovered while the proposal for {event.id} was being written"
            await self._withdrawals.withdraw(
                event, reason, lambda filed: filed.proposal.event.id == event.id, again=again
            )
        # The gate may be that of worse trouble by now, which another planner has in hand.
        if worse or again or await self._store.gates.holder_of(event) not in ("", event.id):
            await self._withdrawals.supersede(event, again=again)
        if hold_on(event):  # the next word may be that the wait is over
            await self._store.gates.free(event)
        await self._decided.proposed(task)

    async def _leave_to(self, cause: Cause, task: PlanningTask, *, again: bool) -> None:
        """It is no member of a storm, then."""
        await self.storms.leave(task.event)
        await self._explain(task, cause, again=again)

    async def _explain(self, task: PlanningTask, cause: Cause, *, again: bool) -> None:
        """Nothing is proposed for it, and what waits goes."""
        await self.correlation.explain(task.event, cause, again=again)
        await self._decided.explained(task, cause)

    async def _dead_letter(self, task: PlanningTask, begun: int) -> None:
        reason = f"{begun - 1} planners died while they worked on it; the rules answer instead"
        log.error("planner.poison", event_id=task.event.id, planners_died=begun - 1)
        await self._bus.refuse(
            task.entry.raw, source=task.entry.stream, reason=reason, actor="planner", entry_id=task.entry.id
        )

    async def _withdraw(self, task: PlanningTask, again: bool) -> None:
        await self._store.mark_recovered([task.event])
        await self._silences.end_acknowledged(task.event)
        reason = f"{task.event.type} at {task.event.timestamp}"
        withdrawn = await self._withdrawals.withdraw(
            task.event, reason, lambda filed: ends(task.event, filed.proposal.event), again=again
        )
        await self.storms.calm(task.event.node, again=again)
        await self._decided.recovered(task, withdrawn)
