"""What was told of a trouble before: through the gate, by an open proposal, by a decision. And does it hide this event?

Reads only. Known trouble is counted beside what was told; what got worse is told anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import structlog

from mesh_core.actions.register import action_type
from mesh_core.approvals.card import TOLD_BEFORE
from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.approvals.proposal_files import Filed
from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.subject import subject_of
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Evidence, Folder, proposal_id
from mesh_core.models.records import utc_now
from planner_agent.diagnosis.diagnosis import Diagnostician
from planner_agent.prompts.evidence import kept_event
from planner_agent.store.gates import Gate
from planner_agent.store.planner_store import PlannerStore
from planner_agent.store.worsening import Weight, is_worse, may_be_worse, weight_of, weight_of_proposal

log = structlog.get_logger()


class Reported(NamedTuple):
    """The event with which it was told, in which way, and how much it weighed (None: nobody knows any more).

    `proposal`: the one that is open, '' for none. `runs`: a repair of it is at work, which stops things itself; what it
    leaves behind is told when it has ended.
    """

    owner: str
    reason: str
    weight: Weight | None
    proposal: str = ""
    runs: bool = False

    def as_evidence(self) -> Evidence:
        """For the card of what is worse: it is no second card about the same thing."""
        said = f"takes the place of {self.proposal}, if that still waits" if self.proposal else "nothing waits for it"
        before = f" ({self.weight.type})" if self.weight else ""
        return Evidence(source=TOLD_BEFORE, text=f"It was told before{before} and got worse; {said}.")


class ReportedBefore:
    """Asked once for each event that is planned."""

    def __init__(
        self,
        store: PlannerStore,
        actions: PlannerFolders,
        diagnostician: Diagnostician,
        *,
        clock: Callable[[], datetime] = utc_now,
    ):
        self._store = store
        self._actions = actions
        self._diagnostician = diagnostician
        self._clock = clock

    async def of(self, event: HealthEvent, action_id: str, gate: Gate, deferred: frozenset[str]) -> Reported | None:
        """The newest word about this trouble; None: it is new. `deferred`: events that a person put aside for now."""
        open_one = self._open_proposal(event, action_id)
        weight = gate.reported or (weight_of_proposal(open_one.proposal) if open_one else None)
        runs = open_one is not None and open_one.path.parent == self._actions.folder(Folder.RUNNING)
        waits = open_one.name.id if open_one else ""
        if gate.holder:
            return Reported(gate.holder, f"within the cooldown of {gate.holder}", weight, waits, runs)
        if open_one:
            return Reported(open_one.proposal.event.id or "", f"{waits} is still open", weight, waits, runs)
        owner = await self._store.decided_incident(event)
        if owner and owner not in deferred and not self._was_withdrawn(owner, event):
            return Reported(owner, f"this incident was decided with {owner}", weight)
        return None

    async def raised(self, event: HealthEvent, reported: Reported, untouchable: str) -> Weight | None:
        """How much it weighs now, if it got worse since: then nothing that was told hides it."""
        if reported.weight is not None and reported.weight.event_id == event.id:
            return reported.weight  # this very event was found to be worse, by a planner that died over it
        if reported.runs or reported.weight is None or not may_be_worse(event, reported.weight):
            return None
        preferred = await self._diagnostician.preferred(event, untouchable)
        if not is_worse(event, preferred, reported.weight):
            return None
        log.info("reported_before.got_worse", event_id=event.id, than=reported.owner, reason=reported.reason)
        return reported.weight.and_then(weight_of(event, preferred, preferred))

    def _was_withdrawn(self, owner: str, event: HealthEvent) -> bool:
        """Then nobody decided; whoever filed it may have settled it after its cause withdrew it."""
        return self._actions.was_withdrawn(proposal_id(owner, event.node, event.service))

    def _open_proposal(self, event: HealthEvent, action_id: str) -> Filed | None:
        now = self._clock()
        for filed in self._actions.open_proposals():
            if filed.name.id != action_id and not filed.proposal.expired(now) and is_about(filed, event):
                return filed
        return None


def is_about(filed: Filed, event: HealthEvent) -> bool:
    """Is that proposal of the same incident, or of the same subject? What mends nothing (an undo, a preview, a request)
    is not."""
    proposal = filed.proposal
    action = action_type(proposal.type)
    if action.takes_back or action.only_asks or proposal.event.type == EventType.PLAYBOOK_REQUESTED:
        return False
    if (proposal.node, proposal.service) != (event.node, event.service):
        return False
    if event.incident is not None and proposal.event.incident == event.incident:
        return True
    return subject_of(proposal.event) == subject_of(kept_event(event))
