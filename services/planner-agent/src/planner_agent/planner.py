"""The planner: event -> triage -> gate -> ladder -> pending/. Here the machine stops; a person goes on.

Reads the streams with a consumer group, so that any number of planners share the work; acknowledges only what is safe
on disk or known not to matter. It never writes anywhere but actions/pending/ and never runs anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from mesh_core.approvals.store import Actions
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.consumer import RENEW_EVERY_SECONDS, Consumer, Entry
from mesh_core.models.events import Decision, HealthEvent
from mesh_core.models.parsing import event_in
from mesh_core.models.records import rfc3339
from mesh_core.models.strict_json import Refusal
from mesh_core.runtime.metrics import EVENTS_BENIGN, EVENTS_READ, IN_HAND
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import pause
from planner_agent.keyed_queue import KeyedQueue
from planner_agent.planner_store import KnownTrouble, PlannerStore
from planner_agent.proposal_writer import GROUP, PlanningTask, ProposalWriter
from planner_agent.silence_filter import SilenceFilter
from planner_agent.triage import RECOVERED, Route, triage

READ_BATCH = 500
MOST_IN_HAND = 5000
BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
GATE_RENEWAL_MS = 30_000

log = structlog.get_logger()


class Planner:
    """One replica. `filing` does what takes time, in lanes; this loop only sorts."""

    def __init__(
        self,
        bus: Bus,
        consumer: Consumer,
        memory: PlannerStore,
        actions: Actions,
        filing: ProposalWriter,
        lanes: KeyedQueue,
        quiet: SilenceFilter,
        pulse: Pulse | None = None,
    ):
        self._bus = bus
        self._consumer = consumer
        self._memory = memory
        self._actions = actions
        self._filing = filing
        self._lanes = lanes
        self._quiet = quiet
        self._planning: dict[str, HealthEvent] = {}
        self._pulse = pulse or Pulse()

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop. Redis away: back off and go on. What is in hand at the end comes again at the start."""
        failures = 0
        turned = self._pulse.watch("reading events")
        try:
            while not stop.is_set():
                turned()
                self._lanes.check()
                try:
                    await self.round()
                    failures = 0
                except BusDown as error:
                    seconds = BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)]
                    failures += 1
                    log.warning("planner.redis_away", error=str(error), retry_in_seconds=seconds)
                    await pause(stop, seconds)
        finally:
            self._pulse.rest("reading events")
            await self.stop_lanes()

    async def stop_lanes(self) -> None:
        """Drop what is in hand: it is unacknowledged and comes again."""
        await self._lanes.cancel()

    async def keep_claims(self, stop: asyncio.Event) -> None:
        """Tell Redis every ten seconds that we are still at work on what we hold."""
        turned = self._pulse.watch("renewing claims")
        while not await pause(stop, RENEW_EVERY_SECONDS):
            turned()
            try:
                await self._consumer.renew()
                await self._memory.renew_gates(list(self._planning.values()), GATE_RENEWAL_MS)
            except BusDown as error:
                log.warning("planner.renewal_missed", error=str(error))

    async def figures(self) -> None:
        """What is in hand just now, for whoever asks."""
        IN_HAND.set(len(self._planning))

    async def round(self) -> int:
        """Read one batch and sort it; how many entries it held. Raises BusDown."""
        if self._consumer.handed_out >= MOST_IN_HAND:
            await asyncio.sleep(0.05)  # the lanes are full: what waits in Redis is safe there
            return 0
        entries = await self._consumer.read(count=READ_BATCH)
        try:
            await self._sort(entries)
        except BusDown:
            self._consumer.give_back(e for e in entries if f"{e.stream} {e.id}" not in self._planning)
            raise
        return len(entries)

    async def _sort(self, entries: Sequence[Entry]) -> None:
        """One batch: most events end here, the others go to their lane."""
        works, finished = await self._read(entries)
        begun = await self._begun(works)
        suspects = frozenset(work.event.pair for work in works if work.event.id in begun)
        works.sort(key=lambda work: work.event.pair in suspects)  # others first; a pair keeps its order
        EVENTS_READ.add(amount=len(works))
        EVENTS_BENIGN.add(amount=sum(work.event.benign for work in works))
        silences = self._quiet.current()
        held = [self._quiet.about(work.event, silences) for work in works]
        lanes = [triage(work.event, holding) for work, holding in zip(works, held, strict=True)]
        recoveries = [work.event for work, lane in zip(works, lanes, strict=True) if lane is Route.RECOVERY]
        if recoveries:
            # Before looking into pending/: whoever files older trouble meanwhile looks at this mark afterwards.
            await self._memory.mark_well(recoveries)
        waiting = {filed.proposal.pair for filed in self._actions.pending()} if recoveries else set()
        # Trouble after a recovery that is still in hand waits for it: until then the gate is that of the old trouble.
        behind_recovery = {event.pair for event in self._planning.values() if event.type in RECOVERED}
        to_gate: list[PlanningTask] = []
        silenced: list[Decision] = []
        for work, lane, holding in zip(works, lanes, held, strict=True):
            event = work.event
            match lane:
                case Route.LEDGER:
                    await self._memory.remember_run(event)
                    finished.append(work.entry)
                case Route.RECOVERY if (
                    event.pair in waiting
                    or self._lanes.busy(event.pair)
                    or self._quiet.acknowledged(event, silences)
                    or work.entry.deliveries > 1  # what it took back may not have been told
                ):
                    behind_recovery.add(event.pair)
                    self._submit(work, self._filing.withdraw)
                case Route.PLAN if event.pair in behind_recovery or event.id in begun:
                    # What began may be filed already, and have lost its gate to later trouble.
                    self._submit(work, self._filing.plan, alone=event.pair in suspects)
                case Route.SILENCED if self._lanes.busy(event.pair) or work.entry.deliveries > 1:
                    # A recovery in hand may end the silence, and what was handed out before may be filed already.
                    self._submit(work, self._filing.plan, alone=event.pair in suspects)
                case Route.SILENCED:
                    silenced.append(self._quiet.decision(event, holding[0]))
                    finished.append(work.entry)
                case Route.PLAN:
                    to_gate.append(work)
                case _:
                    finished.append(work.entry)
        await self._memory.say(silenced)
        holders = await self._memory.pass_gates([work.event for work in to_gate])
        aside = self._quiet.put_aside() if any(holders) else frozenset()
        known: list[KnownTrouble] = []
        for work, holder in zip(to_gate, holders, strict=True):
            if holder and holder not in aside:
                known.append(KnownTrouble(work.entry, GROUP, holder, _suppressed(work.event, holder)))
            else:
                self._submit(work, self._filing.plan, alone=work.event.pair in suspects)
        await self._memory.count(known)
        self._consumer.let_go([one.entry for one in known])
        await self._consumer.acknowledge(finished)

    async def _begun(self, works: Sequence[PlanningTask]) -> frozenset[str | None]:
        """The events that a planner was at work on when it died. Their pairs are worked on last and one at a time, so
        that an event which takes its planner down is not counted against its neighbours."""
        again = [work for work in works if work.entry.deliveries > 1]
        begun = await self._memory.begun([work.action_id for work in again])
        return frozenset(work.event.id for work, times in zip(again, begun, strict=True) if times)

    async def _read(self, entries: Sequence[Entry]) -> tuple[list[PlanningTask], list[Entry]]:
        """The events of a batch, and the entries that are none (they are in the dead letters now)."""
        works: list[PlanningTask] = []
        refused: list[Entry] = []
        for entry in entries:
            event = event_in(entry.stream, entry.id, entry.raw)
            if isinstance(event, Refusal):
                await self._bus.refuse(
                    entry.raw, source=entry.stream, reason=event.reason, by="planner", entry_id=entry.id
                )
                refused.append(entry)
            else:
                works.append(PlanningTask(entry, event))
        return works, refused

    def _submit(self, work: PlanningTask, job: ProposalWriter.Job, *, alone: bool = False) -> None:
        key = f"{work.entry.stream} {work.entry.id}"
        self._planning[key] = work.event

        async def do() -> None:
            try:
                await job(work)
            finally:
                self._planning.pop(key, None)
                self._consumer.let_go([work.entry])

        self._lanes.submit(work.event.pair, do, alone=alone)


def _suppressed(event: HealthEvent, holder: str) -> Decision:
    reason = f"within the cooldown of {holder}"
    return Decision(ts=rfc3339(datetime.now(UTC)), event_id=event.id or "", verdict="suppressed", reason=reason)
