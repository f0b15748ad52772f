"""Storms: what is part of one is not proposed beside it, as long as its proposal is open and enough of it lasts.

A member is noted before anything is proposed for it, and looks for its storm after it was filed; whoever opens a storm
marks its members before its proposal is filed, and looks at what waits afterwards. One of the two sees the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.approvals.proposal_files import Filed
from mesh_core.incidents.causes import Cause, cause_of, may_explain
from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.rule import OpenTrouble
from mesh_core.incidents.storm import (
    Member,
    began_before,
    gathered,
    may_be_member,
    member_of,
    storm_event,
    subjects_of,
)
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import proposal_id
from planner_agent.planner_store import PlannerStore
from planner_agent.storm_book import StormBook
from planner_agent.withdrawals import Withdrawals

GATE_MS = 60_000  # longer than anybody needs from the gate to the marks


class Storm(NamedTuple):
    """`event` is what its proposal is about; `opens`: that is for whoever asked to file."""

    event: HealthEvent
    told_by: str
    opens: bool = False

    @property
    def cause(self) -> Cause:
        """As what it is told of its members."""
        return cause_of(self.event, self.told_by)


class Storms:
    """`many` subjects make one; 0: there are none. Every method may be repeated. Raises BusDown, OSError."""

    def __init__(
        self, book: StormBook, store: PlannerStore, actions: PlannerFolders, withdrawals: Withdrawals, *, many: int
    ):
        self._book = book
        self._store = store
        self._actions = actions
        self._withdrawals = withdrawals
        self._many = many

    def counts(self, event: HealthEvent) -> bool:
        return bool(self._many) and may_be_member(event)

    async def of(self, event: HealthEvent) -> Storm | None:
        """The storm that this is part of, from now on at the latest; None: it is told by itself."""
        mine, members = await self._book.note(event)
        if mine.storm:
            return self._known(event, mine)
        mine_as_cause = cause_of(event)
        if may_explain(event) and any(mine_as_cause.explains(one.trouble) for one in members):
            await self._book.leave(event)  # it is told as their cause
            return None
        lasting = self._lasting(event, members)
        if lasting and not began_before([one for one in members if one.storm == lasting], mine):
            return await self._joined(event, [mine], lasting)
        together = gathered(members, mine, self._many)
        return await self._opened(event, together) if together else None

    async def told(self, event: HealthEvent) -> Storm | None:
        """The storm that this was made part of meanwhile."""
        if not self.counts(event):
            return None
        key = member_of(event).key
        mine = next((one for one in await self._book.members_beside(event) if one.key == key and one.storm), None)
        return self._known(event, mine) if mine else None

    async def waiting_members(self, storm: HealthEvent, action_id: str) -> list[Filed]:
        """Of this one, those whose own proposals wait."""
        members = [one for one in await self._book.members_beside(storm) if one.storm == action_id]
        subjects = {one.trouble.subject for one in members}
        return [filed for filed in self._actions.pending() if _subject_at(filed, storm) in subjects]

    async def end(self, recoveries: Sequence[HealthEvent]) -> None:
        """What these end is no part of any."""
        if self._many:
            await self._book.end(recoveries)

    async def leave(self, event: HealthEvent) -> None:
        """Something else explains it."""
        if self.counts(event):
            await self._book.leave(event)
            await self.calm(event.node, again=False)

    async def calm(self, node: str, *, again: bool) -> None:
        """A storm of which too little is left ends; what is left is told anew, each by itself."""
        calmed = [filed.name for filed in self._actions.pending() if await self._is_calm(filed, node)]
        if calmed or (again and self._many):
            place, reason = OpenTrouble(node, None, EventType.TROUBLE_STORM, None), self._calmed
            await self._withdrawals.withdraw(place, reason, lambda filed: filed.name in calmed, again=again)

    def nodes(self) -> frozenset[str]:
        """Where a storm waits."""
        pending = (filed.proposal.event for filed in self._actions.pending()) if self._many else ()
        return frozenset(event.node for event in pending if event.type == EventType.TROUBLE_STORM)

    @property
    def _calmed(self) -> str:
        return f"it calmed: fewer than {self._many} of what went wrong at once last, and each of them is told by itself"

    async def _is_calm(self, filed: Filed, node: str) -> bool:
        if not _is_storm_at(filed, node):
            return False
        members = await self._book.members_beside(filed.proposal.event)
        return subjects_of(one for one in members if one.storm == filed.name.id) < self._many

    async def _opened(self, event: HealthEvent, together: Sequence[Member]) -> Storm:
        """Of several planners that see it at once, the first has the gate of the storm until its members are marked;
        who finds the gate open afterwards finds these marks."""
        storm = storm_event(event, together)
        (gate,) = await self._store.pass_gates([storm], at_least_ms=GATE_MS)
        if gate.holder and self._is_over(_id(gate.holder, event.node)):
            await self._store.free_gate(storm, gate.holder)
            (gate,) = await self._store.pass_gates([storm], at_least_ms=GATE_MS)
        if opened := self._lasting(event, await self._book.members_beside(event)):
            await self._store.free_gate(storm)
            return await self._joined(event, together, opened)
        return await self._joined(event, together, _id(gate.holder or event.id or "", event.node))

    async def _joined(self, event: HealthEvent, members: Sequence[Member], told_by: str) -> Storm:
        await self._book.join(event, members, told_by)
        return Storm(storm_event(event, members), told_by, told_by == _id(event.id or "", event.node))

    def _known(self, event: HealthEvent, mine: Member) -> Storm | None:
        opens = mine.storm == _id(event.id or "", event.node)
        return None if self._is_over(mine.storm) and not opens else Storm(storm_event(event), mine.storm, opens)

    def _is_over(self, action_id: str) -> bool:
        """It was filed, and is not open any more. One that nobody filed yet is about to be."""
        is_open = any(filed.name.id == action_id for filed in self._actions.open_proposals())
        return not is_open and self._actions.was_filed(action_id)

    def _lasting(self, event: HealthEvent, members: Sequence[Member]) -> str:
        """The storm that waits there, or is about to be filed; '' for none. The folder reminds a Redis that forgot."""
        known = {one.storm for one in members if one.storm}
        waits = (filed for filed in self._actions.open_proposals() if _is_storm_at(filed, event.node))
        known |= {filed.name.id for filed in waits}
        return next((storm for storm in sorted(known) if not self._is_over(storm)), "")


def _is_storm_at(filed: Filed, node: str) -> bool:
    event = filed.proposal.event
    return event.type == EventType.TROUBLE_STORM and event.node == node


def _subject_at(filed: Filed, storm: HealthEvent) -> str | None:
    event = filed.proposal.event
    return cause_of(event).subject if event.node == storm.node and may_be_member(event) else None


def _id(event_id: str, node: str) -> str:
    return proposal_id(event_id, node, None)
