"""Storms: what is part of one is not proposed beside it, as long as its proposal is open and enough of it lasts.

A trouble counts among those of all nodes first, then of its own: what several nodes have in common is the greater one.

A member is noted before anything is proposed for it, and looks for its storm after it was filed; whoever opens a storm
marks its members before its proposal is filed, and looks at what waits afterwards. One of the two sees the other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.approvals.proposal_files import ActionName, Filed
from mesh_core.incidents.causes import Cause, cause_of, may_explain
from mesh_core.incidents.event_types import SERVICE_STATES, EventType
from mesh_core.incidents.rule import OpenTrouble
from mesh_core.incidents.storm import (
    ALL_NODES,
    Member,
    belongs_to,
    gathered,
    lasts,
    places_of,
    shared_at,
    size_of,
    storm_event,
)
from mesh_core.incidents.subject import IN_COMMON
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import proposal_id
from planner_agent.correlation.as_down import as_down
from planner_agent.correlation.storm_book import StormBook
from planner_agent.proposals.withdrawals import Withdrawals
from planner_agent.store.gates import Gates

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

    def __init__(self, book: StormBook, gates: Gates, actions: PlannerFolders, withdrawals: Withdrawals, *, many: int):
        self._book = book
        self._gates = gates
        self._actions = actions
        self._withdrawals = withdrawals
        self._many = many

    def counts(self, event: HealthEvent) -> bool:
        return bool(self._many and places_of(event))

    async def of(self, event: HealthEvent) -> Storm | None:
        """The storm that this is part of, from now on at the latest; None: it is told by itself."""
        for place in places_of(event):
            mine, members = await self._book.note(place, event)
            if mine.storm:
                return self._known(place, event, mine)
            if _explains_any(event, members, place):
                await self._book.leave(event, [place])  # it is told as their cause
                return None
            if storm := await self._part_of(place, event, mine, members):
                return storm
        return None

    def may_tell(self, event: HealthEvent) -> bool:
        """May one tell of this, or of what its agent says of the same service?"""
        stranger = event.trust is Trust.FOREIGN and event.service is not None
        return self.counts(event) or (stranger and not self.places().isdisjoint((ALL_NODES, event.node)))

    async def told(self, event: HealthEvent) -> Storm | None:
        """The storm that this was made part of meanwhile, or in which its agent's word about the same service is."""
        mine = await self._book.told(event) if self.counts(event) else await self._by_its_agent(event)
        return self._known(ALL_NODES if mine.in_common else event.node, event, mine) if mine else None

    async def _by_its_agent(self, event: HealthEvent) -> Member | None:
        if not self.may_tell(event) or event.type not in SERVICE_STATES:
            return None
        subject = cause_of(event).subject
        members = [*await self._book.members_at(ALL_NODES), *await self._book.members_at(event.node)]
        return next((one for one in members if one.storm and one.trouble.subject == subject), None)

    async def waiting_members(self, storm: HealthEvent, action_id: str) -> list[Filed]:
        """Of this one, those whose own proposals wait, and others' about the same services."""
        members = [one for one in await self._book.members_at(storm.node) if one.storm == action_id]
        subjects = {one.trouble.subject for one in members}
        return [filed for filed in self._actions.pending() if _subject_at(storm.node, filed) in subjects]

    async def end(self, recoveries: Sequence[HealthEvent]) -> None:
        """What these end is no part of any."""
        if self._many:
            await self._book.end(recoveries)

    async def leave(self, event: HealthEvent) -> None:
        """Something else explains it."""
        if self.counts(event):
            await self._book.leave(event, places_of(event))
            await self.calm(event.node, again=False)

    async def calm(self, node: str, *, again: bool) -> None:
        """A storm there, or of all nodes, of which too little is left ends; what is left is told anew, one by one."""
        for place in (ALL_NODES, node):
            calmed = frozenset([filed.name for filed in self._actions.pending() if await self._is_calm(filed, place)])
            if calmed or (again and self._many):
                await self._withdraw(place, calmed, again=again)

    async def _withdraw(self, place: str, names: Collection[ActionName], *, again: bool) -> None:
        where = OpenTrouble(place, None, EventType.TROUBLE_STORM, None)
        await self._withdrawals.withdraw(where, CALMED, lambda filed: filed.name in names, again=again)

    def places(self) -> frozenset[str]:
        """Where a storm waits: nodes, or all of them."""
        pending = (filed.proposal.event for filed in self._actions.pending()) if self._many else ()
        return frozenset(event.node for event in pending if event.type == EventType.TROUBLE_STORM)

    async def _is_calm(self, filed: Filed, place: str) -> bool:
        if not _is_storm_at(place, filed):
            return False
        members = [one for one in await self._book.members_at(place) if one.storm == filed.name.id]
        return not lasts(members, _in_common(filed), self._many)

    async def _part_of(self, place: str, event: HealthEvent, mine: Member, members: Sequence[Member]) -> Storm | None:
        """The one that lasts, or the one that this makes."""
        shared = shared_at(place, mine.trouble)
        told_by, in_common = self._lasting(place, shared, members)
        if told_by and belongs_to([one for one in members if one.storm == told_by], mine, in_common):
            return await self._joined(place, event, [mine], told_by, in_common)
        for in_common in shared:
            alike = [one for one in members if in_common in shared_at(place, one.trouble)]
            if together := gathered(alike, mine, size_of(in_common, self._many)):
                return await self._opened(place, event, together, in_common)
        return None

    async def _opened(self, place: str, event: HealthEvent, together: Sequence[Member], in_common: str) -> Storm:
        """Of several planners that see it at once, the first has the gate of the storm until its members are marked;
        who finds the gate open afterwards finds these marks."""
        storm = storm_event(event, together, in_common)
        (gate,) = await self._gates.pass_each([storm], at_least_ms=GATE_MS)
        if gate.holder and self._is_over(_id(gate.holder, place)):
            await self._gates.free(storm, gate.holder)
            (gate,) = await self._gates.pass_each([storm], at_least_ms=GATE_MS)
        opened, _ = self._lasting(place, [in_common], await self._book.members_at(place))
        if opened:
            await self._gates.free(storm)
        told_by = opened or _id(gate.holder or event.id or "", place)
        return await self._joined(place, event, together, told_by, in_common)

    async def _joined(
        self, place: str, event: HealthEvent, members: Sequence[Member], told_by: str, in_common: str
    ) -> Storm:
        await self._book.join(place, members, told_by, in_common)
        return Storm(storm_event(event, members, in_common), told_by, told_by == _id(event.id or "", place))

    def _known(self, place: str, event: HealthEvent, mine: Member) -> Storm | None:
        opens = mine.storm == _id(event.id or "", place)
        storm = Storm(storm_event(event, [mine], mine.in_common), mine.storm, opens)
        return None if self._is_over(mine.storm) and not opens else storm

    def _is_over(self, action_id: str) -> bool:
        """It was filed, and is not open any more. One that nobody filed yet is about to be."""
        is_open = any(filed.name.id == action_id for filed in self._actions.open_proposals())
        return not is_open and self._actions.was_filed(action_id)

    def _lasting(self, place: str, shared: Sequence[str], members: Sequence[Member]) -> tuple[str, str]:
        """The storm over one of `shared` that waits there or is about to be filed, and over which; ('', '') for none.
        The folder reminds a Redis that forgot."""
        known = {(one.storm, one.in_common) for one in members if one.storm}
        waits = (filed for filed in self._actions.open_proposals() if _is_storm_at(place, filed))
        known |= {(filed.name.id, _in_common(filed)) for filed in waits}
        lasting = (one for one in sorted(known) if one[1] in shared and not self._is_over(one[0]))
        return next(lasting, ("", ""))


CALMED = "it calmed: too few of what went wrong at once last, and each of them is told by itself"


def _in_common(filed: Filed) -> str:
    return str(filed.proposal.event.payload.get(IN_COMMON, ""))


def _explains_any(event: HealthEvent, members: Sequence[Member], place: str) -> bool:
    """Is it the cause of some of them? Among all nodes, of one that is elsewhere; that its node is silent may itself
    come from what they have in common."""
    if event.service is None or not may_explain(event):
        return False
    mine = cause_of(event)
    others = (one.trouble for one in members if place != ALL_NODES or one.trouble.node != event.node)
    return any(mine.explains(trouble) for trouble in others)


def _is_storm_at(place: str, filed: Filed) -> bool:
    event = filed.proposal.event
    return event.type == EventType.TROUBLE_STORM and event.node == place


def _subject_at(place: str, filed: Filed) -> str | None:
    event = as_down(filed.proposal.event, filed.proposal.action)
    of_a_stranger = event.trust is Trust.FOREIGN and event.type in SERVICE_STATES
    return cause_of(event).subject if of_a_stranger or place in places_of(event) else None


def _id(event_id: str, place: str) -> str:
    return proposal_id(event_id, place, None)
