"""Withdraws proposals from pending/: their trouble is over, or a worse word about it waits. Never what was approved.

The reason is written before the move and told after it; whoever dies in between does it again (docs/delivery.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

import structlog

from mesh_core.actions.register import action_type
from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.approvals.proposal_files import Filed
from mesh_core.incidents.causes import Cause
from mesh_core.incidents.event_types import EventType
from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import ActionUpdate, Folder
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.runtime.metrics import WITHDRAWN
from planner_agent.proposals.reported_before import is_about
from planner_agent.store.planner_store import PlannerStore

log = structlog.get_logger()


class Place(Protocol):
    """Where something is wrong; `service` None for the node itself."""

    @property
    def node(self) -> str: ...
    @property
    def service(self) -> str | None: ...


class Withdrawals:
    """Every method may be repeated from the start. Raises BusDown, and OSError for a full disk."""

    def __init__(
        self,
        bus: Bus,
        store: PlannerStore,
        actions: PlannerFolders,
        *,
        clock: Callable[[], datetime] = utc_now,
    ):
        self._bus = bus
        self._store = store
        self._actions = actions
        self._clock = clock

    async def withdraw(self, place: Place, reason: str, goes: Callable[[Filed], bool], *, again: bool) -> str | None:
        """Withdraw what `goes` is true of; None if none of it waits, or a person was faster. A person's undo or
        request stays: that all is well is no answer to it.

        `again`: what was withdrawn at this place for the same reason may not have been told; telling it twice is
        harmless.
        """
        taken = list(self._actions.withdrawn(place.node, place.service, reason)) if again else []
        for filed in self._actions.pending():
            if goes(filed) and not _is_asked_for(filed) and self._actions.withdraw(filed.name, reason):
                WITHDRAWN.add()
                log.info("planner.withdrew", action_id=filed.name.id, reason=reason)
                taken.append(filed)
        for filed in taken:
            await self._bus.publish(self._update(filed, reason), idempotency_key=f"{filed.name.id}:pending:withdrawn")
            await self._store.gates.free(filed.proposal.event)
        return taken[-1].name.id if taken else None

    async def supersede(self, event: HealthEvent, *, again: bool) -> None:
        """Of one subject one proposal waits: that of the event which has the gate, because it got worse.

        Whoever files second sees the other one. The incident of what goes does not count as decided: when the greater
        trouble is over, the lesser is told anew.
        """
        waiting = [filed for filed in self._actions.pending() if is_about(filed, event) and _is_ours(filed)]
        if not waiting:
            return
        holder = await self._store.gates.holder_of(event)
        newest = max(waiting, key=lambda filed: (filed.proposal.event.id == holder, filed.proposal.created_at))
        worst = newest.proposal.event
        gone = [filed for filed in waiting if filed.proposal.event.id != worst.id]
        if gone or again:
            names = frozenset(filed.name for filed in gone)
            reason = f"it got worse: {worst.severity} {worst.type} at {worst.timestamp}; see {newest.name.id}"
            await self.withdraw(event, reason, lambda filed: filed.name in names, again=again)
        for filed in gone:
            incident = filed.proposal.event.incident
            if incident and incident != worst.incident:
                await self._store.reopen(incident)

    async def explained(self, trouble: HealthEvent, cause: Cause, *, again: bool) -> str | None:
        """What waits for this trouble goes, since its cause was told; its id, None where nothing waited. It does not
        count as decided: it is planned anew if it is still there when its cause is over."""
        if trouble.incident:
            await self._store.reopen(trouble.incident)
        return await self.withdraw(trouble, cause.told, lambda filed: is_about(filed, trouble), again=again)

    async def tell_explained(self, places: Iterable[Place], cause: Cause) -> None:
        """What was withdrawn there because of this cause, by somebody who may have died before telling it."""
        for place in places:
            await self.withdraw(place, cause.told, lambda _: False, again=True)

    def _update(self, filed: Filed, reason: str) -> ActionUpdate:
        timestamp = rfc3339(self._clock())
        return ActionUpdate.of(
            filed.proposal, Folder.PENDING, Folder.WITHDRAWN, actor="planner", timestamp=timestamp, reason=reason
        )


def _is_asked_for(filed: Filed) -> bool:
    proposal = filed.proposal
    return action_type(proposal.type).takes_back or proposal.event.type == EventType.PLAYBOOK_REQUESTED


def _is_ours(filed: Filed) -> bool:
    """A playbook is a person's own request: nothing that a planner hears takes its place."""
    return action_type(filed.proposal.type).choice is not None
