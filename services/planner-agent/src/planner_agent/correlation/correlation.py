"""One cause, one proposal: what the told trouble of a node explains is not proposed beside it.

A cause is noted before its proposal is filed, and what is filed looks for its cause afterwards; so does a cause for
what was filed before it. Whoever comes second sees the other one. Nothing is put aside: as long as the trouble lasts
its agent announces it anew, and it is planned once its cause is over.
"""

from __future__ import annotations

from collections.abc import Sequence

from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.incidents.causes import Cause, cause_of, may_explain, places_needed, root_cause
from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.storm import ALL_NODES, nodes_in
from mesh_core.models.events import HealthEvent
from planner_agent.correlation.as_down import as_down
from planner_agent.correlation.cause_book import CauseBook, KnownCauses
from planner_agent.correlation.storms import Storm, Storms
from planner_agent.proposals.withdrawals import Withdrawals
from planner_agent.store.planner_store import PlannerStore


class Correlation:
    """Every method may be repeated. Raises BusDown, and OSError for a full disk."""

    def __init__(
        self,
        book: CauseBook,
        storms: Storms,
        store: PlannerStore,
        actions: PlannerFolders,
        withdrawals: Withdrawals,
    ):
        self._book = book
        self._store = store
        self._storms = storms
        self._actions = actions
        self._withdrawals = withdrawals

    async def known_for(self, event: HealthEvent) -> KnownCauses:
        """What may explain it, for all that is asked of it while it is planned."""
        return await self._book.known_for(event)

    def cause_of(self, event: HealthEvent, known: KnownCauses, *, choice: str = "") -> Cause | None:
        """What explains this trouble, and is told. What ails a whole node explains as long as it lasts: no service is
        repaired there before. A sick service does as long as its proposal is open: who rejects that one, or sees it
        fail, is told of the others.

        `choice`: what is to be done for it.
        """
        event = as_down(event, choice)
        if not known.lasting:
            return None
        is_open = {"", *(filed.name.id for filed in self._actions.open_proposals())}
        return root_cause(event, [one for one in known.lasting if one.service is None or one.told_by in is_open])

    async def end(self, recoveries: Sequence[HealthEvent]) -> None:
        """What these end explains nothing any more."""
        await self._book.end(recoveries)
        await self._storms.end(recoveries)

    async def storm_of(self, event: HealthEvent, choice: str) -> Storm | None:
        """The one that this is part of, or that tells of the same service by its agent's word."""
        if self._storms.counts(event):
            return await self._storms.of(event)
        return await self._storms.told(as_down(event, choice))

    async def tell_with_storm(self, event: HealthEvent, storm: Storm) -> None:
        """This makes the storm, which is about to be told."""
        if event.service is None:
            await self._note_as_member(event, storm.told_by)

    async def tell(self, event: HealthEvent, action_id: str) -> None:
        """This trouble is about to be told by that proposal."""
        if may_explain(event):
            await self._book.note(cause_of(event, action_id))

    async def explain(self, event: HealthEvent, cause: Cause, *, again: bool) -> None:
        """It is shown with its cause, and what waits for it goes, and what hangs on it in turn: that has the same
        cause."""
        await self._withdraw(event, cause, again=again)
        if cause.node == ALL_NODES:
            await self._storms.calm(event.node, again=again)
        if may_explain(event):
            await self._withdraw_what_is_explained(event.node)

    async def look_around(self, event: HealthEvent, action_id: str, *, again: bool) -> None:
        """The proposal for this was filed: does it explain what waits, or something else this?"""
        choice = next((filed.proposal.action for filed in self._actions.pending() if filed.name.id == action_id), "")
        if cause := self.cause_of(event, await self.known_for(event), choice=choice):
            await self.explain(event, cause, again=again)
        elif storm := await self._storms.told(as_down(event, choice)):
            await self.explain(event, storm.cause, again=again)
        if event.type == EventType.TROUBLE_STORM:
            await self._withdraw_its_members(event, action_id, again=again)
        elif may_explain(event):
            await self._withdraw_what_is_explained(event.node)
        else:
            return
        if again:
            await self._withdrawals.tell_explained(await self._book.explained_by(action_id), cause_of(event, action_id))

    async def _withdraw_its_members(self, storm: HealthEvent, action_id: str, *, again: bool) -> None:
        """And the storms of single nodes that are part of it."""
        for filed in await self._storms.waiting_members(storm, action_id):
            await self._withdraw(filed.proposal.event, cause_of(storm, action_id), again=False)
        for node in nodes_in(storm):
            await self._storms.calm(node, again=again)
            await self._withdraw_what_is_explained(node)

    async def _withdraw_what_is_explained(self, node: str) -> None:
        """There, and elsewhere what needs something there."""
        for filed in self._actions.pending():
            trouble = filed.proposal.event
            if trouble.node != node and not any(place.startswith(f"{node}/") for place in places_needed(trouble)):
                continue
            known = await self.known_for(trouble)
            if cause := self.cause_of(trouble, known, choice=filed.proposal.action):
                await self._withdraw(trouble, cause, again=False)

    async def _withdraw(self, event: HealthEvent, cause: Cause, *, again: bool) -> None:
        if event.service is None and cause.type == EventType.TROUBLE_STORM:
            await self._note_as_member(event, cause.told_by)
        elif may_explain(event):
            await self._book.note(cause_of(event))
        await self._book.note_explained(event, cause)
        if withdrawn := await self._withdrawals.explained(event, cause, again=again):
            await self._book.hand_on(withdrawn, cause)

    async def _note_as_member(self, event: HealthEvent, storm: str) -> None:
        """What ails a whole node explains as much as part of a storm, unless it was over before that was noted."""
        await self.tell(event, storm)
        if await self._store.recovered_after(event):
            await self.forget(event)

    async def forget(self, event: HealthEvent) -> None:
        """It was over before its proposal was filed."""
        if may_explain(event):
            await self._book.forget(event.node, [cause_of(event).subject])
