"""The planner: event -> triage -> gate -> fallback chain -> pending/. Here the machine stops; a person goes on.

Reads the streams with a consumer group, so that any number of planners share the work; acknowledges only what is safe
on disk or known not to matter. It never writes anywhere but actions/pending/ and never runs anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.incidents.event_types import PLANNERS_OWN, EventType
from mesh_core.incidents.rule import is_benign, is_recovery
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.consumer import RENEW_EVERY_SECONDS, Consumer
from mesh_core.messaging.group_commands import Entry
from mesh_core.models.events import Decision, DecisionVerdict, HealthEvent
from mesh_core.models.parsing import event_in
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.models.strict_json import Refusal
from mesh_core.runtime.metrics import EVENTS_BENIGN, EVENTS_READ, IN_HAND
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import pause
from planner_agent.intake.batch import BatchContext, NextStep, Planned, PlanningTask, sort_batch
from planner_agent.intake.keyed_queue import KeyedQueue
from planner_agent.intake.silence_filter import SilenceFilter
from planner_agent.intake.triage import Route, calls_for_another, triage
from planner_agent.proposal_writer import ProposalWriter
from planner_agent.store.planner_store import KnownTrouble, PlannerStore
from planner_agent.store.worsening import as_bad_as, may_be_worse

READ_BATCH = 500
MOST_IN_HAND = 5000
BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
GATE_RENEWAL_MS = 30_000

log = structlog.get_logger()


class Planner:
    """One replica. `writer` does what takes time, queued by target; this loop only sorts."""

    def __init__(
        self,
        bus: Bus,
        consumer: Consumer,
        store: PlannerStore,
        actions: PlannerFolders,
        writer: ProposalWriter,
        queue: KeyedQueue,
        silences: SilenceFilter,
        pulse: Pulse | None = None,
    ):
        self._bus = bus
        self._consumer = consumer
        self._store = store
        self._actions = actions
        self._writer = writer
        self._queue = queue
        self._silences = silences
        self._in_hand: dict[str, HealthEvent] = {}
        self._pulse = pulse or Pulse()

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop. Redis away: back off and go on. What is in hand at the end comes again at the start."""
        failures = 0
        turned = self._pulse.watch("reading events")
        try:
            while not stop.is_set():
                turned()
                self._queue.check()
                try:
                    await self.round(stop)
                    failures = 0
                except BusDown as error:
                    seconds = BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)]
                    failures += 1
                    log.warning("planner.redis_away", error=str(error), retry_in_seconds=seconds)
                    await pause(stop, seconds)
        finally:
            self._pulse.rest("reading events")
            await self.stop_queue()

    async def stop_queue(self) -> None:
        """Drop what is in hand: it is unacknowledged and comes again."""
        await self._queue.cancel()

    async def keep_claims(self, stop: asyncio.Event) -> None:
        """Tell Redis every ten seconds that we are still at work on what we hold."""
        turned = self._pulse.watch("renewing claims")
        while not await pause(stop, RENEW_EVERY_SECONDS, shared=True):
            turned()
            try:
                await self._consumer.renew()
                await self._store.gates.renew(list(self._in_hand.values()), GATE_RENEWAL_MS)
            except BusDown as error:
                log.warning("planner.renewal_missed", error=str(error))

    async def figures(self) -> None:
        """What is in hand just now, for whoever asks."""
        IN_HAND.set(len(self._in_hand))

    async def round(self, stop: asyncio.Event | None = None) -> int:
        """Wait for a batch and sort it; how many entries it held. Raises BusDown."""
        if self._consumer.handed_out >= MOST_IN_HAND:
            await asyncio.sleep(0.05)  # the queues are full: what waits in Redis is safe there
            return 0
        entries = await self._consumer.read(count=READ_BATCH, stop=stop)
        try:
            await self._sort(entries)
        except BusDown:
            self._consumer.give_back(e for e in entries if f"{e.stream} {e.id}" not in self._in_hand)
            raise
        return len(entries)

    async def _sort(self, entries: Sequence[Entry]) -> None:
        """One batch: most events end here, the others go to their queue."""
        tasks, refused = await self._read(entries)
        events = [task.event for task in tasks]
        EVENTS_READ.add(amount=len(events))
        EVENTS_BENIGN.add(amount=sum(is_benign(event) for event in events))
        for event in events:
            if triage(event) is Route.RUN:
                await self._store.history.remember(event)
                if is_recovery(event):  # proven: what goes wrong there now is new
                    await self._store.gates.free_after(event)
                elif event.type == EventType.REMEDIATION_FAILED and event.incident:
                    await self._store.reopen(event.incident)
                    if calls_for_another(event):
                        await self._store.gates.free_after(event)
        recoveries = [event for event in events if is_recovery(event)]
        # Before looking into pending/: whoever files older trouble meanwhile looks at this mark afterwards.
        await self._store.mark_recovered(recoveries)
        await self._writer.correlation.end(recoveries)
        planned = sort_batch(tasks, await self._context(tasks, any_recovery=bool(recoveries)))
        silenced = [one for one in planned if one.step is NextStep.SILENCE]
        await self._publish_silenced(silenced)
        for one in planned:
            if one.step is NextStep.WITHDRAW:
                self._enqueue(one, self._writer.withdraw)
            elif one.step is NextStep.PLAN:
                self._enqueue(one, self._writer.plan)
        await self._pass_gates([one for one in planned if one.step is NextStep.GATE])
        done = [one for one in planned if one.step is NextStep.DONE]
        await self._consumer.acknowledge([*refused, *(one.task.entry for one in (*done, *silenced))])

    async def _context(self, tasks: Sequence[PlanningTask], *, any_recovery: bool) -> BatchContext:
        again = [task for task in tasks if task.entry.deliveries > 1]
        begun = await self._store.begun([task.action_id for task in again])
        return BatchContext(
            waiting=frozenset(filed.proposal.target_key for filed in self._actions.pending())
            if any_recovery
            else frozenset(),
            storms=self._writer.storms.places() if any_recovery else frozenset(),
            busy=self._queue.busy_keys(),
            recovering=frozenset(event.target_key for event in self._in_hand.values() if is_recovery(event)),
            begun=frozenset(task.event.id for task, times in zip(again, begun, strict=True) if times),
            silences=self._silences.current(),
            now=utc_now(),
        )

    async def _publish_silenced(self, silenced: Sequence[Planned]) -> None:
        await self._silences.note([(one.task.event, one.silences) for one in silenced])
        await self._store.publish([self._silences.decision(one.task.event, one.silences[0]) for one in silenced])

    async def _pass_gates(self, planned: Sequence[Planned]) -> None:
        """What is within somebody's cooldown is counted, the others go to their queue.

        So does what may be worse than what was told, and what was filed before: a Redis that lost its last seconds
        hands that out anew, behind the gate of later trouble, and does not know any more that it was proposed.
        """
        gates = await self._store.gates.pass_each([one.task.event for one in planned])
        deferred = self._silences.put_aside() if any(gate.holder for gate in gates) else frozenset()
        # What is told of a subject is known once its proposal is written: until then what is in hand speaks for itself.
        at_work = {event.id: event for event in self._in_hand.values()}
        known: list[KnownTrouble] = []
        for one, gate in zip(planned, gates, strict=True):
            event, holder = one.task.event, gate.holder
            reported = as_bad_as(at_work[holder]) if holder in at_work else gate.reported
            repeats = holder and holder not in deferred and not may_be_worse(event, reported)
            if repeats and not self._actions.was_filed(one.task.action_id):
                known.append(KnownTrouble(one.task.entry, holder, _suppressed(event, holder)))
            else:
                self._enqueue(one, self._writer.plan)
                at_work[event.id] = event
        await self._store.count(known)
        self._consumer.let_go([one.entry for one in known])

    async def _read(self, entries: Sequence[Entry]) -> tuple[list[PlanningTask], list[Entry]]:
        """The events of a batch, and the entries that are none (they are in the dead letters now)."""
        tasks: list[PlanningTask] = []
        refused: list[Entry] = []
        for entry in entries:
            event = _heard(entry)
            if isinstance(event, Refusal):
                await self._bus.refuse(
                    entry.raw, source=entry.stream, reason=event.reason, actor="planner", entry_id=entry.id
                )
                refused.append(entry)
            else:
                tasks.append(PlanningTask(entry, event))
        return tasks, refused

    def _enqueue(self, planned: Planned, job: ProposalWriter.Job) -> None:
        task = planned.task
        key = f"{task.entry.stream} {task.entry.id}"
        self._in_hand[key] = task.event

        async def run() -> None:
            try:
                await job(task)
            finally:
                self._in_hand.pop(key, None)
                self._consumer.let_go([task.entry])

        self._queue.submit(task.event.target_key, run, alone=planned.alone)


def _heard(entry: Entry) -> HealthEvent | Refusal:
    event = event_in(entry.stream, entry.id, entry.raw)
    if isinstance(event, HealthEvent) and event.type in PLANNERS_OWN:
        return Refusal(f"the type {event.type} is a planner's own, of its proposals: give the event another one")
    return event


def _suppressed(event: HealthEvent, holder: str) -> Decision:
    reason = f"within the cooldown of {holder}"
    return Decision(ts=rfc3339(utc_now()), event_id=event.id or "", verdict=DecisionVerdict.SUPPRESSED, reason=reason)
