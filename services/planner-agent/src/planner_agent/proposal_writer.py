"""From one event that passed the gate to one proposal in pending/, exactly once, whatever dies when.

The order of the steps is the design (docs/delivery.md has the crash table): draft, decide in Redis, rename, settle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import structlog

from mesh_core.actions.choices import IGNORE, NOTIFY
from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.approvals.proposal_files import Receipt
from mesh_core.approvals.reasons import quoted
from mesh_core.incidents.at_work import hold_on
from mesh_core.incidents.causes import Cause
from mesh_core.incidents.causes_over import with_causes_over
from mesh_core.incidents.rule import ends
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.events import Decision, DecisionVerdict
from mesh_core.models.records import rfc3339
from mesh_core.models.streams import entered_ms
from mesh_core.policy.inventory import Inventory
from mesh_core.runtime.metrics import TIME_TO_PROPOSAL
from mesh_core.silences.silence import Silence
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
from planner_agent.proposals.proposal_drafts import ProposalDrafts
from planner_agent.proposals.reported_before import Reported, ReportedBefore
from planner_agent.proposals.withdrawals import Withdrawals
from planner_agent.store.planner_store import KnownTrouble, PlannerStore
from planner_agent.store.worsening import Weight, weight_of

RETRY_SECONDS = 1.0
GROUP = "planner"

log = structlog.get_logger()


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
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
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
        self.storms = Storms(book, store, actions, self._withdrawals, many=storm_subjects)
        causes = CauseBook(bus, keep_seconds=ttl_seconds)
        self.correlation = Correlation(causes, self.storms, store, actions, self._withdrawals)
        self.drafts = ProposalDrafts(store, actions, timedelta(seconds=ttl_seconds), clock)
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
        event, action_id = task.event, task.action_id
        receipt = await self.drafts.decided(action_id)
        if receipt is not None and not self._actions.has_draft(action_id, receipt.token):
            return await self._conclude(task, again=True)  # filed before: whoever has the gate by now, or is silenced
        if silences := self._silences.about(event):
            return await self._silence(task, silences)
        known = await self.correlation.known_for(event)
        if cause := self.correlation.cause_of(event, known):
            await self.storms.leave(event)
            return await self._explain(task, cause, again=again)
        untouchable = why_untouchable(event, await asyncio.to_thread(self._inventory), known.lasting)
        event = with_causes_over(event, known.over)
        task = replace(task, event=event, untouchable=untouchable)
        hold = hold_on(event)
        if why := await self._held.waits(event, hold, again=again):
            return await self._hold(task, why)
        asked = receipt is None and (self.storms.may_tell(event) or known.lasting)
        preferred = await self._diagnostician.preferred(event, untouchable) if asked else ""
        if cause := self.correlation.cause_of(event, known, choice=preferred):
            await self.storms.leave(event)
            return await self._explain(task, cause, again=again)
        # What policy would ignore makes no storm.
        counts = preferred not in ("", IGNORE.word) and self.storms.may_tell(event)
        if counts and (storm := await self.correlation.storm_of(event, preferred)):
            if storm.opens:
                await self._store.free_gate(event)  # as for every other member
                await self.correlation.tell_with_storm(event, storm)
                return await self._plan(replace(task, event=storm.event), again)
            return await self._explain(task, storm.cause, again=again)
        deferred = self._silences.put_aside()
        (gate,) = await self._store.pass_gates([event])
        if gate.holder in deferred:  # its proposal was snoozed, and that is over: its cooldown, too
            await self._store.free_gate(event, gate.holder)
            (gate,) = await self._store.pass_gates([event])
        reported = raised = None
        if gate.holder or receipt is None:
            reported = await self._reported.of(event, action_id, gate, deferred)
            raised = await self._reported.raised(event, reported, untouchable) if reported else None
            if reported and raised is None:
                if hold:
                    await self._store.free_gate(event)  # as for what is held in silence
                return await self._count(task, reported.owner, reported.reason)
            if gate.holder and not await self._store.take_gate(event, gate.holder):
                return await self._plan(task, again)  # another planner was faster: held against its word, now
        if receipt is None:
            receipt = await self._answered(task, reported, raised, preferred)
            if receipt is None:
                return None
        filed = await asyncio.to_thread(self._actions.file_draft, action_id, receipt)
        if filed is not None:
            TIME_TO_PROPOSAL.observe(max(0.0, self._clock().timestamp() - entered_ms(event.id or "") / 1000))
            log.info("planner.proposed", event_id=event.id, action_id=action_id, node=event.node, target=event.service)
        return await self._conclude(task, again=again, worse=raised is not None)

    async def _answered(
        self, task: PlanningTask, reported: Reported | None, raised: Weight | None, preferred: str
    ) -> Receipt | None:
        """The decided draft of a proposal; None: the event is settled without one. `raised`: it got worse than told.
        `preferred`: by policy, '' where nobody asked it yet."""
        event, action_id = task.event, task.action_id
        preferred = preferred or await self._diagnostician.preferred(event, task.untouchable)
        # Until there is an answer, a message is the least of it.
        await self._store.tell_weight(event, raised or weight_of(event, NOTIFY.word, preferred))
        if poison := is_poison(begun := await self._store.begin(action_id)):
            await self._dead_letter(task, begun)
        if message := message_of(event):
            await self._held.note(event, told_by=event.id or "")
            diagnosis = self._diagnostician.message(event, message)
        else:
            diagnosis = await self._diagnose(task, rules_only=poison)
        if reported and raised:
            diagnosis = replace(diagnosis, evidence=(*diagnosis.evidence, reported.as_evidence()))
        answer = weight_of(event, diagnosis.answer.action, preferred)._replace(
            host_stood_against=diagnosis.host_stands_against
        )
        await self._store.tell_weight(event, raised.and_then(answer) if raised else answer)
        if diagnosis.answer.action == IGNORE.word:
            await self._ignore(task, diagnosis, action_id)
            return None
        if silences := self._silences.about(event):  # set while the model was thinking
            if reported and reported.weight:
                await self._store.tell_weight(event, reported.weight)  # nobody was told that it is worse
            await self._silence(task, silences)
            return None
        await self.correlation.tell(event, action_id)
        return await self.drafts.write(event, diagnosis, action_id)

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
        if worse or again or await self._store.gate_holder(event) not in ("", event.id):
            await self._withdrawals.supersede(event, again=again)
        if hold_on(event):  # the next word may be that the wait is over
            await self._store.free_gate(event)
        await self._settle(task, task.action_id, DecisionVerdict.PROPOSED, "")

    async def _diagnose(self, task: PlanningTask, *, rules_only: bool) -> Diagnosis:
        """What takes long, and where an event may take its planner down."""
        try:
            return await self._diagnostician.diagnose(task.event, task.untouchable, rules_only=rules_only)
        except asyncio.CancelledError:
            with suppress(BusDown):
                await self._store.put_down(task.action_id)
            raise

    async def _count(self, task: PlanningTask, owner: str, reason: str) -> None:
        """Trouble that is known already: one more occurrence beside the proposal, never in its bytes."""
        decision = Decision(
            ts=rfc3339(self._clock()), event_id=task.event.id or "", verdict=DecisionVerdict.COUNTED, reason=reason
        )
        await self._store.count([KnownTrouble(task.entry, GROUP, owner, decision)])

    async def _silence(self, task: PlanningTask, silences: tuple[Silence, ...]) -> None:
        """Nothing is proposed; the gate is open for the first trouble after the end of the silence."""
        await self._silences.note([(task.event, silences)])
        log.info("planner.silenced", event_id=task.event.id, silence=silences[0].id)
        await self._propose_nothing(task, self._silences.decision(task.event, silences[0]))

    async def _explain(self, task: PlanningTask, cause: Cause, *, again: bool) -> None:
        """Nothing is proposed for it, and what waits goes. As long as it lasts it comes again, and is asked anew."""
        log.info("planner.explained", event_id=task.event.id, by=cause.told_by)
        await self.correlation.explain(task.event, cause, again=again)
        decision = Decision(
            ts=rfc3339(self._clock()),
            event_id=task.event.id or "",
            verdict=DecisionVerdict.EXPLAINED,
            reason=cause.told,
        )
        await self._propose_nothing(task, decision)

    async def _hold(self, task: PlanningTask, why: str) -> None:
        """It may come from what is at work there. As long as it lasts it comes again, and is asked anew."""
        event = task.event
        log.info("planner.held", event_id=event.id, why=why)
        decision = Decision(
            ts=rfc3339(self._clock()), event_id=event.id or "", verdict=DecisionVerdict.HELD, reason=why
        )
        await self._propose_nothing(task, decision)

    async def _propose_nothing(self, task: PlanningTask, decision: Decision) -> None:
        """The gate is open for the next word about this."""
        event, action_id = task.event, task.action_id
        await self._store.free_gate(event)
        await self._store.settle(task.entry, GROUP, event, decision, f"{decision.verdict}:{event.id}")
        if decided := await self.drafts.decided(action_id):
            self._actions.drop_draft(action_id, decided.token)

    async def _ignore(self, task: PlanningTask, diagnosis: Diagnosis, action_id: str) -> None:
        log.info("planner.ignored", event_id=task.event.id, reason=diagnosis.answer.reason)
        await self._settle(task, action_id, DecisionVerdict.IGNORED, quoted(diagnosis.answer.reason, diagnosis.model))

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
        verdict = f"withdrew {withdrawn}" if withdrawn else "nothing open"
        await self._settle(task, f"recovery:{task.event.id}", DecisionVerdict.RECOVERED, verdict)

    async def _settle(self, task: PlanningTask, action_id: str, verdict: DecisionVerdict, reason: str) -> None:
        decision = Decision(
            ts=rfc3339(self._clock()),
            event_id=task.event.id or "",
            verdict=verdict,
            action_id=action_id if verdict is DecisionVerdict.PROPOSED else None,
            reason=reason[:500],
        )
        await self._store.settle(task.entry, GROUP, task.event, decision, action_id)
