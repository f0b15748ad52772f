"""Trouble that waits because something is at work on its host that it may come from.

Nothing is put aside: its agent announces it each minute with what is at work by then, and it is planned once that has
ended. Whoever must not wait in silence (it is critical, or it takes too long) is told by a message, which goes when the
wait is over.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mesh_core.incidents.at_work import Hold, why_held
from mesh_core.incidents.subject import subject_of
from mesh_core.incidents.wording import what_is_wrong
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.held import SEEN_WITHIN, HeldTrouble
from mesh_core.messaging.rows import read_row
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.records import parse_time, rfc3339
from mesh_core.models.streams import HELD_KEY
from planner_agent.proposals.withdrawals import Withdrawals
from planner_agent.store.planner_store import PlannerStore


class HeldTroubles:
    """Every method may be repeated. Raises BusDown, and OSError for a full disk."""

    def __init__(
        self,
        bus: Bus,
        store: PlannerStore,
        withdrawals: Withdrawals,
        *,
        hold_seconds: float,
        keep_seconds: int,
        clock: Callable[[], datetime],
    ):
        self._bus = bus
        self._store = store
        self._withdrawals = withdrawals
        self._hold_seconds = hold_seconds
        self._keep_seconds = keep_seconds
        self._clock = clock

    async def waits(self, event: HealthEvent, hold: Hold | None, *, again: bool) -> str:
        """Why nothing is said of it now; '' where something is: it waits for nothing, or must be told.

        Whoever else speaks of the same subject knows nothing of what is at work there: for them its agent's word of the
        last minutes counts.
        """
        if event.trust is not Trust.NODE:
            held = await self._noted(event)
            is_fresh = held is not None and self._clock() - parse_time(held.at) < SEEN_WITHIN
            return f"{held.reason}, as its agent says" if held and is_fresh else ""
        if hold is None:
            await self._release(event, again=again)
            return ""
        await self.note(event)
        return "" if self._must_be_told(event, hold) else why_held(event)

    async def note(self, event: HealthEvent, *, told_by: str = "") -> None:
        """It waits; `told_by`: with a message of that event, which is about to be filed."""
        before = await self._noted(event)
        held = HeldTrouble(
            node=event.node,
            service=event.service,
            type=event.type,
            reason=why_held(event),
            at=rfc3339(self._clock()),
            told_by=(before.told_by if before else "") or told_by,
        )
        pipe = self._bus.redis.pipeline(transaction=False)
        pipe.hset(HELD_KEY, subject_of(event), held.wire())
        pipe.expire(HELD_KEY, self._keep_seconds)
        await self._bus.run(pipe)

    def _must_be_told(self, event: HealthEvent, hold: Hold) -> bool:
        """Is it critical, or does it wait for too long already?"""
        return event.severity is Severity.CRITICAL or (hold.has_limit and hold.seconds >= self._hold_seconds)

    async def _release(self, event: HealthEvent, *, again: bool) -> None:
        """It waits for nothing any more: the message that told of it goes, and does not count as a decision."""
        held = await self._noted(event)
        if held is None:
            return
        if held.told_by:
            if event.incident:
                await self._store.reopen(event.incident)
            reason = f"what it waited for has ended: {held.reason}"
            await self._withdrawals.withdraw(
                event, reason, lambda filed: filed.proposal.event.id == held.told_by, again=again
            )
            await self._store.gates.free(event, held.told_by)
        await self._bus.call("HDEL", HELD_KEY, subject_of(event))

    async def _noted(self, event: HealthEvent) -> HeldTrouble | None:
        row = await self._bus.call("HGET", HELD_KEY, subject_of(event))
        return read_row(HeldTrouble, row)


def message_of(event: HealthEvent) -> str:
    """What people are told of trouble that waits; '' for what does not."""
    trouble = f"{event.service or event.node}: {what_is_wrong(event)}"
    return f"{why}, and {trouble}. No repair is proposed until it has ended." if (why := why_held(event)) else ""
